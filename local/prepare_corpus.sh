#!/usr/bin/env bash
# Sees that a corpus is there: makes the demo, fetches tut2017, where they are asked for.
set -euo pipefail

nj=2
accept_licence=false
download_dir=downloads
help_message="Usage: $0 [options] SOURCE_DIR DATA_DIR
Example: $0 --accept-licence data/tut2017 data/tut2017
  --nj N               parallel jobs ($nj)
  --accept-licence     accept the corpus's licence without being asked
  --download-dir DIR   where archives are kept, or are already ($download_dir)
Reads:  SOURCE_DIR/source_data (made from its seed when SOURCE_DIR is data/demo; fetched as conf/downloads/tut2017.yaml
        says when it is data/tut2017, from the addresses in PYSED_MIRROR first)
Writes: DATA_DIR/.source, the corpus's fingerprint: another corpus of the same name is refused, not mixed in"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 2)) || die "$help_message"
source_dir=$1 data=$2
if [[ $source_dir == data/demo || $source_dir == data/tut2017 ]]; then lock_folder "$source_dir"; fi

if [[ $source_dir == data/demo && ! -d data/demo/source_data ]]; then
  log "making the demo corpus: $source_dir/source_data"
  python local/make_demo_corpus.py --nj "$nj" "$source_dir"
fi
if [[ $source_dir == data/tut2017 ]]; then
  manifest=conf/downloads/tut2017.yaml
  key=$(sha256sum <"$manifest" | sha256sum | cut -c1-40)
  if [[ -f $source_dir/.fetched && $(<"$source_dir/.fetched") == "$key" && -d $source_dir/source_data/cv_setup ]]; then
    log "  $source_dir: up to date"
  else
    log "fetching TUT Rare Sound Events 2017: $download_dir -> $source_dir"
    options=()
    if [[ $accept_licence == true ]]; then options=(--accept-licence); fi
    pysed fetch corpus --manifest "$manifest" --download-dir "$download_dir" "${options[@]}" "$source_dir"
    printf '%s\n' "$key" >"$source_dir/.fetched.tmp" && mv "$source_dir/.fetched.tmp" "$source_dir/.fetched"
  fi
fi
pysed corpus check-name --source "$source_dir" --data "$data"
