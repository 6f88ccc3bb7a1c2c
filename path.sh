# shellcheck shell=bash
# Sourced by every script, from the repository's root: locale, Python environment, Kaldi's commands.
#
#   PYSED_VENV   the virtual environment to use or make (default: .venv)
#   PYTHON       the interpreter that makes it (default: python3; 3.11 or newer)
#   KALDI_ROOT   a compiled Kaldi; without it the project's own commands of the same names are used
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
    log "setting up $venv (some 1.6 GB; a few minutes, once)"
    "$python" -m venv "$venv" || die "path.sh: cannot make $venv; is the venv module installed (Debian: python3-venv)?"
    if ! "$venv/bin/python" -c 'import torch; assert torch.__version__.startswith("2.13.0")' 2>/dev/null; then
      install_torch "$venv/bin/pip"
    fi
    "$venv/bin/pip" install -q --disable-pip-version-check -c constraints.txt 'setuptools>=77,<81'
    "$venv/bin/pip" install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
    printf '%s\n' "$wanted" >"$venv/.ready"
  ) 9>"$venv.lock" || die "path.sh: setting up $venv failed; the reason stands above"
}

# Without a GPU the CPU build saves gigabytes; where its index cannot be reached, PyPI's build serves.
install_torch() {
  local pip=$1
  if ! command -v nvidia-smi >/dev/null && "$pip" install -q --disable-pip-version-check --no-deps --retries 0 \
    --timeout 15 --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 2>/dev/null; then
    return
  fi
  "$pip" install -q --disable-pip-version-check -c constraints.txt torch==2.13.0
}

venv_dir=${PYSED_VENV:-.venv}
setup_environment "$venv_dir"
venv_dir=$(cd "$venv_dir" && pwd)
export PATH="$venv_dir/bin:$PATH"

if [[ -n ${KALDI_ROOT:-} ]]; then
  [[ -x $KALDI_ROOT/src/nnet3bin/nnet3-compute ]] ||
    die "path.sh: KALDI_ROOT=$KALDI_ROOT has no src/nnet3bin/nnet3-compute; compile Kaldi or unset KALDI_ROOT"
  for folder in bin featbin latbin nnet3bin online2bin; do PATH="$KALDI_ROOT/src/$folder:$PATH"; done
else
  PATH="$PWD/utils/kaldi:$PATH"
fi
