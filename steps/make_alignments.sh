#!/usr/bin/env bash
# What the recogniser hears: phones with their times, for every recording of a data directory.
set -euo pipefail

nj=2
beam=15
help_message="Usage: $0 [options] DATA_DIR ASR_DIR
Example: $0 --nj 2 data/demo/babycry/isolated_devtrain models/demo
  --nj N     parallel jobs ($nj)
  --beam X   decoding beam ($beam)
Reads:  DATA_DIR/{mfcc_hires,ivectors}.scp, ASR_DIR/{final.mdl,phones.txt,graph/HCLG.fst}
Writes: DATA_DIR/{phones.ctm,phones.int.ctm}; nothing where the model has no graph"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
data=$1 asr=$2
has_graph "$asr" "$data" || exit 0
need_files "$0" "$data/.done_prefinal" "$data/mfcc_hires.scp" "$asr/final.mdl" "$asr/phones.txt"
work=$data/alignments
key=$(fingerprint "$data/.done_prefinal" "$asr/phones.txt" "$asr/graph/HCLG.fst" "=$beam")
if up_to_date "$data/.done_phones" "$key"; then
  log "  $data/phones.ctm: up to date"
  exit
fi
feats=$data/asr_feats
split_data "$data" "$work" "$(find "$feats" -name 'mfcc.*.scp' | wc -l)" "$key"
factor=1
if [[ -f $asr/frame_subsampling_factor ]]; then factor=$(<"$asr/frame_subsampling_factor"); fi

period=
if [[ -f $feats/conf/ivector_extractor.conf ]]; then
  period=$(sed -n 's/^--ivector-period=//p' "$feats/conf/ivector_extractor.conf")
fi
input=mfcc
if [[ -f $feats/normalised.1.scp ]]; then input=normalised; fi # the network was trained on normalised features
link_model "$asr" "$work/asr"
# The lattice is scaled by ten as Kaldi's recipes do, and the best path undoes it; a chain model's frame is 30 ms.
decode() {
  local ivector_options=()
  [[ -z $period ]] || ivector_options=(--online-ivectors=scp:"$feats/ivectors.$1.scp" --online-ivector-period="$period")
  nnet3-latgen-faster --frame-subsampling-factor="$factor" --frames-per-chunk=150 --acoustic-scale=1.0 \
    --beam="$beam" --max-active=7000 --lattice-beam=8 --allow-partial=true "${ivector_options[@]}" \
    "$work/asr/final.mdl" "$work/asr/graph/HCLG.fst" scp:"$feats/$input.$1.scp" ark:- |
    lattice-scale --acoustic-scale=10.0 ark:- ark:- |
    lattice-best-path --acoustic-scale=0.1 ark:- ark:/dev/null ark:- |
    ali-to-phones --ctm-output --frame-shift="$(printf '0.%02d' "$factor")" \
      "$work/asr/final.mdl" ark:- "$work/phones.$1.ctm"
}
run_shards "$work" decode feats input period factor beam

parts=()
for ((job = 1; job <= num_jobs; job++)); do parts+=("$work/phones.$job.ctm"); done
cat "${parts[@]}" >"$data/phones.int.ctm.tmp"
expected=$(wc -l <"$data/mfcc_hires.scp") found=$(cut -d' ' -f1 "$data/phones.int.ctm.tmp" | uniq | wc -l)
((found == expected)) ||
  die "$0: $data/phones.int.ctm: phones of $found recordings, expected $expected; the reasons are in $work/log"
python -m pysed.kaldi.phones "$data/phones.int.ctm.tmp" "$asr/phones.txt" "$data/phones.ctm"
mv "$data/phones.int.ctm.tmp" "$data/phones.int.ctm"
mark_done "$data/.done_phones" "$key"
log "  $data/phones.ctm: $found recordings, $(wc -l <"$data/phones.ctm") phones"
