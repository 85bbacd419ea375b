#!/bin/sh
# Prepare a machine for napari-glc: system libraries (Debian, as root) and a virtual environment in .venv.
# usage: scripts/setup.sh [EXTRAS]      for instance: scripts/setup.sh gui,test
set -eu
cd "$(dirname "$0")/.."

libraries="xvfb xauth libgl1 libgl1-mesa-dri libegl1 libopengl0 libdbus-1-3 libfontconfig1 libglib2.0-0
    libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1"

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    wanted="$libraries"
    python3 -c "import venv, ensurepip" 2>/dev/null || wanted="$wanted python3 python3-venv"
    missing=""
    for package in $wanted; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        apt-get update -qq
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
    # for tests of pages; half a minute, beside the Python packages
    case ",${1:-}," in
    *,dev,* | *,test,*)
        if ! command -v chromium >/dev/null 2>&1; then
            [ -n "$missing" ] || apt-get update -qq
            apt-get install -y -qq --no-install-recommends chromium >/dev/null &
        fi
        ;;
    esac
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
# resolving takes half a minute, and its answer depends on these alone
asked="$(cat pyproject.toml constraints.txt src/napari_glc/_version.py | cksum) ${1:-}"
if [ "$(cat .venv/asked 2>/dev/null)" != "$asked" ]; then
    rm -f .venv/asked
    # half a gigabyte of modules, few of which are ever imported: Python compiles those when they are
    .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable ".${1:+[$1]}"
    echo "$asked" >.venv/asked
fi
# without a browser its tests are skipped, which is no reason to fail here
wait || true
