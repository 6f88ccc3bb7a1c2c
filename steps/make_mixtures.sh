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
Reads:  SOURCE_DIR/source_data, and SOURCE_DIR/mixture_data/evaltest where there is one
Writes: OUT_DIR/{devtrain,devtest,evaltest,isolated_devtrain,isolated_devtest}/{wav.scp,utt2spk,reco2dur,events.tsv,...}"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
source_dir=$1 event=$2 out=$3
lists=$source_dir/source_data/cv_setup screening=$source_dir/source_data/bgs/bg_screening.csv

for subset in devtrain devtest; do
  need_files "$0" "$lists/events_$subset.yaml" "$lists/bgs_$subset.yaml"
  count=()
  if [[ $subset == devtrain && -n $num_mixtures ]]; then count=(--num-mixtures "$num_mixtures"); fi
  inputs=("$lists/events_$subset.yaml" "$lists/bgs_$subset.yaml" "$config")
  if [[ -s $screening ]]; then inputs+=("$screening"); fi
  key=$(fingerprint "${inputs[@]}" "=$event ${count[*]-}")
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

# A ready-made evaluation set is used as it is.
shopt -s nullglob
ready=("$source_dir/mixture_data/evaltest"/*/meta/"event_list_evaltest_$event.csv")
if ((${#ready[@]} == 0)); then exit; fi
key=$(fingerprint "${ready[@]}" "=$event")
if up_to_date "$out/evaltest/.done" "$key"; then
  log "  $out/evaltest: up to date"
  exit
fi
pysed corpus ready --source "$source_dir" --event "$event" --subset evaltest --nj "$nj" --out "$out/evaltest"
pysed corpus validate "$out/evaltest"
mark_done "$out/evaltest/.done" "$key"
log "  $out/evaltest: $(wc -l <"$out/evaltest/wav.scp") recordings, ready-made"
