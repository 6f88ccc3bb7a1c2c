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
  "$results"/phones/{.done,figure2.svg,patterns/{.done,streams.svg}}; do
  [[ ! -f $file ]] || inputs+=("$file")
done
need_files "$0" "${inputs[0]-$results/*/*/score_devtest.json}"
key=$(fingerprint "${inputs[@]}")
if up_to_date "$out/.done" "$key"; then
  log "  $out: up to date"
  exit
fi
mkdir -p "$out"
rm -rf "$out/.done" "$out/index_files"
pysed report --data "$data" --results "$results" --out "$out"
need_files "$0" "$out/index.html"
mark_done "$out/.done" "$key"
