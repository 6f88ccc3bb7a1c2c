#!/usr/bin/env bash
# A speech recogniser's features: hires MFCC, online i-vectors, and the output of one layer of its network.
set -euo pipefail

nj=2
layer="prefinal-l"
help_message="Usage: $0 [options] DATA_DIR ASR_DIR
Example: $0 --nj 2 --layer prefinal-l data/demo/babycry/devtrain models/demo
  --nj N         parallel jobs ($nj)
  --layer NODE   the network's node ($layer)
Reads:  DATA_DIR/wav.scp, ASR_DIR/{final.mdl,conf,extractor}
Writes: DATA_DIR/{mfcc_hires,ivectors,prefinal}.scp, mfcc_normalised.scp where the network takes such, archives in folders
  of these names; prefinal has a row every 30 ms (frame subsampling 3)"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/asr_jobs.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
need_name layer "$layer"
data=$1 asr=$2
need_data "$data"
lock_folder "$(dirname -- "$data")"

script=("$0" utils/asr_jobs.sh) model=()
for file in "$asr"/{final.mdl,cmvn_opts,online_cmvn,global_cmvn.stats,frame_subsampling_factor,*.conf,conf/*.conf,extractor/*}; do
  if [[ -f $file ]]; then model+=("$file"); fi
done
# All that goes into the last table goes into the others; where it is up to date, they are.
prefinal=(--options "$layer" "${model[@]#"$asr/"}"
  --inputs "$data"/{.done,wav.scp,.done_mfcc_hires,.done_ivectors,.done_mfcc_normalised} "${model[@]}"
  --made-by "$(made_by pysed feats recogniser --layer "$layer" "$asr" -- "${model[@]}")" # refuses what it does not know
  --code "${script[@]}" compute-mfcc-feats copy-feats ivector-extract-online2 apply-cmvn apply-cmvn-online
  compute-cmvn-stats nnet3-am-copy nnet3-compute)
to_do "$data/.done_prefinal" "  $data/prefinal.scp" "${prefinal[@]}" || exit 0

conf=$data/asr_feats/conf recogniser=$data/asr_feats/model
[[ -L $recogniser ]] || rm -rf -- "$data"/{asr_feats,alignments} # of an earlier version
mkdir -p -- "$conf" && link_model "$asr" "$recogniser"
pysed feats recogniser "$recogniser" "$conf"

make_table "$data" mfcc_hires mfcc wav.scp conf \
  --inputs "$data/.done" "$data/wav.scp" "$conf/mfcc.conf" --code "${script[@]}" compute-mfcc-feats copy-feats

ivectors="" period=""
if [[ -f $conf/ivector_extractor.conf ]]; then
  period=$(sed -n 's/^--ivector-period=//p' "$conf/ivector_extractor.conf") ivectors=ivectors.scp
  make_table "$data" ivectors ivectors mfcc_hires.scp conf --code "${script[@]}" ivector-extract-online2 \
    --inputs "$data/.done_mfcc_hires" "$conf"/{ivector_extractor,splice,online_cmvn}.conf "$asr"/extractor/*
else
  rm -rf -- "$data"/{.done_ivectors,ivectors.scp,ivectors}
fi

# What the network takes, where it was trained on normalised features; i-vectors are of those as they are.
input=mfcc_hires
if [[ -f $conf/cmvn.conf || -f $conf/cmvn_online.conf ]]; then
  input=mfcc_normalised
  make_table "$data" mfcc_normalised normalise mfcc_hires.scp "conf recogniser" \
    --inputs "$data/.done_mfcc_hires" "$conf"/{cmvn,cmvn_online}.conf "$asr/global_cmvn.stats" \
    --code "${script[@]}" apply-cmvn apply-cmvn-online compute-cmvn-stats
else
  rm -rf -- "$data"/{.done_mfcc_normalised,mfcc_normalised.scp,mfcc_normalised}
fi

# nnet3-copy --edits cannot add an output; a config line that names the node as the output can.
printf 'output-node name=output input=%s\n' "$layer" >"$conf/output.config"
make_table "$data" prefinal prefinal "$input.scp $ivectors" "conf recogniser period input" "${prefinal[@]}"
