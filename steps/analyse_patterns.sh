#!/usr/bin/env bash
# Which speech patterns help: a trained gradual network's decisions beside what the recogniser heard.
set -euo pipefail

subset=devtest
help_message="Usage: $0 [--subset NAME] DATA MODELS ASR_DIR OUT_DIR EVENT...
Example: $0 data/demo exp/demo models/demo exp/demo/phones/patterns babycry glassbreak gunshot
  --subset NAME   the test set ($subset)
Reads:  DATA/EVENT/NAME/{phones.ctm,prefinal.scp,feats_*.scp,...}, MODELS/EVENT/gradual/{final.pt,events_NAME.tsv},
        MODELS/EVENT/cbrnn/events_NAME.tsv where it is there
Writes: OUT_DIR/{patterns.md,decisions.csv,evidence.csv,ngrams.csv,mended.csv,{streams,evidence}.{svg,png,pdf}};
        nothing of classes without a trained and scored gradual, or where the model has no graph (earlier ones go)"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# >= 5)) || die "$help_message"
data=$1 models=$2 asr=$3 out=$4
shift 4
outputs=("$out"/{patterns.md,{decisions,evidence,ngrams,mended}.csv,{streams,evidence}.{svg,png,pdf}})
if ! has_graph "$asr" "$out"; then
  forget "$out" "$out/.done" "${outputs[@]}" "$out"/{streams,evidence}-*.svg
  exit
fi
events=() inputs=("$asr/phones.txt")
for event; do
  [[ ! -s $models/$event/gradual/final.pt || -d $data/$event/$subset ]] ||
    die "$0: --subset $subset: no folder $data/$event/$subset; expected a test set"
  list=$models/$event/gradual/events_$subset.tsv
  if [[ ! -s $models/$event/gradual/final.pt || ! -s $list ]]; then
    log "  $out: $event: no trained and scored gradual in $models/$event; skipped"
    continue
  fi
  events+=("$event")
  inputs+=("$models/$event/gradual/final.pt" "$list" "$data/$event/$subset"/{.done,.done_phones,events.tsv,phones.ctm})
  if [[ -f $models/$event/cbrnn/events_$subset.tsv ]]; then inputs+=("$models/$event/cbrnn/events_$subset.tsv"); fi
done
if ((${#events[@]} == 0)); then
  forget "$out" "$out/.done" "${outputs[@]}" "$out"/{streams,evidence}-*.svg
  exit
fi
need_files "$0" "${inputs[@]}"
for event in "${events[@]}"; do lock_folder "$data/$event" shared; done
lock_folder "$out"
to_do "$out/.done" "  $out" --inputs "${inputs[@]}" --options "$subset" "${events[@]}" \
  --code "$0" pysed.commands.patterns:main || exit 0
names=${events[*]}
pysed phones patterns --data "$data" --models "$models" --events "${names// /,}" --phones "$asr/phones.txt" \
  --subset "$subset" --out "$out"
if ((${#events[@]} > 1)); then for event in "${events[@]}"; do outputs+=("$out"/{streams,evidence}-"$event.svg"); done; fi
need_files "$0" "${outputs[@]}"
finish "$out/.done" "${outputs[@]}"
log "  $out/patterns.md: ${#events[@]} classes"
