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
event=$2 system=$3 dir=$4
need_name event "$event"
need_files "$0" "$dir/final.pt" "$dir/.done_train"
frontend=$(yaml_value "$system" frontend) model=$(yaml_value "$system" model)
code=("$0" pysed.commands.evaluate:main "pysed.networks=${model:-cbrnn}")
[[ $(yaml_value "$system" asr_layers) == [1-9]* ]] || code+=(-pysed.features.of_samples)
training_code "$system"
lock_folder "$1" shared
lock_folder "$dir"

for subset in devtest evaltest; do
  data=$1/$subset
  outputs=("$dir"/{score_$subset.json,cost_$subset.json,events_$subset.tsv,counts_$subset.tsv,scores_$subset.{ark,scp}})
  if [[ ! -d $data ]]; then # the corpus has no such set: an earlier one's scores go, but not where all data are gone
    if [[ -d $1/devtest && -f $dir/.done_$subset ]]; then
      rm -f -- "$dir/.done_$subset" "${outputs[@]}" "$dir/onsets_$subset".{ark,scp}
      log "  $dir: $subset: scores removed; $1 has no such set any more"
    fi
    continue
  fi
  inputs=("$data/.done" "$data/.done_feats_$frontend")
  if [[ $(yaml_value "$system" asr) == true ]]; then inputs+=("$data/.done_prefinal"); fi
  need_files "$0" "${inputs[@]}"
  to_do "$dir/.done_$subset" "  $dir: $subset" --inputs "${inputs[@]}" "$dir/final.pt" \
    --code "${code[@]}" --version "${training[@]}" || continue
  said=$(pysed evaluate --model "$dir" --data "$data" --event "$event" --out "$dir")
  need_files "$0" "${outputs[@]}"
  finish "$dir/.done_$subset" "${outputs[@]}"
  log "  $dir: $subset, seed $seed: $said"
done
