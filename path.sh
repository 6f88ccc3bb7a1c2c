# shellcheck shell=bash
# Sourced by every script, from the repository's root: locale, Python environment, Kaldi's commands.
#
#   PYSED_VENV   the virtual environment to use or make (default: .venv)
#   PYTHON       the interpreter that makes it (default: python3; 3.11 or newer)
#   KALDI_ROOT   a compiled Kaldi; without it the project's own commands of the same names are used
[[ -f path.sh && -f utils/log.sh ]] || { echo "path.sh: $PWD is not the recipe's folder; source it there" >&2 && return 2; }
export LC_ALL=C
. utils/log.sh

# Make the environment unless it matches pyproject.toml and constraints.txt already.
setup_environment() {
  local venv=$1 wanted
  wanted=$(cat pyproject.toml constraints.txt | sha256sum | cut -c1-40)
  if [[ -f $venv/.ready && $(<"$venv/.ready") == "$wanted" ]]; then return; fi
  (
    flock 9 # two scripts at once: the second waits, then finds the work done
    if [[ -f $venv/.ready && $(<"$venv/.ready") == "$wanted" ]]; then exit; fi
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      die "path.sh: $python: Python 3.11 or newer is needed; name one with PYTHON=..."
    log "setting up $venv (some 1.9 GB; a few minutes, once)"
    "$python" -m venv "$venv" || die "path.sh: cannot make $venv; is the venv module installed (Debian: python3-venv)?"
    # The pinned packages first: those that torch needs are there when it comes alone.
    pip=("$venv/bin/python" -m pip -qq --disable-pip-version-check)
    { "${pip[@]}" install -c constraints.txt 'setuptools>=77,<81' &&
      "${pip[@]}" install --no-deps --no-build-isolation -r constraints.txt &&
      install_torch "${pip[@]}" &&
      "${pip[@]}" install -c constraints.txt --no-build-isolation -e '.[dev]'; } || exit 1
    printf '%s\n' "$wanted" >"$venv/.ready"
  ) 9>>"$venv.lock" || die "path.sh: setting up $venv failed; the reason stands above"
}

# install_torch PYTHON -m pip...: without a GPU the CPU build, which saves gigabytes; where its index cannot be reached,
# PyPI's build.
install_torch() {
  if [[ $("$1" -c 'import torch; print(torch.__version__)' 2>/dev/null) == 2.13.0* ]]; then return; fi
  if ! command -v nvidia-smi >/dev/null && "$@" install --no-deps --retries 0 --timeout 15 \
    --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 2>/dev/null; then
    return
  fi
  "$@" install -c constraints.txt torch==2.13.0
}

# need_kaldi: KALDI_ROOT must have every command that utils/kaldi has.
need_kaldi() {
  local name places
  for name in utils/kaldi/*; do
    name=${name##*/} places=("$KALDI_ROOT"/src/*bin/"${name##*/}")
    [[ $name == dispatch || -x ${places[0]} ]] ||
      die "path.sh: KALDI_ROOT=$KALDI_ROOT has no $name in src/; compile all of Kaldi or unset KALDI_ROOT"
  done
}

venv_dir=${PYSED_VENV:-.venv}
( # where something is wrong, a prompt that sources this goes on
  need_recipe_folder
  setup_environment "$venv_dir"
  [[ -z ${KALDI_ROOT:-} ]] || need_kaldi
) || return
venv_dir=$(cd "$venv_dir" && pwd)
export PATH="$venv_dir/bin:$PATH"
export PYTHONPATH=$PWD # this code and the environment's packages, whatever checkout it was made in and what else there is

if [[ -n ${KALDI_ROOT:-} ]]; then
  for folder in bin featbin latbin nnet3bin online2bin; do PATH="$KALDI_ROOT/src/$folder:$PATH"; done
else
  PATH="$PWD/utils/kaldi:$PATH"
fi
