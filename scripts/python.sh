#!/usr/bin/env bash
# A Python with the clients and checkers that the server's tests run, outside the project: prints its path.
# Made once for a list of packages. Where that fails it says why on stderr and ends with 1.
set -euo pipefail
list="$(cd "$(dirname "$0")/.." && pwd)/test/server/python/requirements.txt"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/conclave/python"
if ! cmp -s "$list" "$folder/installed.txt"; then
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  timeout 1200 "$folder/bin/pip" install --quiet --no-compile --disable-pip-version-check -r "$list" >&2
  cp "$list" "$folder/installed.txt"
fi
echo "$folder/bin/python"
