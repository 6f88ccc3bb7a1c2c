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
pysed feats recogniser "$asr" "$work/conf"

# Dither is noise from a random generator: off, so that two runs give the same features.
run_shards "$work" mfcc \
  compute-mfcc-feats --config="$work/conf/mfcc.conf" --dither=0 scp:"$work/wav.JOB" ark:- \| \
  copy-feats --compress=true ark:- ark,scp:"$work/mfcc.JOB.ark,$work/mfcc.JOB.scp"

ivector_options=()
if [[ -f $work/conf/ivector_extractor.conf ]]; then
  period=$(sed -n 's/^--ivector-period=//p' "$work/conf/ivector_extractor.conf")
  run_shards "$work" ivector \
    ivector-extract-online2 --config="$work/conf/ivector_extractor.conf" ark:"$work/spk2utt.JOB" \
    scp:"$work/mfcc.JOB.scp" ark,scp:"$work/ivectors.JOB.ark,$work/ivectors.JOB.scp"
  ivector_options=(--online-ivectors=scp:"$work/ivectors.JOB.scp" --online-ivector-period="$period")
fi

# What the network takes, where it was trained on normalised features; i-vectors are of those as they are.
input=mfcc
if [[ -f $work/conf/cmvn.conf ]]; then
  input=normalised
  run_shards "$work" normalised \
    compute-cmvn-stats scp:"$work/mfcc.JOB.scp" ark:- \| \
    apply-cmvn --config="$work/conf/cmvn.conf" ark:- scp:"$work/mfcc.JOB.scp" \
    ark,scp:"$work/normalised.JOB.ark,$work/normalised.JOB.scp"
elif [[ -f $work/conf/cmvn_online.conf ]]; then
  input=normalised
  run_shards "$work" normalised \
    apply-cmvn-online --config="$work/conf/cmvn_online.conf" "$asr/global_cmvn.stats" scp:"$work/mfcc.JOB.scp" \
    ark,scp:"$work/normalised.JOB.ark,$work/normalised.JOB.scp"
fi

# nnet3-copy --edits cannot add an output; a config line that names the node as the output can.
printf 'output-node name=output input=%s\n' "$layer" >"$work/output.config"
run_shards "$work" prefinal \
  nnet3-compute --frames-per-chunk=150 --extra-left-context=0 --extra-right-context=0 \
  --frame-subsampling-factor=3 "${ivector_options[@]}" \
  "nnet3-am-copy --raw=true --prepare-for-test=true --nnet-config=$work/output.config --edits=remove-orphans $asr/final.mdl - |" \
  scp:"$work/$input.JOB.scp" ark:- \| \
  copy-feats --compress=true --compression-method=3 ark:- ark,scp:"$work/prefinal.JOB.ark,$work/prefinal.JOB.scp"

expected=$(wc -l <"$data/wav.scp")
for name in mfcc ivectors prefinal; do
  if [[ $name == ivectors && -z ${ivector_options[*]} ]]; then continue; fi
  parts=()
  for ((job = 1; job <= num_jobs; job++)); do parts+=("$work/$name.$job.scp"); done
  join_scp "$data/${name/#mfcc/mfcc_hires}.scp" "$expected" "${parts[@]}"
done
mark_done "$data/.done_prefinal" "$key"
log "  $data/prefinal.scp: $expected recordings"
