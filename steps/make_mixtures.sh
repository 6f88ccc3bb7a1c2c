#!/usr/bin/env bash
# Mixes one event class of a corpus: a Kaldi data directory per subset, and one of its bare events.
set -euo pipefail

nj=2
num_mixtures=
seed=
shift_ebr=
config=
help_message="Usage: $0 [options] SOURCE_DIR EVENT OUT_DIR
Example: $0 --nj 2 data/demo babycry data/demo/babycry
  --nj N             parallel jobs ($nj)
  --num-mixtures N   training mixtures (as configured)
  --config FILE      the corpus's settings (SOURCE_DIR/corpus.yaml, conf/corpora/NAME.yaml, conf/corpora/default.yaml)
  --seed N           only OUT_DIR/devtrain_seedN: training mixtures, and recordings held out of them, drawn anew
  --shift-ebr DB     only OUT_DIR/devtest, all events so much louder; OUT_DIR is not that of the corpus's own
Reads:  SOURCE_DIR/source_data, and SOURCE_DIR/mixture_data/evaltest where there is one
Writes: OUT_DIR/{devtrain,devtest,evaltest,isolated_devtrain,isolated_devtest}/{wav.scp,utt2spk,reco2dur,events.tsv,...}"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
source_dir=$1 event=$2 out=$3
[[ -n $config ]] || config=$(config_of_corpus "$source_dir")
need_files "$0" "$config"
[[ -z $seed ]] || need_integer seed "$seed" 0
[[ $shift_ebr =~ ^(-?[0-9]{1,3})?$ ]] || die "$0: --shift-ebr $shift_ebr: expected whole dB, such as -6"
lists=$source_dir/source_data/cv_setup screening=$source_dir/source_data/bgs/bg_screening.csv
lock_folder "$out"

# make_set SET SOURCES ROOT OPTION...: a data directory by `pysed corpus OPTION...`, unless it is up to date; SOURCES, a
# list of files joined by newlines, and the audio that they name are its inputs, ROOT is its code.
make_set() {
  local set=$1 sources root=$3 command=(pysed corpus "${@:4}" --source "$source_dir" --event "$event" --out "$out/$1")
  local jobs=(--nj "$nj")
  [[ $4 != isolate ]] || jobs=()
  readarray -t sources <<<"$2"
  to_do "$out/$set/.done" "  $out/$set" --inputs --options --code "$0" "$root" \
    --made-by "$(made_by "${command[@]}" --plan -- "${sources[@]}")" || return 0
  "${command[@]}" "${jobs[@]}"
  pysed corpus validate "$out/$set"
  finish "$out/$set/.done" "$out/$set"
  log "  $out/$set: $(count_lines "$out/$set/wav.scp") recordings"
}

mix=pysed.corpus.make_sets:make_mixtures
if [[ $(yaml_value "$config" official) == true ]]; then mix=pysed.corpus.official_build:make_official; fi

# mix_set SET SUBSET OPTION...: the mixtures of a subset.
mix_set() {
  local subset=$2 count=()
  local events=$lists/events_$subset.yaml backgrounds=$lists/bgs_$subset.yaml
  need_files "$0" "$events" "$backgrounds"
  if [[ $subset == devtrain && -n $num_mixtures ]]; then count=(--num-mixtures "$num_mixtures"); fi
  make_set "$1" "$events"$'\n'"$backgrounds"$'\n'"$screening"$'\n'"$config" "$mix" \
    mix --subset "$subset" --config "$config" "${count[@]}" "${@:3}"
}

if [[ -n $seed ]]; then
  mix_set "devtrain_seed$seed" devtrain --seed "$seed"
  exit
fi
if [[ -n $shift_ebr ]]; then
  mix_set devtest devtest --shift-ebr="$shift_ebr"
  exit
fi
for subset in devtrain devtest; do
  mix_set "$subset" "$subset"
  make_set "isolated_$subset" "$lists/events_$subset.yaml" pysed.corpus.make_sets:make_isolated isolate --subset "$subset"
done

# A ready-made evaluation set is used as it is.
for place in "$source_dir"/mixture_data{,/evaltest}; do
  [[ ! -L $place || -e $place ]] || die "$0: $place: a link to what is not there; mount it, or remove the link"
done
shopt -s nullglob
ready=("$source_dir/mixture_data/evaltest"/*/meta/"event_list_evaltest_$event.csv")
if ((${#ready[@]})); then
  make_set evaltest "$(printf '%s\n' "${ready[@]}")" pysed.corpus.official_build:make_ready ready --subset evaltest
elif grep -qs '^{' "$out/evaltest/.done"; then # one that was made of a set that is gone; none made by hand
  rm -rf -- "$out/evaltest"
  log "  $out/evaltest: removed; $source_dir has no such set of $event any more"
fi
