# shellcheck shell=bash
# Messages, and the checks every script makes. Sourced by path.sh.

# log MESSAGE: one line on stdout with the time of day.
log() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }

# die MESSAGE: one line on stderr; exit 2, bad use or bad data.
die() {
  printf '%s\n' "$*" >&2
  exit 2
}

# need_files SCRIPT FILE...: every file must exist and hold something.
need_files() {
  local script=$1 file
  shift
  for file; do
    [[ -s $file ]] || die "$script: $file: missing or empty; run the stage that writes it"
  done
}

# need_integer NAME VALUE [MINIMUM]: a plain decimal number ('08' and '1e3' are refused).
need_integer() {
  if ! [[ $2 =~ ^(0|[1-9][0-9]{0,8})$ ]] || (($2 < ${3:-0})); then
    die "$0: --$1 $2: expected a whole number of at least ${3:-0}"
  fi
}

# yaml_value FILE KEY: the value of a key in a flat YAML file.
yaml_value() { sed -n "s/^$2: *\([^ #]*\).*/\1/p" "$1"; }

# has_graph ASR_DIR OUT: can the ASR model decode phones? Says what is left out where it cannot.
has_graph() {
  [[ -f $1/graph/HCLG.fst ]] || { log "  $2: $1 has no graph/HCLG.fst: features only, no phones" && false; }
}
