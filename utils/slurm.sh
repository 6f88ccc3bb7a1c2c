#!/usr/bin/env bash
# Runs a job, or an array of jobs, on a Slurm cluster; the interface of utils/run_jobs.sh and of Kaldi's slurm.pl.
#
#   utils/slurm.sh [--SBATCH-OPTION=VALUE...] [JOB=1:N] LOG COMMAND [ARG...]
#
# Example: run_cmd="utils/slurm.sh --partition=cpu --mem=4G --time=2:00:00"
# The folder must be seen by every node under the same name. Waits for the jobs. One that ends without saying how
# (cancelled, its node lost) is submitted again, alone, up to PYSED_SLURM_RETRIES times (3); one that fails by
# itself is not. Exit 2 where that is for bad use or bad data, 1 otherwise.
set -euo pipefail
tools=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")")
# shellcheck source=utils/job_command.sh
. "$tools/job_command.sh"
if [[ ${1-} == --inside ]]; then # on the node
  shift
  parse_job "$@"
  share_cores 1 "${SLURM_CPUS_PER_TASK:-1}"
  run_job "$SLURM_ARRAY_TASK_ID"
  exit
fi

# quoted WORD...: the words for any shell; bash's own form of quotes is not known to the sh that a node has.
quoted() {
  local word
  for word; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}
options=()
while [[ ${1-} == --*=* ]]; do options+=("$1") && shift; done
parse_job "$@"

pending=()
for ((job = first; job <= last; job++)); do
  mkdir -p "$(dirname "$(job_log "$job")")"
  rm -f "$(job_log "$job")"
  pending+=("$job")
done
name=$(basename "$log" .log) failed=0
for ((try = 0; ${#pending[@]} && try <= ${PYSED_SLURM_RETRIES:-3}; try++)); do
  if ((try)); then echo "$0: submitting again: $name ${pending[*]}" >&2; fi
  # The exit code of --wait does not tell a failed job from a cancelled one, the logs do; no id: nothing was submitted.
  id=$(sbatch --parsable --wait --job-name="$name" --array="$(IFS=, && echo "${pending[*]}")" --chdir="$PWD" \
    --output=/dev/null "${options[@]}" --wrap="$(quoted "$tools/slurm.sh" --inside "$@")") || true
  [[ -n $id ]] || exit 1
  lost=()
  for job in "${pending[@]}"; do
    case $(tail -n 1 "$(job_log "$job")" 2>/dev/null || true) in
      "# Ended at "*"(code 0)") ;;
      "# Ended at "*"(code 2)" | "# Ended at "*"(code 255)") report_failure "$job" && failed=2 ;;
      "# Ended at "*) report_failure "$job" && failed=1 ;;
      *) lost+=("$job") ;;
    esac
  done
  pending=("${lost[@]}")
done
if ((${#pending[@]})); then
  echo "$0: $name: jobs ${pending[*]} did not end by themselves (cancelled, or never started: see squeue, sacct)" >&2
  failed=1
fi
exit "$failed"
