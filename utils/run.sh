#!/usr/bin/env bash
# Runs a job, or an array of jobs side by side, on this machine; the interface of Kaldi's run.pl.
#
#   utils/run.sh [JOB=1:N] LOG COMMAND [ARG...]
#
# JOB in LOG and in the command stands for the job's number. Arguments are joined by spaces for bash -c, those
# with white space quoted, so '|' and '>' work when quoted by the caller. Exit 1 when a job fails, naming its log.
set -euo pipefail
first=1 last=1 variable=
if [[ ${1-} =~ ^([A-Za-z_]+)=([0-9]+)(:([0-9]+))?$ ]]; then
  variable=${BASH_REMATCH[1]} first=${BASH_REMATCH[2]} last=${BASH_REMATCH[4]:-${BASH_REMATCH[2]}}
  shift
fi
if (($# < 2)); then
  echo "Usage: $0 [JOB=1:N] LOG COMMAND [ARG...]" >&2
  exit 2
fi
threads=$(($(nproc) / (last - first + 1)))
log=$1
shift
command=
for argument; do
  case $argument in
    *\'*[[:space:]]* | *[[:space:]]*\'*) command+="\"$argument\" " ;;
    *[[:space:]]* | '') command+="'$argument' " ;;
    *) command+="$argument " ;;
  esac
done

# Jobs side by side share the cores: each process takes its part, not all of them.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((threads > 0 ? threads : 1))}
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-$OMP_NUM_THREADS}

declare -A logs=()
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for ((job = first; job <= last; job++)); do
  one=$command one_log=$log
  if [[ -n $variable ]]; then
    one=${command//$variable/$job}
    one_log=${log//$variable/$job}
  fi
  mkdir -p "$(dirname "$one_log")"
  {
    printf '# %s\n# Started at %s\n' "$one" "$(date)"
    bash -o pipefail -c "$one" </dev/null && code=0 || code=$?
    printf '# Ended at %s (code %d)\n' "$(date)" "$code"
    exit "$code"
  } >"$one_log" 2>&1 &
  logs[$!]=$one_log
done
failed=0
for pid in "${!logs[@]}"; do
  if ! wait "$pid"; then
    reason=$(grep -v '^#' "${logs[$pid]}" | grep -E 'ERROR|error|rror:' | tail -n 1 || true)
    echo "$0: job failed: ${reason:-see its log}; log: ${logs[$pid]}" >&2
    failed=1
  fi
done
trap - EXIT
exit "$failed"
