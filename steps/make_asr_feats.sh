#!/usr/bin/env bash
# A speech recogniser's features: hires MFCC, online i-vectors, and the output of one layer of its network.
set -euo pipefail

nj=2
layer=prefinal-l
help_message="Usage: $0 [options] DATA_DIR ASR_DIR
Example: $0 --nj 2 --layer prefinal-l data/demo/babycry/devtrain models/demo
  --nj N         parallel jobs ($nj)
  --layer NODE   the network's node ($layer)
Reads:  DATA_DIR/{wav.scp,spk2utt}, ASR_DIR/{final.mdl,conf,extractor}
Writes: DATA_DIR/{mfcc_hires,ivectors,prefinal}.scp; prefinal has a row every 30 ms (frame subsampling 3)"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
need_name layer "$layer"
data=$1 asr=$2
need_files "$0" "$data/wav.scp" "$data/.done" "$asr/final.mdl" "$asr/conf/mfcc_hires.conf"
work=$data/asr_feats
inputs=()
for file in "$asr"/{final.mdl,cmvn_opts,online_cmvn,global_cmvn.stats,frame_subsampling_factor,*.conf,conf/*.conf,extractor/*}; do
  if [[ -f $file ]]; then inputs+=("=${file#"$asr/"}" "$file"); fi
done
key=$(fingerprint "$data/.done" "${inputs[@]}" "=$layer")
if up_to_date "$data/.done_prefinal" "$key"; then
  log "  $data/prefinal.scp: up to date"
  exit
fi
pysed feats recogniser "$asr"
rm -f "$data/.done_prefinal"
split_data "$data" "$work" "$nj" "$key"
link_model "$asr" "$work/asr"
pysed feats recogniser "$work/asr" "$work/conf"

# Dither is noise from a random generator: off, so that two runs give the same features.
mfcc() {
  compute-mfcc-feats --config="$work/conf/mfcc.conf" --dither=0 scp:"$work/wav.$1" ark:- |
    copy-feats --compress=true ark:- ark,scp:"$work/mfcc.$1.ark,$work/mfcc.$1.scp"
}
run_shards "$work" mfcc

ivector() {
  ivector-extract-online2 --config="$work/conf/ivector_extractor.conf" ark:"$work/spk2utt.$1" \
    scp:"$work/mfcc.$1.scp" ark,scp:"$work/ivectors.$1.ark,$work/ivectors.$1.scp"
}
period=
if [[ -f $work/conf/ivector_extractor.conf ]]; then
  period=$(sed -n 's/^--ivector-period=//p' "$work/conf/ivector_extractor.conf")
  run_shards "$work" ivector
fi

# What the network takes, where it was trained on normalised features; i-vectors are of those as they are.
normalised() {
  if [[ -f $work/conf/cmvn.conf ]]; then
    compute-cmvn-stats scp:"$work/mfcc.$1.scp" ark:- |
      apply-cmvn --config="$work/conf/cmvn.conf" ark:- scp:"$work/mfcc.$1.scp" \
        ark,scp:"$work/normalised.$1.ark,$work/normalised.$1.scp"
  else
    apply-cmvn-online --config="$work/conf/cmvn_online.conf" "$work/asr/global_cmvn.stats" scp:"$work/mfcc.$1.scp" \
      ark,scp:"$work/normalised.$1.ark,$work/normalised.$1.scp"
  fi
}
input=mfcc
if [[ -f $work/conf/cmvn.conf || -f $work/conf/cmvn_online.conf ]]; then
  input=normalised
  run_shards "$work" normalised
fi

# nnet3-copy --edits cannot add an output; a config line that names the node as the output can.
printf 'output-node name=output input=%s\n' "$layer" >"$work/output.config"
prefinal() {
  local ivector_options=()
  [[ -z $period ]] || ivector_options=(--online-ivectors=scp:"$work/ivectors.$1.scp" --online-ivector-period="$period")
  nnet3-am-copy --raw=true --prepare-for-test=true --nnet-config="$work/output.config" --edits=remove-orphans \
    "$work/asr/final.mdl" - |
    nnet3-compute --frames-per-chunk=150 --extra-left-context=0 --extra-right-context=0 \
      --frame-subsampling-factor=3 "${ivector_options[@]}" - scp:"$work/$input.$1.scp" ark:- |
    copy-feats --compress=true --compression-method=3 ark:- ark,scp:"$work/prefinal.$1.ark,$work/prefinal.$1.scp"
}
run_shards "$work" prefinal input period

expected=$(wc -l <"$data/wav.scp")
for name in mfcc ivectors prefinal; do
  if [[ $name == ivectors && -z $period ]]; then continue; fi
  parts=()
  for ((job = 1; job <= num_jobs; job++)); do parts+=("$work/$name.$job.scp"); done
  join_scp "$data/${name/#mfcc/mfcc_hires}.scp" "$expected" "${parts[@]}"
done
mark_done "$data/.done_prefinal" "$key"
log "  $data/prefinal.scp: $expected recordings"
