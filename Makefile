# Each target sets the environment up by itself (path.sh).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: setup lint test check bench docs package check-all

setup:
	. ./path.sh

# Also the documentation: lines, sentences, how hard it is to read, links, code, names (docs/style.md).
lint:
	. ./path.sh; ruff check .; ruff format --check .; mypy; lint-imports; \
	python -m pytest -q -o addopts= tests/docs/test_pages.py; \
	if command -v shellcheck >/dev/null; then shellcheck -x run.sh path.sh cmd.sh utils/*.sh utils/kaldi/dispatch local/*.sh local/*/*.sh steps/*.sh .ci/run; \
	else echo 'shellcheck is not installed: shell scripts not checked'; fi

# A process for each core, each with whole files of tests and one thread.
test:
	. ./path.sh; OMP_NUM_THREADS=1 python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

check: lint test

bench:
	. ./path.sh; python -m pysed.bench

# The documentation as a site, build/site/index.html; its packages are installed the first time.
docs:
	. ./path.sh; python -c 'import material' 2>/dev/null || \
	python -m pip install -qq -c constraints.txt --no-build-isolation -e '.[docs]'; \
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

# Wheel and source archive, in build/dist/.
package:
	. ./path.sh; python -m build --no-isolation --outdir build/dist

# Also what needs minutes, root or system packages (Debian: slurm-wlm munge); what cannot run here is named as skipped.
check-all: check bench
	. ./path.sh; python -m pytest -q -m thorough
