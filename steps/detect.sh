#!/usr/bin/env bash
# Events in an archive: a list of recordings in shards, each a job of cmd.sh; an interrupted run goes on shard by shard.
set -euo pipefail

nj=2
threshold='' min_duration='' max_gap=''
help_message="Usage: $0 [--nj N] [--threshold X] [--min-duration S] [--max-gap S] MODEL_DIR LIST OUT_DIR
Example: $0 --nj 100 exp/demo/babycry/gradual recordings.txt exp/archive
Reads:  MODEL_DIR/final.pt, LIST (an audio file a line)
Writes: OUT_DIR/events.tsv (a table with a header), OUT_DIR/failures.txt (files that cannot be read, with the reason);
        exits 3 where there are such, and tries their shards again when it is started again"
. ./path.sh
. ./cmd.sh
. utils/resume.sh
. utils/shards.sh
. utils/parse_options.sh
(($# == 3)) || die "$help_message"
model=$1 list=$2 out=$3
[[ -e $model || ! -f models/detectors/$model/final.pt ]] || model=models/detectors/$model # one in the box, by its name
need_files "$0" "$model/final.pt" "$list"
wishes=()
[[ -z $threshold ]] || need_number threshold "$threshold" 1
[[ -z $min_duration ]] || need_number min-duration "$min_duration"
[[ -z $max_gap ]] || need_number max-gap "$max_gap"
[[ -z $threshold ]] || wishes+=(--threshold "$threshold")
[[ -z $min_duration ]] || wishes+=(--min-duration "$min_duration")
[[ -z $max_gap ]] || wishes+=(--max-gap "$max_gap")

# states LIST: one word for the sizes and times of the recordings in a list.
states() { (sed 's/\r$//' <"$1" | xargs -rd '\n' stat -Lc '%n %s %.9Y' -- 2>/dev/null || true) | sha256sum; }

detect() {
  local code=0 part=$work/${work##*/}.$1
  states "$work/list.$1" >"$work/list.$1.states"
  pysed detect --model "$model" --files-from "$work/list.$1" --out "$part.tsv" "${wishes[@]}" 2>"$part.err" || code=$?
  cat -- "$part.err" >&2
  [[ $code -eq 0 || $code -eq 3 ]] || return "$code"
  : >"$part.failures"
  if ((code == 3)); then # the lines of the files that failed, and at worst some more
    grep -Ev '^WARNING: |^[0-9]+ of [0-9]+ files failed:$|^[0-9]+ files, [0-9.]+ h of sound, [0-9.]+ h a minute$' \
      <"$part.err" >"$part.failures" || cat -- "$part.err" >"$part.failures"
  fi
}

# join_tables TABLE...: their rows under the widest of their heads; times of the clock, the last columns, may lack.
join_tables() {
  local heads table
  heads=$(head -qn 1 -- "$@" | awk -F'\t' 'NF > most { most = NF; widest = $0 } END { print widest }')
  printf '%s\n' "$heads"
  for table; do # awk takes a name with '=' for a variable
    HEADS=$heads awk -F'\t' 'BEGIN { most = split(ENVIRON["HEADS"], heads, "\t") }
      NR > 1 { row = $0; for (i = NF; i < most; i++) row = row "\t"; print row }' <"$table"
  done
}

lock_folder "$out"
now=$(states "$list")
if [[ -f $out/.done && -f $out/.recordings && $(<"$out/.recordings") != "$now" ]]; then
  log "  $out/events.tsv: recordings changed; made anew"
  rm -f -- "$out/.done"
fi
to_do "$out/.done" "  $out/events.tsv" --inputs "$model/final.pt" "$list" --options "${wishes[*]}" \
  --code "$0" pysed.commands.detect:main || exit 0
work=$out/shards
mkdir -p -- "$out"
awk '{ sub(/\r$/, "") } /[^[:space:]]/ && !seen[$0]++' <"$list" >"$out/list"
[[ -s $out/list ]] || die "$0: $list: no names; expected an audio file a line"
split_lists "$work" "$nj" "$key" "$out/list"
for ((job = 1; job <= num_jobs; job++)); do # of an interrupted run
  [[ -f $work/list.$job.states && $(<"$work/list.$job.states") == "$(states "$work/list.$job")" ]] ||
    rm -f -- "$work/.detect.$job.done"
done
run_shards "$work" detect model wishes states
tables=() failures=()
for ((job = 1; job <= num_jobs; job++)); do
  tables+=("$work/${work##*/}.$job.tsv") failures+=("$work/${work##*/}.$job.failures")
done
join_tables "${tables[@]}" >"$out/tsv.tmp"
cat -- "${failures[@]}" >"$out/failures.tmp"
mv -- "$out/failures.tmp" "$out/failures.txt"
mv -- "$out/tsv.tmp" "$out/events.tsv"
log "  $out/events.tsv: $(count_lines "$out/list") recordings, $(count_lines "$out/failures.txt") failed"
if [[ -s $out/failures.txt ]]; then
  for ((job = 1; job <= num_jobs; job++)); do
    [[ ! -s ${failures[job - 1]} ]] || rm -f -- "$work/.detect.$job.done"
  done
  rm -f -- "$(pending "$out/.done")"
  printf '%s\n' "$0: $out/failures.txt: $(count_lines "$out/failures.txt") files failed; start it again to retry" >&2
  exit 3
fi
printf '%s\n' "$now" >"$out/.recordings.tmp" && mv -- "$out/.recordings.tmp" "$out/.recordings"
finish "$out/.done" "$out"/{events.tsv,failures.txt}
rm -rf -- "$work" "$out/list"
