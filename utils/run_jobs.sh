#!/usr/bin/env bash
# Runs a job, or an array of jobs side by side, on this machine; the interface of Kaldi's run.pl.
#
#   utils/run_jobs.sh [JOB=1:N] LOG COMMAND [ARG...]
#
# JOB in LOG and in the command stands for the job's number. Arguments that are operators of the shell ('|', '&&', '>',
# ';', '{' ..., quoted by the caller) work as such; all others reach the command as they are, unlike with run.pl, which
# hands those without white space to the shell raw. A job that fails is named with its log; exit 2
# for bad use or bad data, 1 otherwise. Jobs share the cores; side_by_side in the environment says how many of this
# script run at once. Jobs end with the script, even one that is interrupted.
set -euo pipefail
# shellcheck source=utils/job_command.sh
. "$(dirname "${BASH_SOURCE[0]}")/job_command.sh"
parse_job "$@"
share_cores $(((last - first + 1) * ${side_by_side:-1})) "$(nproc)"

declare -A numbers=()
trap 'for pid in "${!numbers[@]}"; do kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true; done' EXIT
# Each job in a process group of its own, so that all of it can be ended. A training stays in that of its steps/train.sh.
[[ -n ${side_by_side-} ]] || set -m
for ((job = first; job <= last; job++)); do
  mkdir -p "$(dirname "$(job_log "$job")")"
  run_job "$job" &
  numbers[$!]=$job
done
failed=0
for pid in "${!numbers[@]}"; do
  code=0
  wait "$pid" || code=$?
  if ((code)); then
    report_failure "${numbers[$pid]}"
    failed=$((code == 2 || code == 255 ? 2 : 1)) # 255: Kaldi's, of bad use or bad data
  fi
done
trap - EXIT
exit "$failed"
