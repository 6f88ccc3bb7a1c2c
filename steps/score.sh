#!/usr/bin/env bash
# Detects and scores one trained model on every test set of its event class.
set -euo pipefail

seed=1
help_message="Usage: $0 [--seed N] DATA_DIR EVENT SYSTEM_YAML MODEL_DIR
Example: $0 data/demo/babycry babycry conf/systems/gradual.yaml exp/demo/babycry/gradual
Reads:  MODEL_DIR/final.pt, DATA_DIR/{devtest,evaltest}/{feats_<frontend>,prefinal}.scp
Writes: MODEL_DIR/{scores_<subset>.ark,scores_<subset>.scp,events_<subset>.tsv,score_<subset>.json,
  counts_<subset>.tsv,cost_<subset>.json}"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 4)) || die "$help_message"
system=$3 dir=$4
need_files "$0" "$dir/final.pt" "$dir/.done_train"
frontend=$(yaml_value "$system" frontend)

for subset in devtest evaltest; do
  data=$1/$subset
  if [[ ! -d $data ]]; then continue; fi
  marks=("$data/.done" "$data/.done_feats_$frontend")
  if [[ $(yaml_value "$system" asr) == true ]]; then marks+=("$data/.done_prefinal"); fi
  need_files "$0" "${marks[@]}"
  key=$(fingerprint "${marks[@]}" "$dir/.done_train" "=counts segments psds") # an older version's scores lack them
  if up_to_date "$dir/.done_$subset" "$key"; then
    log "stage 6: $dir: $subset: up to date"
    continue
  fi
  log "stage 6: detect and score: $data -> $dir/score_$subset.json (seed $seed)"
  pysed evaluate --model "$dir" --data "$data" --out "$dir"
  need_files "$0" "$dir"/{score_$subset.json,events_$subset.tsv,counts_$subset.tsv}
  mark_done "$dir/.done_$subset" "$key"
done
