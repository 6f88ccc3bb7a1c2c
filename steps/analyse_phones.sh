#!/usr/bin/env bash
# What each event class is heard as: tables of phones and the paper's Figure 2.
set -euo pipefail

subset=devtrain
help_message="Usage: $0 [--subset NAME] DATA SOURCE_DIR ASR_DIR OUT_DIR EVENT...
Example: $0 data/demo data/demo models/demo exp/demo/phones babycry glassbreak gunshot
  --subset NAME   whose events ($subset)
Reads:  DATA/EVENT/{NAME,isolated_NAME}/{phones.ctm,events.tsv,...}, ASR_DIR/phones.txt, SOURCE_DIR/source_data's lists
Writes: OUT_DIR/{phones.md,phones.csv,summary.csv,comparisons.csv,table2.csv,words.csv,figure2{,_mixtures}.{svg,png,pdf}};
        nothing where the model has no graph, those of another model go"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# >= 5)) || die "$help_message"
data=$1 source_dir=$2 asr=$3 out=$4
shift 4
outputs=("$out"/{phones.md,{phones,summary,comparisons,table2,words}.csv,figure2{,_mixtures}.{svg,png,pdf}})
if ! has_graph "$asr" "$out"; then
  forget "$out" "$out/.done" "${outputs[@]}" "$out"/figure2{,_mixtures}-*.svg
  exit
fi
lists=$source_dir/source_data/cv_setup
inputs=("$asr/phones.txt" "$lists/events_$subset.yaml")
for event; do
  for set in "$subset" "isolated_$subset"; do inputs+=("$data/$event/$set"/{.done,.done_phones,events.tsv}); done
done
need_files "$0" "${inputs[@]}"
for event; do lock_folder "$data/$event" shared; done
lock_folder "$out"
to_do "$out/.done" "  $out" --inputs "${inputs[@]}" --options "$subset" "$@" \
  --code "$0" pysed.commands.phones:main -pysed.commands.patterns || exit 0
events=$*
pysed phones --data "$data" --events "${events// /,}" --phones "$asr/phones.txt" --source "$source_dir" \
  --subset "$subset" --out "$out"
if (($# > 1)); then for event; do outputs+=("$out"/figure2{,_mixtures}-"$event.svg"); done; fi
need_files "$0" "${outputs[@]}"
finish "$out/.done" "${outputs[@]}"
log "  $out/phones.md: $# classes"
