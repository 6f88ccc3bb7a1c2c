#!/usr/bin/env bash
# Scores a detector, as it was exported, on the test set of a corpus.
set -euo pipefail

event=babycry
threshold=
nj=2
help_message="Usage: $0 [options] MODEL CORPUS WORK_DIR
Example: $0 babycry ../shared/corpora/rare_real work
  --event NAME     class that is scored ($event)
  --threshold X    instead of the detector's own
  --nj N           parallel jobs ($nj)
Reads:  CORPUS/source_data
Writes: WORK_DIR/devtest, the mixtures of stage 1; WORK_DIR/found.tsv, an event a file; WORK_DIR/score.json"
. ./path.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
model=$1 corpus=$2 work=$3
lists=$corpus/source_data/cv_setup
need_files "$0" "$lists/events_devtest.yaml" "$lists/bgs_devtest.yaml"

mkdir -p "$work"
[[ -s $work/devtest/wav.scp ]] ||
  pysed corpus mix --source "$corpus" --event "$event" --subset devtest --nj "$nj" --out "$work/devtest"
cut -d' ' -f2- "$work/devtest/wav.scp" >"$work/files.list"
rm -f "$work/found.tsv"
pysed detect --model "$model" ${threshold:+--threshold "$threshold"} --one-event --jobs "$nj" --format list \
  --files-from "$work/files.list" --out "$work/found.tsv"
pysed score --reference "$work/devtest" --detected "$work/found.tsv" --event "$event" --out "$work/score.json"
