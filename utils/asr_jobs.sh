# shellcheck shell=bash disable=SC2034,SC2154
# What one job of steps/make_asr_feats.sh computes: a table each, for the recordings of list number $1 in $work.

# Dither is noise from a random generator: off, so that two runs give the same features.
mfcc() {
  compute-mfcc-feats --config="$conf/mfcc.conf" --dither=0 scp:"$work/wav.$1" ark:- |
    copy-feats --compress=true ark:- ark,scp:"$work/mfcc_hires.$1.ark,$work/mfcc_hires.$1.scp"
}
# Every recording counts as a speaker of its own.
ivectors() {
  awk '{ print $1, $1 }' <"$work/mfcc_hires.$1" |
    ivector-extract-online2 --config="$conf/ivector_extractor.conf" ark:- \
      scp:"$work/mfcc_hires.$1" ark,scp:"$work/ivectors.$1.ark,$work/ivectors.$1.scp"
}
# By recording, or as it goes along, as the recogniser's configuration says.
normalise() {
  local out="ark,scp:$work/mfcc_normalised.$1.ark,$work/mfcc_normalised.$1.scp"
  if [[ -f $conf/cmvn.conf ]]; then
    compute-cmvn-stats scp:"$work/mfcc_hires.$1" ark:- |
      apply-cmvn --config="$conf/cmvn.conf" ark:- scp:"$work/mfcc_hires.$1" "$out"
  else
    apply-cmvn-online --config="$conf/cmvn_online.conf" "$recogniser/global_cmvn.stats" scp:"$work/mfcc_hires.$1" "$out"
  fi
}
prefinal() {
  local ivector_options=()
  [[ -z $period ]] || ivector_options=(--online-ivectors=scp:"$work/ivectors.$1" --online-ivector-period="$period")
  nnet3-am-copy --raw=true --prepare-for-test=true --nnet-config="$conf/output.config" --edits=remove-orphans \
    "$recogniser/final.mdl" - |
    nnet3-compute --frames-per-chunk=150 --extra-left-context=0 --extra-right-context=0 \
      --frame-subsampling-factor=3 "${ivector_options[@]}" - scp:"$work/$input.$1" ark:- |
    copy-feats --compress=true --compression-method=3 ark:- ark,scp:"$work/prefinal.$1.ark,$work/prefinal.$1.scp"
}
