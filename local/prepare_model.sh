#!/usr/bin/env bash
# Sees that the recogniser's model is there, fetching one that has a list of downloads.
set -euo pipefail

manifest=
vosk=
accept_licence=false
download_dir=downloads
help_message="Usage: $0 [options] ASR_DIR
Example: $0 --manifest conf/downloads/librispeech.yaml models/librispeech
  --manifest FILE      what to fetch where the folder is not complete (none: it must be there)
  --vosk DIR           Vosk model that ASR_DIR shall stand for, by links to its files
  --accept-licence     accept the model's licence without being asked, where it has one
  --download-dir DIR   where archives are kept, or are already ($download_dir)
Reads:  the archives that the manifest lists, from the addresses in PYSED_MIRROR first
Writes: ASR_DIR/{final.mdl,tree,phones.txt,conf,extractor,graph}; the graph by Kaldi's mkgraph.sh with KALDI_ROOT,
        otherwise by the project, as always where a Vosk model's look-ahead graph is composed"
. ./path.sh
. utils/resume.sh
. utils/parse_options.sh
(($# == 1)) || die "$help_message"
asr=$1
if [[ -n $manifest$vosk ]]; then lock_folder "$(dirname -- "$asr")"; fi

# A missing graph is built as well, also later.
if [[ -n $manifest && (! -s $asr/final.mdl || ! -s $asr/graph/HCLG.fst) ]]; then
  log "fetching the model: $download_dir -> $asr"
  options=()
  if [[ $accept_licence == true ]]; then options=(--accept-licence); fi
  pysed fetch model --manifest "$manifest" --download-dir "$download_dir" "${options[@]}" "$asr"
fi
if [[ -n $vosk ]]; then pysed fetch vosk "$vosk" "$asr"; fi
pysed feats recogniser "$asr"
if [[ -z $vosk && ! -s $asr/graph/HCLG.fst ]]; then
  log "  $asr: no graph/HCLG.fst: features only, no phones ('pysed fetch graph $asr' makes one)"
fi
