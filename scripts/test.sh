#!/bin/sh
# Every check of the project. The last line is pytest's own summary; whatever other check fails is shown after it.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh dev
# many processes import the same modules
unset PYTHONDONTWRITEBYTECODE
said=$(mktemp)
trap 'rm -f "$said"' EXIT
(
    .venv/bin/ruff check .
    .venv/bin/ruff format --check --quiet .
    .venv/bin/lint-imports --no-logo
    .venv/bin/npe2 validate --imports napari-glc
    .venv/bin/mypy
    .venv/bin/sphinx-build -W --keep-going -q -b html docs site
) >"$said" 2>&1 &
checks=$!
# the bound on coverage in pyproject.toml is one for all tests, not for some of them
if [ "$#" = 0 ]; then bound=""; else bound="--cov-fail-under=0"; fi
passed=true
xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24" \
    .venv/bin/python -m pytest --numprocesses=auto --cov=napari_glc --cov-report=term:skip-covered $bound "$@" || passed=false
if ! wait "$checks"; then
    cat "$said"
    exit 1
fi
$passed
