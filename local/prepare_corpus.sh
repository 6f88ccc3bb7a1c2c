#!/usr/bin/env bash
# Sees that a corpus is there, making the built-in one where it is asked for.
set -euo pipefail

nj=2
help_message="Usage: $0 [--nj N] SOURCE_DIR DATA_DIR
Example: $0 data/demo data/demo
Reads:  SOURCE_DIR/source_data (made from its seed when SOURCE_DIR is data/demo)
Writes: DATA_DIR/.source, the corpus's fingerprint: another corpus of the same name is refused, not mixed in"
. ./path.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
source_dir=$1 data=$2

if [[ $source_dir == data/demo && ! -d data/demo/source_data ]]; then
  log "making the demo corpus: $source_dir/source_data"
  python local/make_demo_corpus.py --nj "$nj" "$source_dir"
fi
pysed corpus check-name --source "$source_dir" --data "$data"
