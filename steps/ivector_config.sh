#!/usr/bin/env bash
# The configuration that ivector-extract-online2 reads, made from an ASR model's folder.
set -euo pipefail

help_message="Usage: $0 ASR_DIR CONF_DIR OUT
Example: $0 models/demo conf.tmp ivector_extractor.conf
Reads:  ASR_DIR/extractor, ASR_DIR/conf/ivector.conf (Kaldi's usual settings where it is missing)
Writes: OUT, and CONF_DIR/splice.conf where the model has splice_opts (one line) instead"
. ./path.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
asr=$1 conf=$2 out=$3
extractor=$asr/extractor
need_files "$0" "$extractor"/{final.ie,final.dubm,final.mat,global_cmvn.stats}

mkdir -p "$conf"
splice=$extractor/splice.conf
if [[ ! -f $splice ]]; then
  need_files "$0" "$extractor/splice_opts"
  splice=$conf/splice.conf
  tr -s ' ' '\n' <"$extractor/splice_opts" >"$splice"
fi
cmvn=$extractor/online_cmvn.conf
if [[ ! -f $cmvn ]]; then
  cmvn=$conf/online_cmvn.conf
  : >"$cmvn"
fi
{
  printf -- '--splice-config=%s\n--cmvn-config=%s\n' "$splice" "$cmvn"
  printf -- '--lda-matrix=%s\n--global-cmvn-stats=%s\n' "$extractor/final.mat" "$extractor/global_cmvn.stats"
  printf -- '--diag-ubm=%s\n--ivector-extractor=%s\n' "$extractor/final.dubm" "$extractor/final.ie"
  for setting in num-gselect=5 min-post=0.025 posterior-scale=0.1 max-remembered-frames=1000 max-count=0 \
    ivector-period=10; do
    given=$(grep -s -- "^--${setting%%=*}=" "$asr/conf/ivector.conf" || true)
    printf '%s\n' "${given:---$setting}"
  done
} >"$out"
