# shellcheck shell=bash
# Messages, and the checks every script makes. Sourced by path.sh.

# log MESSAGE: one line on stdout with the time of day.
log() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }

# die MESSAGE: one line on stderr, whatever is quoted in it, but for a usage; exit 2, bad use or bad data.
die() {
  local message=$*
  [[ $message == Usage:* ]] || message=${message//[[:cntrl:]]/?}
  printf '%s\n' "$message" >&2
  exit 2
}

# need_files SCRIPT FILE...: every file must exist and hold something.
need_files() {
  local script=$1 file
  shift
  for file; do
    [[ -s $file ]] || die "$script: $file: missing or empty; run the stage that writes it, or name another"
  done
}

# need_integer NAME VALUE [MINIMUM]: a plain decimal number ('08' and '1e3' are refused).
need_integer() {
  if ! [[ $2 =~ ^(0|[1-9][0-9]{0,8})$ ]] || (($2 < ${3:-0})); then
    die "$0: --$1 $2: expected a whole number of at least ${3:-0}"
  fi
}

# need_number NAME VALUE [MOST]: a plain decimal number from 0 on, to MOST if that is given ('1e-3' is refused).
need_number() {
  local most=${3-}
  if ! [[ $2 =~ ^(0|[1-9][0-9]{0,8})?(\.[0-9]{1,9})?$ && $2 == *[0-9] ]] ||
    { [[ -n $most ]] && ! awk -v value="$2" -v most="$most" 'BEGIN { exit !(value + 0 <= most + 0) }'; }; then
    die "$0: --$1 $2: expected a decimal number of at least 0${most:+ and at most $most}"
  fi
}

# need_name OPTION VALUE: what becomes a folder, a key or a word of a command; the rule of pysed/names.py, whatever bytes
# make letters beyond ASCII.
need_name() {
  local LC_ALL=C
  [[ -n $2 && ${#2} -le 100 && $2 != [.-]* && $2 != *[^A-Za-z0-9_.$'\x80'-$'\xff'-]* ]] ||
    die "$0: --$1 $2: expected letters, digits, '_', '-' and '.', a letter or digit first, 100 bytes at most"
}

# need_folder OPTION: sees that the option's variable can name a folder anywhere, and puts ./ before a name that commands
# could take for something else.
need_folder() {
  local -n folder=${1//-/_}
  if [[ -z $folder || $folder == *[,[:cntrl:]]* ]] || ! LC_ALL=C.UTF-8 grep -qx '.*' <<<"$folder"; then
    die "$0: --$1 $folder: expected a folder's name, in UTF-8, without commas, tabs and line breaks"
  fi
  [[ $folder == [A-Za-z0-9_./]* ]] || folder=./$folder
}

# need_recipe_folder: the recipe's folder and its environment's must stand in PATH and in the scripts that pip writes.
need_recipe_folder() {
  local folder
  for folder in "$PWD" "${PYSED_VENV:-.venv}"; do
    [[ $folder != *[:\"\$\`\\[:cntrl:]]* ]] ||
      die "$0: $folder: neither recipe nor environment can lie in a folder with : \" \$ \` \\ or a line break in its name"
  done
}

# yaml_value FILE KEY: the value of a key in a flat YAML file; true or false where it stands for one, as in Python.
yaml_value() {
  local value
  value=$(sed -n "s/^$2 *: *\([\"']\)\([^\"']*\)\1.*/\2/p;t;s/^$2 *: *\([^ #]*\).*/\1 plain/p" "$1")
  case $value in
    [Tt]rue\ plain | TRUE\ plain | [Yy]es\ plain | YES\ plain | [Oo]n\ plain | ON\ plain) echo true ;;
    [Ff]alse\ plain | FALSE\ plain | [Nn]o\ plain | NO\ plain | [Oo]ff\ plain | OFF\ plain) echo false ;;
    *) printf '%s\n' "${value% plain}" ;;
  esac
}

# config_of_corpus SOURCE_DIR: the settings of its mixtures: its own, those of a corpus of its name, or the default.
config_of_corpus() {
  local file
  for file in "$1/corpus.yaml" "conf/corpora/$(basename -- "$1").yaml" conf/corpora/default.yaml; do
    [[ ! -f $file ]] || { printf '%s\n' "$file" && return; }
  done
}

# count_lines FILE: as awk counts them: the last one, too, where no line break ends it.
count_lines() { awk 'END { print NR }' <"$1"; }

# has_graph ASR_DIR OUT: can the ASR model decode phones? Says what is left out where it cannot.
has_graph() {
  [[ -d $1 ]] || die "$0: $1: no such folder; expected an ASR model"
  [[ -f $1/graph/HCLG.fst ]] || { log "  $2: $1 has no graph/HCLG.fst: features only, no phones" && false; }
}
