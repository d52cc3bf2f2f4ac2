"""What the peers' workers share: reading the exchanged arrays, answering one request per line (see worker_command.cc).

    python WORKER.py VARIANT EXCHANGE_FILE THREADS

A worker makes the same network from the arrays of the exchange file, checks its loss and gradients against Bitale's, says
what it is, and then serves requests.
"""

import json
import os
import struct
import sys
import time

import numpy as np

PARAMETERS = ["W4", "W3", "W2", "W1", "b4", "b3", "b2", "b1"]  # the order of the gradients
DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return arrays


def rotated(filters):
    """Peers correlate, Bitale's LeNet convolves: the same network has its filters rotated by 180 degrees."""
    return np.ascontiguousarray(filters[:, :, ::-1, ::-1])


def difference(ours, theirs, least=1e-20):
    """The largest error, relative to the largest element, or to `least` where that is more."""
    scale = max(float(np.abs(theirs).max()), least)
    return float(np.abs(np.asarray(ours, np.float64) - theirs).max()) / scale


def distance(ours, theirs, least=1e-20):
    """The norm of the error, relative to that of the array, or to `least` where that is more."""
    theirs = theirs.astype(np.float64)
    return float(np.linalg.norm(np.asarray(ours, np.float64) - theirs)) / max(float(np.linalg.norm(theirs)), least)


def trained(arrays):
    """The names of the parameters that the exchange file has gradients of, in its order."""
    return [name.removeprefix("gradient.") for name in arrays if name.startswith("gradient.")]


class Worker:
    """Subclasses set `versions` and define forward(), gradient() (both wait for the result), set_parameters(), and
    results(): the loss and the gradients as NumPy arrays, laid out as Bitale's."""

    name = ""
    versions = {}
    parameter_names = PARAMETERS
    difference = staticmethod(difference)  # or distance
    least = {}  # by parameter: what a gradient whose terms cancel is compared with

    def check(self, arrays):
        loss, gradients = self.results()
        errors = {"loss": self.difference(loss, arrays["loss"])}
        for name in self.parameter_names:
            errors[name] = self.difference(gradients[name], arrays["gradient." + name], self.least.get(name, 1e-20))
        return errors

    def time(self, call, count, change):
        times = []
        for _ in range(count):
            if change:
                self.set_parameters()
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
        return times

    def serve(self, arrays):
        start = time.perf_counter()
        errors = self.check(arrays)
        say({"name": self.name, "versions": self.versions, "first_calls_s": time.perf_counter() - start, "errors": errors})
        for line in sys.stdin:
            verb, _, count = line.strip().partition(" ")
            if verb == "quit":
                break
            call = self.gradient if verb == "gradient" else self.forward
            say({"ms": self.time(call, int(count), verb != "forward")})


answers = os.fdopen(os.dup(1), "w")  # what libraries print must not mix with the answers
os.dup2(2, 1)


def say(answer):
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
