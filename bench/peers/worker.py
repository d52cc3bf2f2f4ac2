"""What the peers' workers share: reading the exchanged arrays, answering one request per line (see worker_command.cc).

    python WORKER.py VARIANT EXCHANGE_FILE THREADS [FUNCTION] [--device cuda:1] [--tf32]

A worker makes the same network from the arrays of the exchange file, checks its loss and gradients against Bitale's, says
what it is, and then serves requests. With FUNCTION, forward or gradient, it says how long that function took to compile,
checks what it computes, and ends.

On a GPU float32 is float32 in all products, unless TF32 is asked for; parameters and batches are in its memory before anything
is timed, and a call is over when its results are there.
"""

import argparse
import json
import os
import struct
import sys
import time
from typing import NamedTuple

import numpy as np

DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}


class Arguments(NamedTuple):
    variant: str
    path: str
    threads: int
    function: str
    device: str  # "cpu", "cuda", "cuda:1"
    tf32: bool

    def on_gpu(self):
        return self.device != "cpu"

    def gpu(self):
        """Its number."""
        return int(self.device.partition(":")[2] or 0)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("variant")
    p.add_argument("path")
    p.add_argument("threads", type=int)
    p.add_argument("function", nargs="?", default="", choices=["", "forward", "gradient"])
    p.add_argument("--device", default="cpu")
    p.add_argument("--tf32", action="store_true")
    return Arguments(**vars(p.parse_args()))


def no_gpu(framework, reason):
    """Ends the worker."""
    sys.exit(f"{framework} finds no GPU here: {reason}")


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


LEAST = 1e-20  # errors are relative to this where an array is zero


def difference(ours, theirs):
    """The largest error, relative to the largest element."""
    scale = max(float(np.abs(theirs).max()), LEAST)
    return float(np.abs(np.asarray(ours, np.float64) - theirs).max()) / scale


def distance(ours, theirs):
    """The norm of the error, relative to that of the array."""
    theirs = theirs.astype(np.float64)
    return float(np.linalg.norm(np.asarray(ours, np.float64) - theirs)) / max(float(np.linalg.norm(theirs)), LEAST)


class Worker:
    """A network of one framework, whose class says how to call it:

    forward(batch)     the loss
    gradient(batch)    the loss, and the gradients by name
    wait()             until results are there
    fetched(result)    a result as an array of NumPy
    set_parameters()   as if training had changed them

    The network's class has network(parameters, *batch), the loss in the framework's words, and says where its arrays
    differ from Bitale's: inputs() of a batch, laid_out() of the parameters, and restored(), its inverse, of gradients.
    """

    data = ["x", "y"]  # the batch's arrays, as far as the file has them

    def __init__(self, arguments, arrays):
        self.arguments, self.arrays = arguments, arrays
        prefix = "gradient."
        self.parameter_names = [name[len(prefix):] for name in arrays if name.startswith(prefix)]
        self.float64 = arrays[prefix + self.parameter_names[0]].dtype == np.float64  # the framework computes in it, too

    def given(self):
        """The arrays of each batch. Those of an epoch are numbered."""
        names = [name for name in self.data if name in self.arrays]
        if names:
            return [[self.arrays[name] for name in names]]
        count = sum(name.startswith(self.data[0] + ".") for name in self.arrays)
        return [[self.arrays[f"{name}.{i}"] for name in self.data] for i in range(count)]

    def inputs(self, batch):
        return batch

    def laid_out(self, values):
        return values

    def restored(self, gradients):
        return gradients

    def wait(self):
        pass

    def fetched(self, result):
        return np.asarray(result)

    def errors(self, verb):
        """Of the losses; of gradient() also of the gradients, summed over the batches."""
        losses, sums = [], {}
        for batch in self.batches:
            if verb == "forward":
                losses.append(float(self.fetched(self.forward(batch))))
                continue
            loss, gradients = self.gradient(batch)
            losses.append(float(self.fetched(loss)))
            for name, gradient in self.restored({name: self.fetched(g) for name, g in gradients.items()}).items():
                sums[name] = sums.get(name, 0) + gradient.astype(np.float64)
        errors = {"loss": distance(losses, self.arrays["loss"])}
        if verb == "gradient":
            for name in self.parameter_names:
                errors[name] = distance(sums[name], self.arrays["gradient." + name])
        return errors

    def time(self, call, count, change):
        times = []
        for _ in range(count):
            seconds = 0
            for batch in self.batches:
                if change:
                    self.set_parameters()
                    self.wait()
                start = time.perf_counter()
                call(batch)
                self.wait()
                seconds += time.perf_counter() - start
            times.append(seconds * 1e3 / len(self.batches))
        return times

    def compile(self, verb):
        """The first call compiles, and the second one is its share of running."""
        first, second = self.time(getattr(self, verb), 2, False)
        say({"versions": self.versions, "compile_ms": first - second, "errors": self.errors(verb)})

    def serve(self):
        start = time.perf_counter()
        errors = {f"{name} of forward": error for name, error in self.errors("forward").items()}
        errors.update(self.errors("gradient"))
        say({"versions": self.versions, "first_calls_s": time.perf_counter() - start, "errors": errors})
        for line in sys.stdin:
            verb, _, count = line.strip().partition(" ")
            if verb == "quit":
                break
            call = self.gradient if verb == "gradient" else self.forward
            say({"ms": self.time(call, int(count), verb != "forward")})

    @classmethod
    def main(cls):
        given = arguments()
        worker = cls(given, read_safetensors(given.path))
        if given.function:
            worker.compile(given.function)
        else:
            worker.serve()


answers = os.fdopen(os.dup(1), "w")  # what libraries print must not mix with the answers
os.dup2(2, 1)


def say(answer):
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
