#!/usr/bin/env bash
# Gradescope runs this once, as root, when the autograder's image is built: an environment of its own with the versions
# that the lock of this Python names. Students' code runs under user ids that belong to nobody, so no user is made.
set -euo pipefail

root="${AUTOGRADER_ROOT:-/autograder}"
source="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

python=""
for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))'; then
        python="$candidate"
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup.sh: no Python from 3.10 to 3.13 on this machine" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -q && apt-get install -q -y python3-venv python3-pip
fi
"$python" -m venv "$root/venv"

minor="$("$root/venv/bin/python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')"
index=()
if [ -s "$source/torch_index" ]; then
    index=(--extra-index-url "$(cat "$source/torch_index")")
fi
"$root/venv/bin/python" -m pip install -q --no-cache-dir ${index[@]+"${index[@]}"} -r "$source/locks/$minor.txt"
"$root/venv/bin/python" -c 'import site, sys; print(sys.argv[1], file=open(site.getsitepackages()[0] + "/autograder.pth", "w"))' "$source"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$root/results"
    chmod o= "$source" "$root/results"
fi
"$root/venv/bin/python" -I -m autograder --help >/dev/null
echo "setup.sh: ready, with $("$root/venv/bin/python" -V)"
