# shellcheck shell=bash disable=SC2034
# What makes a finished stage skippable, and two runs side by side safe. A mark (.done, .done_NAME) beside a stage's
# outputs says what they were made from; pysed/freshness decides. Folders that a stage works on are locked.

# lock_folder FOLDER [shared]: until this script and its jobs have ended; waits for other runs and says for whom. What is
# only read is locked 'shared', before what is written: data, then models, then what is made of them.
lock_folder() {
  local mode=--exclusive file=$1/.lock descriptor holder
  [[ ${2-} != shared ]] || mode=--shared
  mkdir -p -- "$1" || exit 2
  [[ -w $1 ]] || return 0 # who cannot write there can only find it up to date
  [[ ! -e $file || -w $file ]] || die "$0: $file: belongs to $(stat -c %U -- "$file"); expected one to write to: chmod a+w"
  exec {descriptor}>>"$file"
  if ! flock --timeout 2 "$mode" "$descriptor"; then # who holds it has said so by then
    holder=$(<"$file")
    if [[ -n $holder && -d /proc/${holder%%:*} ]]; then holder="process $holder"; else holder="another run"; fi
    log "  $1: waits until $holder is done with it"
    flock "$mode" "$descriptor"
  fi
  locked+=("$file")
}
locked=()

# to_do MARK TITLE --inputs FILE... [--options TEXT...] [--made-by TEXT...] [--code ROOT...] [--version ROOT...]: must
# what MARK stands for be made? Says so if not. If so the mark is gone, and `key` is one word for all that goes in.
# Inputs may be marks; ROOT: see pysed/freshness/code.py; what made_by prints stands for inputs that a command names.
to_do() {
  local said code=0 file
  said=$(python -S -E -m pysed.freshness begin "$1" "$(pending "$1")" "${@:3}") || code=$?
  case $code in
    0) log "$2: $said" && return 1 ;;
    3)
      key=${said%%$'\n'*}
      for file in "${locked[@]}"; do printf '%s: %s\n' "$$" "${PYSED_COMMAND:-$0}" >"$file"; done
      [[ $said != *$'\n'* ]] || log "$2: ${said#*$'\n'}"
      ;;
    *) exit "$code" ;;
  esac
}

# finish MARK OUTPUT...: the mark of what to_do had made; the outputs that count.
finish() { python -S -E -m pysed.freshness finish "$1" "$(pending "$1")" "${@:2}" || exit "$?"; }

# forget FOLDER MARK OUTPUT...: what an earlier run made and this one leaves out goes, the mark first; FOLDER is locked.
# What has no mark of a stage was made by hand and stays.
forget() {
  grep -qs '^{' "$2" || return 0
  lock_folder "$1"
  rm -rf -- "${@:2}"
}

# pending MARK: the mark to be, beside the mark's folder.
pending() {
  local folder
  folder=$(dirname -- "$1")
  printf '%s/.%s.%s.tmp' "$(dirname -- "$folder")" "$(basename -- "$folder")" "$$"
}

# training_code SYSTEM_YAML: sets `training`, the code (ROOT...) that trains the system.
training_code() {
  local model
  model=$(yaml_value "$1" model)
  training=(pysed.commands.train:main "pysed.networks=${model:-cbrnn}")
  [[ $(yaml_value "$1" asr_layers) == [1-9]* ]] || training+=(-pysed.train.joint)
}

# made_by COMMAND... -- FILE...: inputs that a command prints; it reads the files. Its lines 'file<TAB>PATH' name inputs
# too; the others count as they stand.
made_by() {
  local words=()
  while [[ $1 != -- ]]; do words+=("$1") && shift; done
  shift
  printf '%s\n' "${words[@]}" '<' "$@"
}
