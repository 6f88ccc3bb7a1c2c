# shellcheck shell=bash disable=SC2154
# run.sh's own plumbing: parses its options and derives every name from them, so that any stage works alone.
# All of that before path.sh makes the environment: help and mistakes are answered at once.
export LC_ALL=C
. utils/log.sh
PYSED_COMMAND=$(printf ' %q' "$0" "$@") # noted beside every model that this run trains
export PYSED_COMMAND=${PYSED_COMMAND# }
words=("$0" "$@")
[[ $0 == */* ]] || words[0]=./$0 # of `bash run.sh`
before=
for word; do
  [[ -n $word && $word != --*= ]] || { word=${word:-$before} && die "$0: ${word%=}: needs a value; see $0 --help"; }
  before=$word
done
. utils/parse_options.sh
(($# == 0)) || die "$0: $1: unexpected argument; see $0 --help"
need_integer stage "$stage"
need_integer stop-stage "$stop_stage"
((stage <= 8 && stage <= stop_stage)) ||
  die "$0: --stage $stage --stop-stage $stop_stage: no stage to run; expected stages from 0 to 8, the first not after the last"
need_integer nj "$nj" 1
[[ -z $num_mixtures ]] || need_integer num-mixtures "$num_mixtures" 1
export PYSED_REMAKE=$remake
[[ -z $epochs ]] || need_integer epochs "$epochs" 1

# active N: is stage N asked for?
active() { ((stage <= $1 && $1 <= stop_stage)); }

need_recipe_folder
need_folder exp
place=$exp # where it is, or is to be
while [[ ! -e $place ]]; do place=$(dirname -- "$place"); done
[[ -d $place && -w $place ]] || ((stop_stage < 5)) ||
  die "$0: --exp $exp: $place is no folder that can be written to"
need_folder download-dir
need_name layer "$layer"
mapfile -d , -t chosen < <(printf '%s,' "$event")
for name in "${chosen[@]}"; do need_name event "$name"; done

# The corpus: its name, folder and settings.
case $corpus in
  demo | tut2017) corpus_name=$corpus source_dir=data/$corpus ;;
  *)
    need_folder corpus
    [[ -d $corpus/source_data ]] ||
      die "$0: --corpus $corpus: neither a known corpus (demo, tut2017) nor a folder holding source_data/"
    source_dir=$(realpath -- "$corpus")
    corpus_name=${source_dir##*/}
    need_name corpus "$corpus_name"
    [[ $corpus_name != demo ]] || die "$0: --corpus $corpus: the name of the demo corpus; rename the folder"
    ;;
esac
data=data/$corpus_name
corpus_config=$(config_of_corpus "$source_dir")

[[ $corpus != tut2017 || -d $source_dir/source_data ]] || active 0 ||
  die "$0: --corpus tut2017: no $source_dir/source_data; run stage 0"
fetch_options=(--accept-licence "$accept_licence" --download-dir "$download_dir")

# The ASR model: a folder of models/, or any folder of that layout.
need_folder asr
asr_dir=$asr
model_options=("${fetch_options[@]}")
[[ $asr == */* ]] || asr_dir=models/$asr
if [[ $asr =~ ^(librispeech|vosk-ko|vosk-small-en)$ ]]; then
  # shellcheck disable=SC2034 # of run.sh
  model_options+=(--manifest "conf/downloads/$asr.yaml")
  [[ -s $asr_dir/final.mdl ]] || active 0 || die "$0: --asr $asr: no final.mdl in $asr_dir; run stage 0"
elif [[ ! -e $asr_dir/final.mdl && -s $asr_dir/am/final.mdl ]]; then
  vosk=$asr_dir asr_dir=models/vosk/$(basename -- "$(realpath -- "$asr_dir")")
  model_options+=(--vosk "$vosk")
  [[ $asr_dir/final.mdl -ef $vosk/am/final.mdl ]] || active 0 ||
    die "$0: --asr $asr: a Vosk model that $asr_dir does not stand for yet; run stage 0"
else
  [[ -s $asr_dir/final.mdl ]] ||
    die "$0: --asr $asr: no final.mdl in $asr_dir; expected demo, librispeech, vosk-ko, vosk-small-en or the folder of" \
      "a Kaldi chain or Vosk model"
fi

system_folders=(conf/systems conf/ablation conf/paper)

# system_names DIR: the systems of a folder.
system_names() { basename -s .yaml "$1"/*.yaml | paste -sd' '; }

# system_yaml NAME: the file of a system, of those too that --system all leaves out.
system_yaml() {
  local folder
  for folder in "${system_folders[@]}"; do
    [[ ! -f $folder/$1.yaml ]] || { echo "$folder/$1.yaml" && return; }
  done
  return 1
}

# Systems, their front ends, and seeds.
[[ $system =~ ^[a-z0-9_]+(,[a-z0-9_]+)*$ ]] || die "$0: --system $system: expected names joined by commas"
systems=${system//,/ }
[[ $system != all ]] || systems=$(system_names conf/systems)
[[ $system != @(ablation|paper) ]] || systems=$(system_names "conf/$system")
system_yamls=()
for name in $systems; do
  yaml=$(system_yaml "$name") || die "$0: --system $name: unknown; one of $(system_names conf/systems)"
  system_yamls+=("$yaml")
done
for change in "${set[@]}"; do
  [[ $change =~ ^[a-z][a-z0-9_]*=.+$ ]] || die "$0: --set $change: expected KEY=VALUE, such as --set dropout=0.5"
  [[ $change != epochs=* || -z $epochs ]] || die "$0: --set $change: --epochs $epochs sets it too"
done
seed_list=${seeds//,/ }
[[ $seeds =~ ^(0|[1-9][0-9]{0,8})(,(0|[1-9][0-9]{0,8}))*$ ]] ||
  die "$0: --seeds $seeds: expected a number of seeds, or seeds joined by commas"
[[ $seeds == *,* ]] || { need_integer seeds "$seeds" 1 && seed_list=$(seq -s ' ' 1 "$seeds"); }

drawn_seeds='' suffix='' # seeds that have mixtures of their own; of the folders of their results
[[ $new_mixtures == false ]] || suffix=.new-mixtures
[[ $new_mixtures == false ]] || for seed in $seed_list; do [[ $seed == 1 ]] || drawn_seeds+="$seed "; done

. ./path.sh
. ./cmd.sh

if ((${#set[@]})); then # systems of their own: files below exp/, which say all that their names do not
  system_folders=("$exp/$corpus_name/.systems")
  systems=$(pysed variants --into "${system_folders[0]}" "${set[@]/#/--set=}" -- "${system_yamls[@]}") || exit
fi
frontends=
for name in $systems; do
  frontend=$(yaml_value "$(system_yaml "$name")" frontend)
  [[ " $frontends " == *" $frontend "* ]] || frontends+="${frontends:+ }$frontend"
done

# resolve_events: sets `events`, the classes to work on, once the corpus is there and the name is its own.
resolve_events() {
  local name
  known=$(pysed corpus classes "$source_dir" | tr '\n' ' ') || exit 2
  known=${known% }
  if [[ $event == all ]]; then
    events=$known
  else
    events=
    for name in "${chosen[@]}"; do
      [[ " $known " == *" $name "* ]] || die "$0: --event $name: unknown class; $source_dir has $known"
      [[ " $events " == *" $name "* ]] || events+="${events:+ }$name"
    done
  fi
  active 0 || pysed corpus check-name --source "$source_dir" --data "$data" # which stage 0 has done
  [[ -z $num_mixtures ]] || ((stage <= 1)) || need_num_mixtures
}

# heard_classes: sets `classes`, those to analyse: the chosen ones, and others that this recogniser has heard before.
heard_classes() {
  local name set
  classes=()
  for name in $known; do
    if [[ " $events " != *" $name "* ]]; then
      for set in "$data/$name"/{,isolated_}devtrain; do [[ -f $set/.done_phones && -f $set/.done_prefinal ]] || continue 2; done
      python -S -E -m pysed.freshness features "$data/$name/devtrain/.done_prefinal" "$asr_dir" 2>/dev/null || continue
    fi
    classes+=("$name")
  done
}

# need_num_mixtures: without stage 1, --num-mixtures must be what the training data has: as given there, or as counted.
need_num_mixtures() {
  local name seed set has sets=()
  for name in $events; do
    sets+=("$data/$name/devtrain")
    for seed in $drawn_seeds; do sets+=("$data/$name/devtrain_seed$seed"); done
  done
  for set in "${sets[@]}"; do
    [[ -f $set/wav.scp && -f $set/.done ]] || continue # the stages say so
    has=$(sed -n 's/.*--num-mixtures\\n\([0-9]*\)\\n.*/\1/p' "$set/.done")
    if [[ -z $has && $(yaml_value "$corpus_config" official) == true ]]; then continue; fi # it has others for validation
    has=${has:-$(count_lines "$set/wav.scp")}
    [[ $has == "$num_mixtures" ]] ||
      die "$0: --num-mixtures $num_mixtures: $set has $has; run stage 1, which draws them, or leave the option out"
  done
}

# begin COMMAND...: starts it in a process group of its own, which ends with this script, however that ends.
begin() {
  set -m
  (
    printf '+%s\n' "$BASHPID" >&"$leash"
    exec {leash}>&-
    exec "$@"
  ) </dev/null &
  set +m
  running[$!]=$*
}
declare -A running=() # group -> its command
exec {leash}> >(exec setsid utils/leash.sh) # ends the groups noted there when this script is gone
export side_by_side=1 # jobs stay in the group of what starts them

# From here on standard output goes to what shows progress; `screen` is where it went before.
exec {screen}>&1
exec > >(trap '' HUP INT TERM && exec {leash}>&- && exec python -S -E utils/show_progress.py >&"$screen")
progress=$!

# work AMOUNT: how much there is to do in this stage. did AMOUNT: so much of it is done.
work() { printf '@work %d\n' "$1"; }
did() { printf '@did %d\n' "$1"; }

# end_progress: what follows on standard output stands below all that was shown.
end_progress() {
  printf '@end\n'
  exec >&"$screen"
  wait "$progress" 2>/dev/null || true
}
trap 'exec {leash}>&- >&2; wait "$progress" 2>/dev/null || true' EXIT # the last words of what failed stand before the prompt

# wait_for_one: until one of the running ends; keeps its exit code in `failed` unless that is 0.
wait_for_one() {
  local pid=
  wait -n -p pid "${!running[@]}" || failed=$?
  [[ -n $pid ]] || die "$0: lost sight of ${running[*]}"
  kill -- "-$pid" 2>/dev/null || true # what it may have left
  printf -- '-%s\n' "$pid" >&"$leash"
  unset "running[$pid]"
}

# step COMMAND...: runs it and waits; this script ends where it fails.
step() {
  partly "$@"
  ((failed == 0)) || exit "$failed"
}

# partly COMMAND...: likewise, but goes on where it had to leave something out (3), which `failed` then says.
partly() {
  failed=0
  begin "$@"
  while ((${#running[@]})); do wait_for_one; done
  [[ $failed == [03] ]] || exit "$failed"
}

# set_up COMMAND...: a step that may ask whoever sits at the terminal.
set_up() { if [[ -t 0 ]]; then "$@" >&"$screen"; else step "$@"; fi; }

# for_each_set SCRIPT [OPTION...] -- [ARG...]: runs it on every data directory of the chosen events.
for_each_set() {
  local -a options=()
  while [[ $1 != -- ]]; do options+=("$1") && shift; done
  shift
  local name set size seed sets=() total=0 before
  for name in $events; do
    before=${#sets[@]}
    for set in "$data/$name"/*/; do
      if [[ $set == */devtrain_seed*/ ]]; then # of another run, perhaps
        seed=${set##*/devtrain_seed}
        [[ " $drawn_seeds" == *" ${seed%/} "* ]] || continue
      fi
      if [[ ! -f $set/wav.scp ]]; then
        [[ $set == */@(devtrain*|devtest|evaltest|isolated_*)/ ]] || continue # no data directory of the recipe
        die "$0: $set: no wav.scp; run stage 1"
      fi
      size=$(count_lines "$set/wav.scp")
      sets+=("${set%/}") total=$((total + size))
    done
    ((${#sets[@]} > before)) || die "$0: $data/$name: no wav.scp; run stage 1"
  done
  work "$total"
  for set in "${sets[@]}"; do
    step "${options[@]}" "$set" "$@"
    did "$(count_lines "$set/wav.scp")"
  done
}

# num_models: of all chosen events, systems and seeds.
num_models() { echo $(($(wc -w <<<"$events") * $(wc -w <<<"$systems") * $(wc -w <<<"$seed_list"))); }

# folds_at_once: the trainings of --nj that each of the models trained side by side may have.
folds_at_once() {
  local models
  models=$(num_models)
  echo $((nj / (models < nj ? models : nj)))
}

# for_each_model NUMBER SCRIPT [OPTION...]: runs it for every chosen event, system and seed, so many side by side.
# After a failure no more are begun; those that run are waited for.
for_each_model() {
  local at_once=$1 name one seed dir
  shift
  failed=0
  work "$(num_models)"
  for name in $events; do
    for one in $systems; do
      for seed in $seed_list; do
        dir=$exp/$corpus_name/$name/$one$suffix
        ((seed == 1)) || dir+=/seed$seed
        ((${#running[@]} < at_once)) || { wait_for_one && did 1; }
        ((failed == 0)) || break 3
        begin "$@" --seed "$seed" "$data/$name" "$name" "$(system_yaml "$one")" "$dir"
      done
    done
  done
  while ((${#running[@]})); do wait_for_one && did 1; done
  ((failed == 0)) || exit "$failed"
}

# write_results: RESULTS.md, comparison.json and the pooled scores, of all models that are there.
# Their text is not shown; the redirection is the command's own: a script that ends within one of a function's would wait
# for what shows progress, and that for it.
write_results() { step bash -c 'exec "$@" >/dev/null' - pysed results "$exp/$corpus_name"; }

# tell_results: the run's last words: the small table, what to make of it, where to look, what to type next, the time.
tell_results() {
  local command=() word value=false report=$exp/$corpus_name/report/index.html
  for word in "${words[@]}"; do # but for the stages
    if [[ $value == true ]]; then value=false && continue; fi
    case $word in
      --stage | --stop-stage) value=true ;;
      --stage=* | --stop-stage=*) ;;
      *) command+=("$word") ;;
    esac
  done
  if active 6; then printf '\n' && pysed results --brief "$exp/$corpus_name"; fi
  if active 8; then printf 'Report          %s (opens in a browser); as text: %s\n' "$report" "$exp/$corpus_name/RESULTS.md"; fi
  if ((stop_stage < 8)); then
    command+=(--stage $((stop_stage + 1)))
    printf 'Go on           %s\n' "$(printf '%q ' "${command[@]}")"
  elif [[ $seeds == 1 ]]; then
    printf 'Train again     %s--seeds 3 (shows how much one training differs from the next)\n' "$(printf '%q ' "${command[@]}")"
  fi
  printf 'Took            %s\n' "$(python -S -E utils/show_progress.py "$SECONDS")"
}
