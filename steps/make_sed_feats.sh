#!/usr/bin/env bash
# Log-mel features of a data directory, unnormalised, one archive per front end.
set -euo pipefail

nj=2
help_message="Usage: $0 [--nj N] DATA_DIR 'FRONTEND...'
Example: $0 --nj 2 data/demo/babycry/devtrain logmel40
Reads:  DATA_DIR/wav.scp, conf/frontends/FRONTEND.yaml
Writes: DATA_DIR/feats_FRONTEND.{ark parts,scp}; 16 kHz, 30 s -> 600 frames of 50 ms for logmel40"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
data=$1
need_files "$0" "$data/wav.scp" "$data/.done"

fbank() {
  compute-fbank-feats --config="$work/fbank.conf" scp:"$work/wav.$1" ark:- |
    pysed feats average --num-frames "$num_frames" ark:- \
      ark,scp:"$work/feats_$frontend.$1.ark,$work/feats_$frontend.$1.scp"
}

for frontend in $2; do
  config=conf/frontends/$frontend.yaml
  name=feats_$frontend
  work=$data/$name
  need_files "$0" "$config"
  key=$(fingerprint "$data/.done" "$config")
  if up_to_date "$data/.done_$name" "$key"; then
    log "  $data/$name.scp: up to date"
    continue
  fi
  split_data "$data" "$work" "$nj" "$key"
  pysed feats options "$config" >"$work/fbank.conf"
  num_frames=$(yaml_value "$config" average_frames)
  run_shards "$work" fbank frontend num_frames
  parts=()
  for ((job = 1; job <= num_jobs; job++)); do parts+=("$work/$name.$job.scp"); done
  join_scp "$data/$name.scp" "$(wc -l <"$data/wav.scp")" "${parts[@]}"
  mark_done "$data/.done_$name" "$key"
  log "  $data/$name.scp: $(wc -l <"$data/$name.scp") recordings"
done
