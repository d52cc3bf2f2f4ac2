"""Compile times: each is of a process of its own, first with an empty cache and then with the one that it filled.

Bitale's is from the built network to the function, differentiating included. A peer's is its first call less its second:
tracing or building the graph, differentiating, and compiling.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from comparing.programs import answer_of, environment
from comparing.subjects import setting

FUNCTIONS, CACHES = ["forward", "gradient"], ["empty", "filled"]


def measure(subject, options, threads, cpus):
    peers = {name: peer for name, peer in subject.chosen().items() if peer.compiles}
    rows = {name: {"name": name, "versions": {}, "times": {f: {c: [] for c in CACHES} for f in FUNCTIONS}} for name in ["Bitale", *peers]}
    with tempfile.TemporaryDirectory() as folder:
        exchange = str(Path(folder) / "exchange.safetensors")
        rows["Bitale"]["versions"] = subject.write(exchange, threads, cpus)["versions"]
        for _ in range(options.rounds):
            for function in FUNCTIONS:
                for name, row in rows.items():
                    with tempfile.TemporaryDirectory() as cache:
                        for state in CACHES:
                            if name == "Bitale":
                                ms = our_time(subject, function, threads, cpus, cache, state)
                            else:
                                answer = answer_of(name, subject.theirs(peers[name], exchange, threads, function), cpus,
                                                   environment(threads, cache))
                                subject.check(f"{name}, {function}, {state} cache", answer["errors"])
                                ms, row["versions"] = answer["compile_ms"], answer["versions"]
                            row["times"][function][state].append(ms)
    return summary(subject, list(rows.values()), threads)


def our_time(subject, function, threads, cpus, cache, state):
    answer = answer_of("Bitale", [*subject.ours("bench-compile", threads), "--function", function], cpus, {"BITALE_CACHE": cache})
    if answer["from_cache"] != (state == "filled"):
        sys.exit(f"compare: Bitale's {function} function was {'' if answer['from_cache'] else 'not '}found in its {state} cache.")
    return answer["compile_ms"]


def summary(subject, rows, threads):
    step = {"step": subject.part} if subject.part else {}
    result = {**step, "device": subject.options.device, "threads": threads, "programs": []}
    ours = rows[0]["times"]
    for row in rows:
        out = {"name": row["name"], "versions": row["versions"], "compile_ms": {}, "ratio": {}}
        for function in FUNCTIONS:
            times = {state: row["times"][function][state] for state in CACHES}
            out["compile_ms"][function] = {s: {"median": statistics.median(t), "min": min(t), "max": max(t)} for s, t in times.items()}
            out["ratio"][function] = {s: statistics.median(t) / statistics.median(ours[function][s]) for s, t in times.items()}
        result["programs"].append(out)
    return result


def print_table(_, result):
    print(f"\n{setting(result.get('step'), result['threads'], result['device'])}; compile times, median ms, and how many times Bitale's")
    cells = [(function, state) for function in FUNCTIONS for state in CACHES]
    print(f"{'':30}" + "".join(f"{f'{function}, {state} cache':>26}" for function, state in cells))
    for row in result["programs"]:
        print(f"{row['name']:30}" + "".join(f"{row['compile_ms'][f][s]['median']:15.2f}{row['ratio'][f][s]:11.1f}" for f, s in cells))
