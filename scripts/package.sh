#!/bin/sh
# Build what a package index gets, and check that it would take it; needs build and twine.
# usage: scripts/package.sh [FOLDER]      dist by default; what is there is replaced
set -eu
cd "$(dirname "$0")/.."
folder="${1:-dist}"
rm -rf "$folder"
python -m build --outdir "$folder"
python -m twine check --strict "$folder"/*
