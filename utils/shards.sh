# shellcheck shell=bash disable=SC2034
# Splits a data directory for parallel jobs and joins what they wrote.

# split_data DATA WORK NJ: WORK/{wav,spk2utt}.<job>; sets num_jobs, at most NJ and at most one per recording.
split_data() {
  local data=$1 work=$2 file total
  total=$(wc -l <"$data/wav.scp")
  num_jobs=$(($3 < total ? $3 : total))
  rm -rf "$work" && mkdir -p "$work"
  for file in wav.scp spk2utt; do
    awk -v total="$total" -v jobs="$num_jobs" -v prefix="$work/${file%.scp}" \
      '{ print > (prefix "." int((NR - 1) * jobs / total) + 1) }' "$data/$file"
  done
}

# join_scp OUT EXPECTED PART...: joins the jobs' scp files in order; the count must be as expected.
join_scp() {
  local out=$1 expected=$2 found
  shift 2
  cat "$@" >"$out.tmp"
  found=$(wc -l <"$out.tmp")
  [[ $found -eq $expected ]] || die "$0: $out: $found of $expected recordings have an output; see the logs beside it"
  mv "$out.tmp" "$out"
}
