"""Running times: the programs stay up, and take turns."""

import statistics
import tempfile
from pathlib import Path

from comparing.subjects import setting


def measure(subject, options, threads, cpus):
    with tempfile.TemporaryDirectory() as folder:
        workers = subject.start(threads, cpus, str(Path(folder) / "exchange.safetensors"))
        description = workers[0].description
        for worker in workers:
            for request in subject.titles:
                worker.ask(f"{request} {min(options.warmup, subject.calls_of(request, description))}")
        on_cpu = subject.options.device == "cpu"
        peaks = {worker.name: 0 for worker in workers if on_cpu and worker.name.startswith("Bitale")}  # of the instruction set of each
        for turn in range(options.rounds):
            for worker in workers:
                if worker.name in peaks and turn % 5 == 0:
                    peaks[worker.name] = max(peaks[worker.name], worker.ask("peak")["gflops"])
            for request in subject.titles:
                for worker in workers:
                    worker.turn(request, subject.calls_of(request, description))
        for worker in workers:
            worker.close()
    return summary(subject, workers, threads, peaks)


def summary(subject, workers, threads, peaks):
    description = workers[0].description
    best = max(peaks.values(), default=None)  # nobody measures that of a GPU
    step = {"step": subject.part} if subject.part else {}
    result = {**step, "device": subject.options.device, "threads": threads, "peak_gflops": best, "gflop": description["gflop"],
              "programs": [], "ratio": {}}
    if subject.left_out:
        result["left_out"] = subject.left_out
    for worker in workers:
        peak = peaks.get(worker.name, best)
        row = {"name": worker.name, "versions": worker.description["versions"], "ms": {}, "gflops": {}, "share_of_peak": {}}
        for request, times in worker.times.items():
            median = statistics.median(times)
            work = subject.gflop(request, description)
            row["ms"][request] = {"median": median, "min": min(times), "mean": statistics.fmean(times), "std": statistics.pstdev(times)}
            row["gflops"][request] = work / median * 1e3
            if peak:
                row["share_of_peak"][request] = work / median * 1e3 / peak
        result["programs"].append(row)
    for request in subject.titles:
        peers = [row["ms"][request]["median"] for row in result["programs"] if row["name"] in subject.peers]
        if peers:
            result["ratio"][request] = min(peers) / result["programs"][0]["ms"][request]["median"]
    return result


def print_table(subject, result):
    where = setting(result.get("step"), result["threads"], result["device"])
    for name, reason in result.get("left_out", {}).items():
        print(f"\n{where}: {name} is left out: {reason}")
    if result["device"] == "emulated":
        return print(f"\n{where}: what the programs compute agrees. Times of the emulated device say nothing about a GPU.")
    peak = result["peak_gflops"]
    print(f"\n{where}; " + (f"FMA peak {peak:.0f} GFLOP/s; median ms, GFLOP/s, share of peak" if peak else "median ms, GFLOP/s"))
    print(f"{'':30}" + "".join(f"{title:>26}" for title in subject.titles.values()))
    for row in result["programs"]:
        cells = [f"{row['ms'][r]['median']:9.4f}{row['gflops'][r]:9.1f}" + (f"{row['share_of_peak'][r] * 100:6.1f} %" if peak else "")
                 for r in subject.titles]
        print(f"{row['name']:30}" + "".join(f"{c:>26}" for c in cells))
    if result["ratio"]:
        print(f"{'best peer / ' + result['programs'][0]['name']:30}" + "".join(f"{result['ratio'][r]:>26.2f}" for r in subject.titles))
