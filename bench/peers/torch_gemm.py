"""Matrix products in PyTorch: torch.mm, which calls MKL.

    python torch_gemm.py EXCHANGE_FILE THREADS SHAPE...

Operands come from the exchange file, and results are compared with those in it; then one request per line is served,
"SHAPE N" (see bench/gemm/worker_command.cc)."""

import sys
import time

import torch

from worker import difference, read_safetensors, say

path, threads, *shapes = sys.argv[1:]
torch.set_num_threads(int(threads))
arrays = read_safetensors(path)
operands = {s: (torch.from_numpy(arrays["a." + s]), torch.from_numpy(arrays["b." + s])) for s in shapes}


def times(shape, count):
    a, b = operands[shape]
    out = []
    for _ in range(count):
        start = time.perf_counter()
        torch.mm(a, b)
        out.append((time.perf_counter() - start) * 1e3)
    return out


with torch.inference_mode():
    errors = {s: difference(arrays["c." + s], torch.mm(*operands[s]).numpy()) for s in shapes}
    say({"name": "torch.mm", "versions": {"torch": torch.__version__}, "errors": errors})
    for line in sys.stdin:
        verb, _, count = line.strip().partition(" ")
        if verb == "quit":
            break
        say({"ms": times(verb, int(count))})
