# shellcheck shell=bash disable=SC2034,SC2154
# Splits lists for parallel jobs, runs those that are not done, and joins what they wrote. Needs resume.sh.

. utils/jobs.sh

# make_table DATA NAME FUNCTION LISTS VARIABLES ITEM...: DATA/NAME.scp by jobs of the function over lists of DATA, unless
# it is up to date; the function uses variables of these names, the items are to_do's. Names are joined by spaces.
make_table() {
  local data=$1 name=$2 function=$3 lists variables
  read -ra lists <<<"$4" && read -ra variables <<<"$5"
  to_do "$data/.done_$name" "  $data/$name.scp" "${@:6}" || return 0
  work=$data/$name
  split_lists "$work" "$nj" "$key" "${lists[@]/#/$data/}"
  run_shards "$work" "$function" "${variables[@]}"
  finish_table "$data/$name.scp"
}

# need_data DATA: a data directory that is whole, and has no segments of Kaldi's, which features here would pass over.
need_data() {
  need_files "$0" "$1/wav.scp"
  [[ -s $1/.done ]] ||
    die "$0: $1/.done: missing or empty; run stage 1, or, for a data directory of your own: echo mine >$1/.done"
  [[ ! -e $1/segments ]] ||
    die "$0: $1/segments: features are made of whole recordings here; cut them with Kaldi's" \
      "utils/data/extract_wav_segments_data_dir.sh, or remove the file"
}

# split_lists WORK NJ KEY LIST...: WORK/<list's name>.<job> of each list; sets num_jobs, at most NJ and at most one per
# line. What an unfinished run with the same KEY (of to_do) and number of jobs left in WORK is kept.
split_lists() {
  local work=$1 key list total part
  need_integer nj "$2" 1
  [[ $work != *[,#[:cntrl:]]* && $work != [\ \|]* ]] ||
    die "$0: $work: Kaldi's tables do not take a folder's name with ',', '#', a tab, or '|' or a space first; rename it"
  total=$(count_lines "$4")
  num_jobs=$(($2 < total ? $2 : total))
  key="$3 $num_jobs"
  shift 3
  if [[ -f $work/.key && $(<"$work/.key") == "$key" ]]; then return; fi
  rm -rf -- "$work" && mkdir -p -- "$work"
  for list; do
    part=$work/$(basename -- "$list" .scp)
    PART=$part awk -v total="$total" -v jobs="$num_jobs" \
      '{ print > (ENVIRON["PART"] "." int((NR - 1) * jobs / total) + 1) }' <"$list"
  done
  printf '%s\n' "$key" >"$work/.key.tmp" && mv -- "$work/.key.tmp" "$work/.key"
}

# run_shards WORK FUNCTION NAME...: the function, which uses variables and functions of these names, for each of num_jobs
# jobs with its number. It writes WORK/<name of WORK>.<job>.*; a job whose files are there as it left them is not repeated.
run_shards() {
  local work=$1 name=$2 job=JOB
  shift 2
  while [[ $work == *"$job"* ]]; do job+=_; done # what stands for the number must not stand in a folder's name
  write_job "$work/$name.sh" one_shard shard_files "$name" work name "$@"
  start_job "$run_cmd" "$job=1:$num_jobs" "$work/log/$name.$job.log" "$work/$name.sh" "$job"
}

one_shard() {
  local done=$work/.$name.$1.done
  if [[ ! -f $done || $(<"$done") != "$(shard_files "$1")" ]]; then
    "$name" "$1"
    shard_files "$1" >"$done.tmp"
    mv -- "$done.tmp" "$done"
  fi
}

# shard_files JOB: what a job left, with sizes.
shard_files() { stat -c '%n %s' -- "$work/${work##*/}.$1".* 2>/dev/null || true; }

# link_model ASR_DIR LINK: a link to a model's folder, whose own name may hold what Kaldi's file names do not take.
link_model() { ln -sfn -- "$(realpath -- "$1")" "$2"; }

# finish_table OUT: joins the jobs' lists (in the folder OUT without its ending) in order, as many recordings as wav.scp
# has; the mark, .done_NAME, then stands for OUT and the archives.
finish_table() {
  local out=$1 folder=${1%.scp} data=${1%/*} name expected found job
  name=${folder##*/}
  for ((job = 1; job <= num_jobs; job++)); do cat -- "$folder/$name.$job.scp"; done >"$out.tmp"
  expected=$(count_lines "$data/wav.scp") found=$(count_lines "$out.tmp")
  [[ $found -eq $expected ]] || die "$0: $out: $found of $expected recordings have an output; see the logs in $folder/log"
  mv -- "$out.tmp" "$out"
  finish "$data/.done_$name" "$out" "$folder/$name".*.{ark,scp}
  log "  $out: $found recordings"
}
