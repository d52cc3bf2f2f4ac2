#!/usr/bin/env bash
# Makes the virtual environment that bench/compare runs the peers in, outside the repository: PyTorch and JAX from PyPI,
# in the versions of requirements.txt. About 6 GB, since PyPI's torch for Linux brings its CUDA libraries along.
#
#   bench/peers/setup.sh            $BITALE_PEERS, else $XDG_CACHE_HOME/bitale-peers, else ~/.cache/bitale-peers
#   PYTHON=python3.12 bench/peers/setup.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${BITALE_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bitale-peers}

usable() { "$1" -c 'import ensurepip, sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.12 python3.13 python3 "$HOME"/.pyenv/versions/3.1[23]*/bin/python3; do
    command -v "$candidate" >/dev/null && usable "$candidate" && echo "$candidate" && return
  done
  echo "setup.sh: the peers need Python 3.12 or 3.13 with venv; name one in PYTHON." >&2
  return 1
}

python=$(find_python)
[[ -x $target/bin/python ]] || "$python" -m venv "$target"
"$target/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
"$target/bin/python" - <<'PYTHON'
import jax, numpy, torch
print(f"PyTorch {torch.__version__}, JAX {jax.__version__}, NumPy {numpy.__version__}")
PYTHON
echo "The peers are in $target"
