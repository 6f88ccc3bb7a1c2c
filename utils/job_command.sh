# shellcheck shell=bash disable=SC2034
# What utils/run_jobs.sh and utils/slurm.sh share: their arguments, and how a job leaves its log.

# parse_job [JOB=1:N] LOG COMMAND [ARG...]: sets variable, first, last, log, and the array command.
parse_job() {
  first=1 last=1 variable=
  if [[ ${1-} =~ ^([A-Za-z_]+)=([0-9]+)(:([0-9]+))?$ ]]; then
    variable=${BASH_REMATCH[1]} first=${BASH_REMATCH[2]} last=${BASH_REMATCH[4]:-${BASH_REMATCH[2]}}
    shift
  fi
  if [[ ${1-} == --* ]]; then
    echo "$0: $1: unknown option; utils/run_jobs.sh takes none, utils/slurm.sh those of sbatch as --NAME=VALUE" >&2
    exit 2
  fi
  if (($# < 2 || 10#$first > 10#$last)); then
    echo "Usage: $0 [JOB=1:N] LOG COMMAND [ARG...]" >&2
    exit 2
  fi
  log=$1
  shift
  command=("$@")
}

# job_log JOB: the log of a job.
job_log() { if [[ -n $variable ]]; then echo "${log//$variable/$1}"; else echo "$log"; fi; }

# job_text JOB: a job's command for bash. A word that is an operator is one; every other word is quoted.
job_text() {
  local word words=("${command[@]}")
  local operator='^(\|[|&]?|&&|;|[(){}]|&>>?|[0-9]?(<|>>?|[<>]&)[0-9]?)$'
  if [[ -n $variable ]]; then words=("${words[@]//$variable/$1}"); fi
  for word in "${words[@]}"; do
    if [[ $word =~ $operator ]]; then printf '%s ' "$word"; else printf '%q ' "$word"; fi
  done
}

# run_job JOB: runs it here, its log ending with the exit code.
run_job() {
  local text code
  text=$(job_text "$1")
  {
    printf '# %s\n# Started at %s\n' "$text" "$(date)"
    bash -o pipefail -c "$text" </dev/null && code=0 || code=$?
    printf '# Ended at %s (code %d)\n' "$(date)" "$code"
    return "$code"
  } >"$(job_log "$1")" 2>&1
}

# report_failure JOB: says why a job failed, as far as its log tells; a reader that is gone had its own reason, and what
# is wrong with standard input began in the command before, as with what the shell could not run or saw die.
report_failure() {
  local file reasons reason by_shell=': line [0-9]+: .*(not found|denied|cannot execute|interpreter|Killed|Aborted|fault)'
  file=$(job_log "$1")
  reasons=$(grep -v '^#' <"$file" | grep -E "ERROR|errors?\\b|rror:|$by_shell" | grep -v 'closed by its reader' || true)
  reason=$(grep -v ': standard input: ' <<<"$reasons" | tail -n 1 || true)
  reason=${reason:-${reasons##*$'\n'}}
  if [[ -z $reason && $(tail -n 1 <"$file") == *"(code 2)" ]]; then # bad use or bad data: the last word is the reason
    reason=$(grep -v '^#' <"$file" | grep -v 'closed by its reader' | tail -n 1 || true)
  fi
  echo "$0: job failed: ${reason:-see its log}; log: $file" >&2
}

# share_cores COUNT CORES: jobs side by side share the cores: each process takes its part, not all of them.
share_cores() {
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($2 > $1 ? $2 / $1 : 1))}
  export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-$OMP_NUM_THREADS}
}
