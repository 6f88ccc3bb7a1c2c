#!/usr/bin/env bash
# Train and score detectors of rare sound events, with and without a speech recogniser's features.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")"

stage=0
stop_stage=8
event=all
system=cbrnn,gradual
corpus=demo
asr=demo
layer=prefinal-l
exp=exp
num_mixtures=
epochs=
set=()
nj=2
seeds=1
new_mixtures=false
remake=false
accept_licence=false
download_dir=downloads
help_message="Usage: $0 [options]
Trains and scores rare sound event detectors; every stage can be run alone once the earlier ones have run.
Names of folders count from the recipe's own folder, wherever it is called from.

  --stage N, --stop-stage N   first and last stage, inclusive (0, 8)
  --event NAME[,NAME...]|all  event classes (all)
  --system NAME[,NAME...]|all systems of conf/systems/ (cbrnn,gradual)
                              (or ablation, paper: those in conf/ablation/, conf/paper/)
  --set KEY=VALUE             one value of the systems' configuration; may be repeated; the results go to a folder
                              of their own, such as gradual.epochs-3
  --corpus NAME|DIR           demo, tut2017, or a folder in the TUT layout, holding source_data/ (demo)
  --asr NAME|DIR              demo, librispeech, vosk-ko, vosk-small-en, or a folder with a Kaldi chain or
                              Vosk model (demo)
  --layer NODE                nnet3 node of the ASR features (prefinal-l)
  --exp DIR                   where results go (exp)
  --num-mixtures N            training mixtures per class (the corpus's configuration)
  --epochs N                  training epochs (the system's configuration)
  --nj N                      parallel jobs; models, or a model's folds, trained side by side (2)
  --seeds N|A,B,...           train once per seed: N seeds from 1, or those named (1)
  --new-mixtures              each seed draws training mixtures, and recordings held out for validation, of its own;
                              the results go to a folder of their own, such as gradual.new-mixtures
  --remake                    make anew what was made by other code, from --stage on
  --accept-licence            accept a corpus's licence without being asked
  --download-dir DIR          where archives are kept, or are already (downloads)

Stages
  0  set-up: environment, corpus, ASR model
  1  source recordings -> mixtures and Kaldi data directories
  2  audio -> SED features
  3  audio -> ASR features: hires MFCC, i-vectors, pre-final layer
  4  ASR features -> phone alignments
  5  train
  6  detect and score; ends with the results table
  7  phones of each event class, and which help the trained gradual: tables and figures
  8  report: one page that shows it all"
. utils/recipe.sh

if active 0; then
  log "stage 0: set-up: corpus $corpus -> $source_dir; ASR model $asr_dir"
  set_up local/prepare_corpus.sh --nj "$nj" "${fetch_options[@]}" "$source_dir" "$data"
  set_up local/prepare_model.sh "${model_options[@]}" "$asr_dir"
fi
resolve_events

if active 1; then
  log "stage 1: mixtures: $source_dir -> $data/{${events// /,}}/"
  work "$(wc -w <<<"$events")"
  for event in $events; do
    step steps/make_mixtures.sh --nj "$nj" --num-mixtures "$num_mixtures" --config "$corpus_config" \
      "$source_dir" "$event" "$data/$event"
    for seed in $drawn_seeds; do
      step steps/make_mixtures.sh --nj "$nj" --num-mixtures "$num_mixtures" --config "$corpus_config" --seed "$seed" \
        "$source_dir" "$event" "$data/$event"
    done
    did 1
  done
fi

if active 2; then
  log "stage 2: SED features: $data/*/wav.scp -> feats_{${frontends// /,}}.scp"
  for_each_set steps/make_sed_feats.sh --nj "$nj" -- "$frontends"
fi

if active 3; then
  log "stage 3: ASR features: $data/*/wav.scp -> mfcc_hires.scp, ivectors.scp, prefinal.scp ($layer)"
  for_each_set steps/make_asr_feats.sh --nj "$nj" --layer "$layer" -- "$asr_dir"
fi

if active 4; then
  log "stage 4: phone alignments: mfcc_hires.scp, ivectors.scp -> phones.ctm"
  for_each_set steps/make_alignments.sh --nj "$nj" -- "$asr_dir"
fi

if active 5; then
  log "stage 5: train: $data/*/devtrain -> $exp/$corpus_name/{${events// /,}}/{${systems// /,}}$suffix/"
  for_each_model "$nj" steps/train.sh --side-by-side "$nj" --folds-at-once "$(folds_at_once)" --epochs "$epochs" \
    --asr "$asr_dir" --layer "$layer" --new-mixtures "$new_mixtures"
fi

if active 6; then
  log "stage 6: detect and score: $data/*/devtest -> score_devtest.json of each model"
  for_each_model 1 steps/score.sh
  write_results
fi

if active 7; then
  log "stage 7: phone analysis: $data/*/{devtrain,isolated_devtrain}/phones.ctm -> $exp/$corpus_name/phones/"
  heard_classes
  step steps/analyse_phones.sh "$data" "$source_dir" "$asr_dir" "$exp/$corpus_name/phones" "${classes[@]}"
  step steps/analyse_patterns.sh "$data" "$exp/$corpus_name" "$asr_dir" "$exp/$corpus_name/phones/patterns" "${classes[@]}"
fi

if active 8; then
  log "stage 8: report: $exp/$corpus_name/ -> $exp/$corpus_name/report/index.html"
  active 6 || write_results
  partly steps/report.sh "$data" "$exp/$corpus_name" "$exp/$corpus_name/report"
fi

end_progress
tell_results # last, so that it is what stands on the screen
exit "${failed:-0}"
