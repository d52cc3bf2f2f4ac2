#!/usr/bin/env bash
# Makes the virtual environments that bench/compare runs the peers in, outside the repository: PyTorch and JAX from PyPI,
# in the versions of requirements.txt. About 6 GB, since PyPI's torch for Linux brings its CUDA libraries along.
#
#   bench/peers/setup.sh            $BITALE_PEERS, else $XDG_CACHE_HOME/bitale-peers, else ~/.cache/bitale-peers
#   bench/peers/setup.sh --cuda     JAX with its CUDA libraries, too: for a machine with a GPU
#   bench/peers/setup.sh --theano   Theano 1.0.5, in an environment of its own below that one: see requirements_theano.txt
#   PYTHON=python3.12 PYTHON37=python3.7 bench/peers/setup.sh --theano
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${BITALE_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bitale-peers}

fail() {
  echo "setup.sh: $*" >&2
  exit 1
}

# usable PYTHON CONDITION: it has venv, and its version meets the condition.
usable() { "$1" -c "import ensurepip, sys; v = sys.version_info; sys.exit(not ($2))" 2>/dev/null; }

# find_python CONDITION CANDIDATE...
find_python() {
  local condition=$1 candidate
  shift
  for candidate; do
    command -v "$candidate" >/dev/null && usable "$candidate" "$condition" && echo "$candidate" && return
  done
  return 1
}

# install FOLDER PYTHON REQUIREMENTS
install() {
  [[ -x $1/bin/python ]] || "$2" -m venv "$1"
  "$1/bin/python" -m pip install --quiet --requirement "$3"
}

# setup_peers REQUIREMENTS
setup_peers() {
  local python
  python=$(find_python "(3, 12) <= v < (3, 14)" ${PYTHON:-} python3.12 python3.13 python3 "$HOME"/.pyenv/versions/3.1[23]*/bin/python3) ||
    fail "the peers need Python 3.12 or 3.13 with venv; name one in PYTHON."
  install "$target" "$python" "$here/$1"
  "$target/bin/python" - <<'PYTHON'
import jax, numpy, torch
print(f"PyTorch {torch.__version__}, JAX {jax.__version__}, NumPy {numpy.__version__}")
PYTHON
}

# Theano compiles with g++ against Python's headers and OpenBLAS, which it looks for when it compiles first.
setup_theano() {
  local python
  python=$(find_python "v[:2] == (3, 7)" ${PYTHON37:-} python3.7 "$HOME"/.pyenv/versions/3.7*/bin/python3) ||
    fail "Theano needs Python 3.7 with venv, headers and libpython; name one in PYTHON37 (pyenv builds it: PYTHON_CONFIGURE_OPTS=--enable-shared)."
  g++ -lopenblas -shared -o /dev/null || fail "Theano needs g++ and OpenBLAS: apt install g++ libopenblas-dev."
  install "$target/theano" "$python" "$here/requirements_theano.txt"
  "$target/theano/bin/python" -c 'import numpy, theano; print(f"Theano {theano.__version__}, NumPy {numpy.__version__}")'
}

case ${1:-} in
  "") setup_peers requirements.txt ;;
  --cuda) setup_peers requirements_cuda.txt ;;
  --theano) setup_theano ;;
  *) fail "there is no option $1; there are --cuda and --theano." ;;
esac
echo "The peers are in $target"
