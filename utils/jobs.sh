# shellcheck shell=bash
# Makes a job of a shell function. Whatever starts jobs (utils/run_jobs.sh, utils/slurm.sh, Kaldi's run.pl, slurm.pl or
# queue.pl) is handed the name of a script only: the function's arguments and variables never pass through its shell.

# write_job SCRIPT FUNCTION NAME...: a script that runs the function, with the functions and variables of those names.
write_job() {
  local job_script=$1 needed
  shift
  mkdir -p -- "$(dirname -- "$job_script")"
  {
    printf '#!/usr/bin/env bash\nset -euo pipefail\n'
    for needed; do
      if declare -F "$needed" >/dev/null; then declare -f "$needed"; else declare -p "$needed"; fi
    done
    printf '%s "$@"\n' "$1"
  } >"$job_script.tmp"
  mv -- "$job_script.tmp" "$job_script"
}

# start_job STARTER [JOB=1:N] LOG SCRIPT [ARG...]: runs a script as STARTER, the value of run_cmd, says.
start_job() {
  local starter jobs=() path
  read -ra starter <<<"$1"
  command -v -- "${starter[0]-}" >/dev/null || die "$0: ${starter[0]-}: no such command to start jobs with; see cmd.sh"
  shift
  if [[ $1 =~ ^[A-Za-z_]+=1:[0-9]+$ ]]; then jobs=("$1") && shift; fi
  if [[ ${starter[0]} != *utils/run_jobs.sh && ${starter[0]} != *utils/slurm.sh ]]; then # Kaldi's do not quote
    for path in "$1" "$2"; do
      [[ $path != *[^A-Za-z0-9_./+:@%-]* ]] ||
        die "$0: $path: ${starter[0]} does not take this name; use letters, digits and '_', '.', '-', or utils/run_jobs.sh"
    done
  fi
  "${starter[@]}" "${jobs[@]}" "$1" bash -- "${@:2}"
}
