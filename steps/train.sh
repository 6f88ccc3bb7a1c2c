#!/usr/bin/env bash
# Trains one system for one event class.
set -euo pipefail

seed=1
epochs=
asr=models/demo
layer=prefinal-l
side_by_side=1
help_message="Usage: $0 [options] DATA_DIR EVENT SYSTEM_YAML MODEL_DIR
Example: $0 --seed 1 data/demo/babycry babycry conf/systems/gradual.yaml exp/demo/babycry/gradual
  --seed N       random seed ($seed)
  --epochs N     training epochs (the system's configuration)
  --asr DIR      ASR model that made the features; noted in the checkpoint ($asr)
  --layer NODE   its node ($layer)
  --side-by-side N   how many models are trained at once: each has its share of the cores, and the last digits of a
                 training's figures depend on how many those are ($side_by_side)
Reads:  DATA_DIR/devtrain/{feats_<frontend>,prefinal}.scp
Writes: MODEL_DIR/{final.pt,config.yaml,metrics.csv,train.log,job.log,events.out.tfevents.0.pysed}"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/jobs.sh
. utils/parse_options.sh
(($# == 4)) || die "$help_message"
need_integer side-by-side "$side_by_side" 1
data=$1/devtrain event=$2 system=$3 dir=$4
need_files "$0" "$system"
frontend=$(yaml_value "$system" frontend)
marks=("$data/.done" "$data/.done_feats_$frontend")
asr_options=()
if [[ $(yaml_value "$system" asr) == true ]]; then
  marks+=("$data/.done_prefinal")
  asr_options=(--asr "$asr" --layer "$layer")
fi
need_files "$0" "${marks[@]}"
key=$(fingerprint "${marks[@]}" "$system" pysed/train/config.py "=$event $seed ${epochs:-configured} ${asr_options[*]-}")
if up_to_date "$dir/.done_train" "$key"; then
  log "stage 5: $dir: up to date"
  exit
fi
if ! up_to_date "$dir/.train_key" "$key"; then # other inputs or options: nothing to resume
  rm -rf "$dir"/{checkpoint*,.done_*,final.pt,metrics.csv,events.out.*,train.log}
  mkdir -p "$dir" && mark_done "$dir/.train_key" "$key"
fi
log "stage 5: train: $data -> $dir"
: >>"$dir/train.log"
tail --pid=$$ -n 0 -F "$dir/train.log" 2>/dev/null > >(
  while read -r line; do [[ $line != epoch* ]] || printf '%s: %s\n' "$dir" "$line"; done
) &
follower=$!
trap 'kill "$follower"' EXIT
export side_by_side
train() {
  # shellcheck disable=SC2086 # a command and its options
  $train_cmd train --system "$system" --data "$data" --event "$event" --seed "$seed" \
    ${epochs:+--epochs "$epochs"} "${asr_options[@]}" --out "$dir"
}
write_job "$dir/job.sh" train train_cmd system data event seed epochs asr_options dir
start_job "$train_run_cmd" "$dir/job.log" "$dir/job.sh"
log "stage 5: $dir: $(tail -n 1 "$dir/train.log")"
need_files "$0" "$dir/final.pt" "$dir/metrics.csv"
mark_done "$dir/.done_train" "$key"
