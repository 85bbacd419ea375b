#!/bin/sh
# Every check of the project. The last line is pytest's own summary.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh dev
.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet .
.venv/bin/mypy &
types=$!
.venv/bin/lint-imports --no-logo
.venv/bin/npe2 validate --imports napari-glc
.venv/bin/sphinx-build -W --keep-going -q -b html docs site
wait "$types"
exec xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24" \
    .venv/bin/python -m pytest --numprocesses=auto --cov=napari_glc --cov-report=term:skip-covered "$@"
