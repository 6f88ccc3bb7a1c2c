#!/usr/bin/env bash
# Mixes one event class of a corpus: a Kaldi data directory per subset, and one of its bare events.
set -euo pipefail

nj=2
num_mixtures=
config=conf/corpora/default.yaml
help_message="Usage: $0 [options] SOURCE_DIR EVENT OUT_DIR
Example: $0 --nj 2 data/demo babycry data/demo/babycry
  --nj N             parallel jobs ($nj)
  --num-mixtures N   training mixtures (as configured)
  --config FILE      the corpus's settings ($config)
Reads:  SOURCE_DIR/source_data
Writes: OUT_DIR/{devtrain,devtest,isolated_devtrain,isolated_devtest}/{wav.scp,utt2spk,reco2dur,events.tsv,...}"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
source_dir=$1 event=$2 out=$3
lists=$source_dir/source_data/cv_setup

for subset in devtrain devtest; do
  need_files "$0" "$lists/events_$subset.yaml" "$lists/bgs_$subset.yaml"
  count=()
  if [[ $subset == devtrain && -n $num_mixtures ]]; then count=(--num-mixtures "$num_mixtures"); fi
  key=$(fingerprint "$lists/events_$subset.yaml" "$lists/bgs_$subset.yaml" "$config" "=$event ${count[*]-}")
  for set in "$subset" "isolated_$subset"; do
    if up_to_date "$out/$set/.done" "$key"; then
      log "  $out/$set: up to date"
      continue
    fi
    if [[ $set == "$subset" ]]; then
      pysed corpus mix --source "$source_dir" --config "$config" --event "$event" --subset "$subset" \
        --nj "$nj" "${count[@]}" --out "$out/$set"
    else
      pysed corpus isolate --source "$source_dir" --event "$event" --subset "$subset" --out "$out/$set"
    fi
    pysed corpus validate "$out/$set"
    mark_done "$out/$set/.done" "$key"
    log "  $out/$set: $(wc -l <"$out/$set/wav.scp") recordings"
  done
done
