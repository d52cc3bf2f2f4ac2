"""Results alone: every peer computes loss and gradients once, in a process of its own, and nothing is timed."""

import tempfile
from pathlib import Path

from comparing.agreement import agrees, disagreeing
from comparing.programs import answer_of, environment
from comparing.subjects import setting


def measure(subject, options, threads, cpus):
    step = {"step": subject.part} if subject.part else {}
    result = {**step, "device": subject.options.device, "threads": threads, "allowed": {}, "agree": True, "programs": []}
    with tempfile.TemporaryDirectory() as folder:
        exchange = str(Path(folder) / "exchange.safetensors")
        ours = subject.write(exchange, threads, cpus)
        result["programs"].append({"name": "Bitale", "versions": ours["versions"]})
        for name, peer in subject.chosen().items():
            answer = answer_of(name, subject.theirs(peer, exchange, threads), cpus, environment(threads))
            errors = answer["errors"]
            result["agree"] &= agrees(name, errors, subject.allowed)
            result["allowed"].update({of: subject.allowed(of) for of in errors})
            result["programs"].append({"name": name, "versions": answer["versions"], "errors": errors})
    return result


def print_table(_, result):
    """A line for each result, a column for each peer; what is not allowed is marked."""
    peers = [row for row in result["programs"] if "errors" in row]
    print(f"\n{setting(result.get('step'), result['threads'], result['device'])}; error of each array, by its norm; ! is more than allowed")
    print(f"{'':30}{'allowed':>10}" + "".join(f"{peer['name']:>30}" for peer in peers))
    for of, allowed in result["allowed"].items():
        cells = [f"{peer['errors'][of]:.1e}{' !' if disagreeing({of: peer['errors'][of]}, lambda _: allowed) else ''}"
                 if of in peer["errors"] else "" for peer in peers]
        print(f"{of:30}{allowed:>10.0e}" + "".join(f"{cell:>30}" for cell in cells))
