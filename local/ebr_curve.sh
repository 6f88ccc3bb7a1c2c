#!/usr/bin/env bash
# F over the event-to-background ratio: trained detectors on the test mixtures, all events made louder or fainter.
set -euo pipefail

nj=2
config=
asr=models/demo
layer=prefinal-l
shifts="-12 -6 0 6 12"
baseline=mlp
help_message="Usage: $0 [options] SOURCE_DIR EVENT DATA_DIR MODELS_DIR SYSTEM...
Example: $0 data/demo babycry data/demo exp/demo mlp crnn cbrnn gradual
  --nj N           parallel jobs ($nj)
  --config FILE    the corpus's settings (SOURCE_DIR/corpus.yaml, conf/corpora/NAME.yaml, conf/corpora/default.yaml)
  --asr DIR, --layer NODE   of the recogniser, for systems with its features ($asr, $layer)
  --shifts LIST    dB by which all events are louder; 0 stands for the ratios of the corpus ($shifts)
  --baseline NAME  system by which corpora are compared: where does its F reach the published one? ($baseline)
Reads:  SOURCE_DIR/source_data, MODELS_DIR/EVENT/SYSTEM[/seedN]/final.pt
Writes: MODELS_DIR/ebr/EVENT/{curve.csv,curve.svg,curve.png,curve.pdf}, the scores beside them; mixtures and features in
        DATA_DIR/.ebr/"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# >= 5)) || die "$help_message"
source_dir=$1 event=$2 data=$3 models=$4
shift 4
out=$models/ebr/$event
for system; do need_files "$0" "$models/$event/$system/final.pt"; done

for shift in $shifts; do
  set=$data/.ebr/$event/$shift/devtest
  steps/make_mixtures.sh --nj "$nj" --config "$config" --shift-ebr="$shift" "$source_dir" "$event" "${set%/*}"
  for system; do
    yaml=$models/$event/$system/config.yaml
    steps/make_sed_feats.sh --nj "$nj" "$set" "$(yaml_value "$yaml" frontend)"
    [[ $(yaml_value "$yaml" asr) != true ]] || steps/make_asr_feats.sh --nj "$nj" --layer "$layer" "$set" "$asr"
    for model in "$models/$event/$system"{,/seed*}/final.pt; do
      [[ -f $model ]] || continue
      model=${model%/final.pt}
      scores=$out/$shift${model#"$models/$event"}
      mkdir -p -- "$scores"
      to_do "$scores/.done" "  $scores" --inputs "$set/.done" "$model/final.pt" --code "$0" pysed.commands.evaluate:main ||
        continue
      log "  $scores: $(pysed evaluate --model "$model" --data "$set" --out "$scores")"
      finish "$scores/.done" "$scores"/{score,cost}_devtest.json "$scores"/{events,counts}_devtest.tsv
    done
  done
done
python local/plot_ebr_curve.py --baseline "$baseline" "$out" "$event"
log "  $out/curve.csv"
