#!/usr/bin/env bash
# Trains one system for one event class.
set -euo pipefail

seed=1
epochs=
asr=models/demo
layer=prefinal-l
side_by_side=1
folds_at_once=1
new_mixtures=false
help_message="Usage: $0 [options] DATA_DIR EVENT SYSTEM_YAML MODEL_DIR
Example: $0 --seed 1 data/demo/babycry babycry conf/systems/gradual.yaml exp/demo/babycry/gradual
  --seed N       random seed ($seed)
  --epochs N     training epochs (the system's configuration)
  --asr DIR      ASR model that made the features; noted in the checkpoint ($asr)
  --layer NODE   its node ($layer)
  --side-by-side N   how many trainings run at once: each has its share of the cores, and the last digits of a
                 training's figures depend on how many those are ($side_by_side)
  --folds-at-once N   how many of these are folds of this model, if it has any; no figure depends on it ($folds_at_once)
  --new-mixtures true   train on the mixtures that were drawn for this seed, DATA_DIR/devtrain_seedN; seed 1 has devtrain
                 ($new_mixtures)
Reads:  DATA_DIR/devtrain/{feats_<frontend>,prefinal}.scp
Writes: MODEL_DIR/{final.pt,config.yaml,metrics.csv,train.log,job.log,events.out.tfevents.0.pysed}"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/jobs.sh
. utils/parse_options.sh
(($# == 4)) || die "$help_message"
need_integer side-by-side "$side_by_side" 1
need_integer folds-at-once "$folds_at_once" 1
((folds_at_once <= side_by_side)) || side_by_side=$folds_at_once
data=$1/devtrain
[[ $new_mixtures != true || $seed == 1 ]] || data+=_seed$seed
event=$2 system=$3 dir=$4
need_files "$0" "$system"
need_name event "$event"
need_integer seed "$seed"
frontend=$(yaml_value "$system" frontend)
config=conf/frontends/$frontend.yaml
inputs=("$data/.done" "$data/.done_feats_$frontend")
asr_options=()
if [[ $(yaml_value "$system" asr) == true ]]; then
  inputs+=("$data/.done_prefinal")
  asr_options=(--asr "$asr" --layer "$layer")
fi
need_files "$0" "${inputs[@]}"
if [[ $(yaml_value "$system" asr_layers) == [1-9]* ]]; then # of the recogniser's, trained along
  inputs+=("$data"/.done_{mfcc_hires,ivectors} "$asr/final.mdl")
fi
training_code "$system"
train() {
  # shellcheck disable=SC2086 # a command and its options
  $train_cmd train --system "$system" --data "$data" --event "$event" --seed "$seed" --jobs "$folds_at_once" \
    ${epochs:+--epochs "$epochs"} "${asr_options[@]}" --out "$dir"
}
lock_folder "$1" shared
pysed feats options "$config" |
  python -S -E -m pysed.freshness frontend "$data/.done_feats_$frontend" "$config" "$(yaml_value "$config" average_frames)"
[[ -z ${asr_options[*]} ]] || python -S -E -m pysed.freshness features "$data/.done_prefinal" "$asr" "$layer"
need_files "$0" "$data/events.tsv"
EVENT=$event awk -F'\t' '$4 == ENVIRON["EVENT"] { found = 1; exit } END { exit !found }' <"$data/events.tsv" ||
  die "$0: $data/events.tsv: no event $event; expected the class of these mixtures"
lock_folder "$dir"
resolved=(pysed train --system "$system" --data - --event "$event" --out - ${epochs:+--epochs "$epochs"} --print-config)
to_do "$dir/.done_train" "  $dir" --inputs "${inputs[@]}" --options "$event" "$seed" ${asr_options:+"$layer"} \
  --made-by "$(made_by "${resolved[@]}" -- "$system" "$config")" \
  --code "$0" "${training[@]}" --version "${training[@]}" || exit 0
if [[ (! -f $dir/checkpoint.pt && ! -d $dir/fold1) || ! -f $dir/.train_key || $(<"$dir/.train_key") != "$key" ]]; then # nothing to resume
  rm -rf -- "$dir"/{checkpoint*,fold[0-9]{,[0-9],[0-9][0-9],[0-9][0-9][0-9]},.done_*}
  printf '%s\n' "$key" >"$dir/.train_key"
fi
log "  $dir: training" # which tells of each epoch in train.log
export side_by_side
[[ $train_run_cmd == *utils/run_jobs.sh ]] || folds_at_once=1 # elsewhere a job has the cores that it asked for
write_job "$dir/job.sh" train train_cmd system data event seed folds_at_once epochs asr_options dir
start_job "$train_run_cmd" "$dir/job.log" "$dir/job.sh"
last=$(tail -n 1 "$dir/train.log") # of the best epoch; or of all folds
rates='^(.*): .*f_measure ([0-9.]+), error_rate ([0-9.]+)'
[[ ! $last =~ $rates ]] ||
  last=$(printf '%s: validation F %.1f %%, error rate %.2f' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}e2" "${BASH_REMATCH[3]}")
log "  $dir: $last; $SECONDS s"
outputs=()
for file in "$dir"/{config.yaml,train.log}; do [[ ! -f $file ]] || outputs+=("$file"); done
need_files "$0" "$dir/final.pt" "$dir/metrics.csv"
finish "$dir/.done_train" "$dir/final.pt" "$dir/metrics.csv" "${outputs[@]}"
