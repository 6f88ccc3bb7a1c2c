#!/usr/bin/env bash
# What the recogniser hears: phones with their times, for every recording of a data directory.
set -euo pipefail

nj=2
beam=15
help_message="Usage: $0 [options] DATA_DIR ASR_DIR
Example: $0 --nj 2 data/demo/babycry/isolated_devtrain models/demo
  --nj N     parallel jobs ($nj)
  --beam X   decoding beam ($beam)
Reads:  DATA_DIR/{mfcc_hires,ivectors,mfcc_normalised}.scp, ASR_DIR/{final.mdl,phones.txt,graph/HCLG.fst}
Writes: DATA_DIR/{phones.ctm,phones.int.ctm}; nothing where the model has no graph, those of another model go"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
data=$1 asr=$2
need_number beam "$beam"
if ! has_graph "$asr" "$data"; then
  forget "$(dirname -- "$data")" "$data"/{.done_phones,phones.ctm,phones.int.ctm,phones}
  exit
fi
need_files "$0" "$data/.done_mfcc_hires" "$data/mfcc_hires.scp"
lock_folder "$(dirname -- "$data")"
[[ ! -f $data/.done_prefinal ]] || python -S -E -m pysed.freshness features "$data/.done_prefinal" "$asr"
commands=(nnet3-latgen-faster lattice-scale lattice-best-path ali-to-phones)
to_do "$data/.done_phones" "  $data/phones.ctm" --options "$beam" --code "$0" "${commands[@]}" pysed.kaldi.phones:main \
  --inputs "$data"/.done_{mfcc_hires,ivectors,mfcc_normalised} \
  "$asr"/{final.mdl,phones.txt,frame_subsampling_factor,graph/HCLG.fst,conf/ivector.conf} || exit 0
pysed feats recogniser "$asr" # refuses one that is damaged

decode() {
  local ivector_options=()
  [[ -z $period ]] || ivector_options=(--online-ivectors=scp:"$work/ivectors.$1" --online-ivector-period="$period")
  nnet3-latgen-faster --frame-subsampling-factor="$factor" --frames-per-chunk=150 --acoustic-scale=1.0 \
    --beam="$beam" --max-active=7000 --lattice-beam=8 --allow-partial=true "${ivector_options[@]}" \
    "$recogniser/final.mdl" "$recogniser/graph/HCLG.fst" scp:"$work/$input.$1" ark:- |
    lattice-scale --acoustic-scale=10.0 ark:- ark:- |
    lattice-best-path --acoustic-scale=0.1 ark:- ark:/dev/null ark:- |
    ali-to-phones --ctm-output --frame-shift="$(printf '0.%02d' "$factor")" \
      "$recogniser/final.mdl" ark:- "$work/phones.$1.ctm"
}
work=$data/phones recogniser=$data/asr_feats/model
factor=1
if [[ -f $asr/frame_subsampling_factor ]]; then factor=$(<"$asr/frame_subsampling_factor"); fi
input=mfcc_hires period=
if [[ -f $data/mfcc_normalised.scp ]]; then input=mfcc_normalised; fi # the network was trained on such
lists=("$data/$input.scp")
if [[ -f $data/ivectors.scp ]]; then
  lists+=("$data/ivectors.scp")
  period=$(sed -n 's/^--ivector-period=//p' "$data/asr_feats/conf/ivector_extractor.conf")
fi
split_lists "$work" "$nj" "$key" "${lists[@]}"
link_model "$asr" "$recogniser"
# The lattice is scaled by ten as Kaldi's recipes do, and the best path undoes it; a chain model's frame is 30 ms.
run_shards "$work" decode recogniser input period factor beam

for ((job = 1; job <= num_jobs; job++)); do cat -- "$work/phones.$job.ctm"; done >"$data/phones.int.ctm.tmp"
expected=$(count_lines "$data/mfcc_hires.scp") found=$(cut -d' ' -f1 "$data/phones.int.ctm.tmp" | uniq | wc -l)
((found == expected)) ||
  die "$0: $data/phones.int.ctm: phones of $found recordings, expected $expected; the reasons are in $work/log"
python -m pysed.kaldi.phones "$data/phones.int.ctm.tmp" "$asr/phones.txt" "$data/phones.ctm"
mv -- "$data/phones.int.ctm.tmp" "$data/phones.int.ctm"
finish "$data/.done_phones" "$data/phones.ctm" "$data/phones.int.ctm"
log "  $data/phones.ctm: $found recordings, $(count_lines "$data/phones.ctm") phones"
