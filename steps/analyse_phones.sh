#!/usr/bin/env bash
# What each event class is heard as: tables of phones and the paper's Figure 2.
set -euo pipefail

subset=devtrain
help_message="Usage: $0 [--subset NAME] DATA SOURCE_DIR ASR_DIR OUT_DIR EVENT...
Example: $0 data/demo data/demo models/demo exp/demo/phones babycry glassbreak gunshot
  --subset NAME   whose events ($subset)
Reads:  DATA/EVENT/{NAME,isolated_NAME}/{phones.ctm,events.tsv,...}, ASR_DIR/phones.txt, SOURCE_DIR/source_data's lists
Writes: OUT_DIR/{phones.md,phones.csv,summary.csv,comparisons.csv,table2.csv,words.csv,figure2{,_mixtures}.{svg,png,pdf}};
        nothing where the model has no graph"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# >= 5)) || die "$help_message"
data=$1 source_dir=$2 asr=$3 out=$4
shift 4
has_graph "$asr" "$out" || exit 0
lists=$source_dir/source_data/cv_setup
inputs=("$asr/phones.txt" "$lists/events_$subset.yaml")
for event; do
  for set in "$subset" "isolated_$subset"; do
    inputs+=("$data/$event/$set/.done" "$data/$event/$set/.done_phones" "$data/$event/$set/events.tsv")
  done
done
need_files "$0" "${inputs[@]}"
key=$(fingerprint "${inputs[@]}" "=$subset $*")
if up_to_date "$out/.done" "$key" && [[ -s $out/figure2.svg ]]; then
  log "  $out: up to date"
  exit
fi
rm -f "$out/.done"
events=$*
pysed phones --data "$data" --events "${events// /,}" --phones "$asr/phones.txt" --source "$source_dir" \
  --subset "$subset" --out "$out"
need_files "$0" "$out"/{phones.md,phones.csv,summary.csv,comparisons.csv,table2.csv,words.csv} \
  "$out"/figure2{,_mixtures}.{svg,png,pdf}
mark_done "$out/.done" "$key"
log "  $out/phones.md: $# classes"
