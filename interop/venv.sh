#!/bin/sh
# Prints the path of a Python that has requirements.txt installed: .venv at the project's root,
# made anew whenever requirements.txt has changed.
#
#   $(interop/venv.sh) interop/check_model.py --help
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/requirements.sha256
wanted=$(sha256sum <interop/requirements.txt)
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r interop/requirements.txt >&2
    echo "$wanted" >"$stamp"
fi
echo "$PWD/.venv/bin/python"
