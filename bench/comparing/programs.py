"""The programs that are compared: processes bound to the same CPUs, which answer in JSON, one line each."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent.parent
PAUSE = 0.25  # seconds between two workers' turns: threads that still spin go to sleep


class Peer(NamedTuple):
    script: str  # in bench/peers
    variant: str = ""
    compiles: bool = True
    default: bool = True  # else only where --peers names it, or all
    where: str = "cpu gpu"  # it can be measured


def peers_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("BITALE_PEERS") or Path(cache) / "bitale-peers")


def folder_of(script):
    return peers_folder() / "theano" if script.startswith("theano") else peers_folder()


def python(script):
    named = os.environ.get("BITALE_PEERS_PYTHON")
    return Path(named) if named and not script.startswith("theano") else folder_of(script) / "bin" / "python"


class Failed(Exception):
    """A program ended, or computes something else; the message says which."""


def require(scripts):
    for script in scripts:
        if not python(script).exists():
            option = " --theano" if script.startswith("theano") else ""
            sys.exit(f"compare: there is no {python(script)}; bench/peers/setup.sh{option} makes it, or $BITALE_PEERS_PYTHON names "
                     "another Python that has the peers.")


def environment(threads, cache=None):
    """Of a peer. It keeps what it compiled below `cache`; else where it does by itself."""
    compiled = f"{cache}/theano" if cache else folder_of("theano") / "compiled"
    variables = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "THEANO_FLAGS": f"floatX=float32,blas.ldflags=-lopenblas,openmp={threads > 1},base_compiledir={compiled}",
    }
    if cache:
        variables.update({
            "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch",
            "JAX_COMPILATION_CACHE_DIR": f"{cache}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        })
    return variables


def command_of(script, *arguments):
    return [str(python(script)), str(HERE / "peers" / script), *map(str, arguments)]


class Worker:
    def __init__(self, name, command, cpus, variables=None):
        self.name = name
        self.process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cpus)), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(variables or {})})
        self.times = {}
        self.description = None

    def describe(self):
        """Waits until it is ready."""
        self.description = self.read()
        return self

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"'{self.name}' ended with status {self.process.wait()}; its messages are above")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.read()

    def turn(self, request, calls):
        self.times.setdefault(request, []).extend(self.ask(f"{request} {calls}")["ms"])
        time.sleep(PAUSE)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def answer_of(name, command, cpus, variables=None):
    """Of a program that describes itself and ends."""
    worker = Worker(name, command, cpus, variables).describe()
    worker.close()
    return worker.description
