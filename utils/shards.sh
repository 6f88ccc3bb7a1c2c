# shellcheck shell=bash disable=SC2034,SC2154
# Splits a data directory for parallel jobs, runs those that are not done, and joins what they wrote. Needs resume.sh.

. utils/jobs.sh

# split_data DATA WORK NJ KEY: WORK/{wav,spk2utt}.<job>; sets num_jobs, at most NJ and at most one per recording.
# What an unfinished run with the same KEY (a fingerprint of all that goes in) and number of jobs left is kept.
split_data() {
  local data=$1 work=$2 key file total
  [[ $data != *[,#[:cntrl:]]* && $data != [\ \|]* ]] ||
    die "$0: $data: Kaldi's tables do not take a folder's name with ',', '#', a tab, or '|' or a space first; rename it"
  total=$(wc -l <"$data/wav.scp")
  num_jobs=$(($3 < total ? $3 : total))
  key="$4 $num_jobs"
  if up_to_date "$work/.key" "$key"; then return; fi
  rm -rf "$work" && mkdir -p "$work"
  for file in wav.scp spk2utt; do
    prefix=$work/${file%.scp} awk -v total="$total" -v jobs="$num_jobs" \
      '{ print > (ENVIRON["prefix"] "." int((NR - 1) * jobs / total) + 1) }' <"$data/$file"
  done
  mark_done "$work/.key" "$key"
}

# run_shards WORK NAME VARIABLE...: the function NAME, which uses these variables, for each of num_jobs jobs with its
# number; one that is done already (it leaves WORK/NAME.<job>.done) is not repeated.
run_shards() {
  local work=$1 name=$2 job=JOB
  shift 2
  while [[ $work == *"$job"* ]]; do job+=_; done # what stands for the number must not stand in a folder's name
  write_job "$work/$name.sh" one_shard "$name" work name "$@"
  start_job "$run_cmd" "$job=1:$num_jobs" "$work/log/$name.$job.log" "$work/$name.sh" "$job"
}

one_shard() {
  if [[ ! -f $work/$name.$1.done ]]; then
    "$name" "$1"
    touch "$work/$name.$1.done"
  fi
}

# link_model ASR_DIR LINK: a link to a model's folder, whose own name may hold what Kaldi's file names do not take.
link_model() { ln -sfn -- "$(realpath -- "$1")" "$2"; }

# join_scp OUT EXPECTED PART...: joins the jobs' scp files in order; the count must be as expected.
join_scp() {
  local out=$1 expected=$2 found
  shift 2
  cat "$@" >"$out.tmp"
  found=$(wc -l <"$out.tmp")
  [[ $found -eq $expected ]] || die "$0: $out: $found of $expected recordings have an output; see the logs beside it"
  mv "$out.tmp" "$out"
}
