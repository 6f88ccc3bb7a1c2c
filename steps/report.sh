#!/usr/bin/env bash
# One page that shows a corpus's whole experiment.
set -euo pipefail

help_message="Usage: $0 DATA RESULTS OUT_DIR
Example: $0 data/demo exp/demo exp/demo/report
Reads:  RESULTS/EVENT/SYSTEM/{score_*.json,scores_*.scp,events_*.tsv,metrics.csv,final.pt}, RESULTS/phones/,
        DATA/EVENT/SUBSET/{wav.scp,events.tsv,phones.ctm,feats_*.scp}
Writes: OUT_DIR/index.html, every figure as SVG, PNG and PDF; OUT_DIR/index_files/, what the page cannot hold"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
data=$1 results=$2 out=$3
inputs=()
for file in "$results"/*/*/{,seed*/}{score_{dev,eval}test.json,counts_*.tsv} "$results"/*/*/{config.yaml,events_*.tsv} \
  "$results"/phones/{.done,patterns/.done} "$data"/*/{dev,eval}test/.done{,_phones}; do
  [[ ! -f $file ]] || inputs+=("$file")
done
need_files "$0" "${inputs[0]-$results/*/*/score_devtest.json}"
lock_folder "$out"
to_do "$out/.done" "  $out" --inputs "${inputs[@]}" --code "$0" pysed.commands.report:main || exit 0
mkdir -p "$out"
rm -rf -- "$out/index_files" "$out"/{precision_recall,threshold,reliability}_{dev,eval}test{,-*}.{svg,png,pdf}
code=0
pysed report --data "$data" --results "$results" --out "$out" || code=$?
[[ $code == [03] ]] || exit "$code"
need_files "$0" "$out/index.html"
((code == 0)) || exit "$code" # recordings are gone; the page says so
finish "$out/.done" "$out"
