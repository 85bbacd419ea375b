#!/bin/sh
# The main job on a real picture: PNG -> .glc -> PNG, with its bytes, rate and fidelity; napari if there is a display.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then extras=gui; else extras=""; fi
sh scripts/setup.sh "$extras"

mkdir -p out
picture=src/napari_glc/samples/kodim23.png
.venv/bin/glc encode "$picture" out/parrots.glc
.venv/bin/glc decode out/parrots.glc out/parrots.png
.venv/bin/glc compare "$picture" out/parrots.png
if [ -n "$extras" ]; then .venv/bin/napari "$picture" out/parrots.glc; fi
