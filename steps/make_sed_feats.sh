#!/usr/bin/env bash
# Log-mel features of a data directory, unnormalised, one archive per front end.
set -euo pipefail

nj=2
help_message="Usage: $0 [--nj N] DATA_DIR 'FRONTEND...'
Example: $0 --nj 2 data/demo/babycry/devtrain logmel40
Reads:  DATA_DIR/wav.scp, conf/frontends/FRONTEND.yaml
Writes: DATA_DIR/feats_FRONTEND.scp, archives in DATA_DIR/feats_FRONTEND/; 16 kHz, 30 s -> 600 frames of 50 ms for
  logmel40"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
data=$1
need_data "$data"

fbank() {
  pysed feats options "$config" >"$work/fbank.$1.conf"
  compute-fbank-feats --config="$work/fbank.$1.conf" scp:"$work/wav.$1" ark:- |
    pysed feats average --num-frames "$num_frames" ark:- ark,scp:"$work/$feats.$1.ark,$work/$feats.$1.scp"
}

lock_folder "$(dirname -- "$data")"
for frontend in $2; do
  config=conf/frontends/$frontend.yaml feats=feats_$frontend
  need_files "$0" "$config"
  num_frames=$(yaml_value "$config" average_frames)
  make_table "$data" "$feats" fbank wav.scp "config feats num_frames" --inputs "$data"/{.done,wav.scp} \
    --options "$num_frames" --made-by "$(made_by pysed feats options "$config" -- "$config")" \
    --code "$0" compute-fbank-feats pysed.commands.feats:average_table
done
