#!/usr/bin/env bash
# Runs a job, or an array of jobs side by side, on this machine; the interface of Kaldi's run.pl.
#
#   utils/run.sh [JOB=1:N] LOG COMMAND [ARG...]
#
# JOB in LOG and in the command stands for the job's number. Arguments are joined by spaces for bash -c, those
# with white space quoted, so '|' and '>' work when quoted by the caller. Exit 1 when a job fails, naming its log.
set -euo pipefail
# shellcheck source=utils/job_command.sh
. "$(dirname "${BASH_SOURCE[0]}")/job_command.sh"
parse_job "$@"
share_cores $((last - first + 1)) "$(nproc)"

declare -A numbers=()
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for ((job = first; job <= last; job++)); do
  mkdir -p "$(dirname "$(job_log "$job")")"
  run_job "$job" &
  numbers[$!]=$job
done
failed=0
for pid in "${!numbers[@]}"; do
  if ! wait "$pid"; then
    report_failure "${numbers[$pid]}"
    failed=1
  fi
done
trap - EXIT
exit "$failed"
