"""PyTorch and JAX beside Bitale, at the same precision (bench/compare): one run for each network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from running import machine
from running.setting import python_of

PART = "peers"
INSTALL_SECONDS = 180
# Arguments, the peers that a short run has, and seconds.
RUNS = [
    (["lenet"], ["torch eager", "torch.compile, max-autotune", "jax.jit NCHW", "jax.jit NHWC"], 90),
    (["lstm"], ["torch nn.LSTM", "jax.jit lax.scan"], 60),
    (["sae", "--step", "se"], ["torch eager", "torch.compile, max-autotune", "jax.jit"], 80),
    (["alexnet"], ["torch eager", "torch eager, channels-last", "torch.compile, max-autotune", "jax.jit NHWC"], 110),
    (["alexnet", "--tf32"], ["torch eager", "torch eager, channels-last", "jax.jit NHWC"], 70),
    (["lstm", "--tf32"], ["torch nn.LSTM", "jax.jit lax.scan"], 50),
    (["sae", "--variant", "large", "--step", "ae3"], ["torch eager", "torch.compile, max-autotune", "jax.jit"], 80),
    (["sae", "--step", "ae1"], ["torch eager", "jax.jit"], 50),
]
EMULATED_RUNS = [(["lenet", "--batch", "2", "--rounds", "1", "--calls", "1", "--warmup", "0"], ["torch eager"], 120)]


def begin(setting):
    """Where Python has no peers, and an index can be reached, they are installed meanwhile."""
    setting.installing, setting.why_not_installed = None, ""
    if {"torch", "jax"} & set(setting.facts["peers"]):
        return
    if setting.emulated or setting.options.no_install:
        setting.why_not_installed = "they are installed nowhere here" + (", and --no-install was given" if setting.options.no_install else "")
        return
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--timeout", "5", "--retries", "0", "--dest",
             str(setting.folder / "probe"), "wheel"]
    try:
        reached = subprocess.run(probe, capture_output=True, text=True, timeout=30)
        if reached.returncode == 0:
            setup = setting.root / "bench" / "peers" / "setup.sh"
            setting.installing = subprocess.Popen([setup, "--cuda"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                                  env={**os.environ, "BITALE_PEERS": str(setting.folder / "peers")})
            return
        reason = reached.stderr.strip().splitlines()[-1:] or ["no pip"]
        setting.why_not_installed = f"they are installed nowhere here, and pip reaches no index: {reason[0]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        setting.why_not_installed = f"they are installed nowhere here, and pip reaches no index: {error}"


def wait_for_installation(setting):
    if not setting.installing:
        return
    try:
        _, errors = setting.installing.communicate(timeout=max(1, min(INSTALL_SECONDS, setting.left() - 60)))
    except subprocess.TimeoutExpired:
        setting.installing.kill()
        setting.why_not_installed = "installing them took too long"
        return
    if setting.installing.returncode != 0:
        setting.why_not_installed = f"installing them failed: {errors.strip().splitlines()[-1:]}"
        return
    os.environ["BITALE_PEERS"] = str(setting.folder / "peers")
    setting.facts["python"], setting.facts["peers"] = machine.python_with_peers(setting)


def run(setting):
    wait_for_installation(setting)
    versions = setting.facts["peers"]
    if not {"torch", "jax"} & set(versions):
        return setting.leave_out(PART, f"PyTorch and JAX: {setting.why_not_installed}")
    for framework in ("torch", "jax"):
        if framework not in versions:
            setting.leave_out(PART, f"{setting.facts['python']} has none", name=framework)
    if not shutil.which("taskset"):
        return setting.leave_out(PART, "there is no taskset (util-linux), which binds programs to CPUs")
    for number, (words, peers, seconds) in enumerate(EMULATED_RUNS if setting.emulated else RUNS):
        compare(setting, number, words, [peer for peer in peers if peer.partition(".")[0].partition(" ")[0] in versions], seconds)
    return None


def compare(setting, number, words, peers, seconds):
    file = setting.folder / f"compare{number}.json"
    rounds = [] if setting.emulated else ["--rounds", "5", "--calls", "20", "--warmup", "20"]
    command = [sys.executable, setting.root / "bench" / "compare", *words, "--device", setting.device, "--go-on", *rounds,
               "--peers", *peers, "--bitale", setting.programs / "bitale", "--json", file]
    outcome = setting.try_to(PART, " ".join(words[:1 if setting.emulated else None]), command, seconds,
                             variables={"BITALE_PEERS_PYTHON": python_of(setting)}, good=(0, 3))
    if file.exists():
        report = json.loads(file.read_text())
        setting.results.setdefault("peers", []).append(report)
        outcome.detail = "; ".join(ratios(run, setting.emulated) for run in report["runs"])
        (setting.out / "peers.json").write_text(json.dumps(setting.results["peers"], indent=1) + "\n")
    setting.add(outcome)


def ratios(run, emulated):
    """How many times as long the best peer takes, and who was left out."""
    if emulated:
        texts = ["results agree, nothing is timed"]
    else:
        texts = [f"{request} {ratio:.2f}" for request, ratio in run["ratio"].items()]
        texts = ["best peer / Bitale: " + ", ".join(texts)] if texts else []
    return "; ".join([*texts, *(f"without {name}: {why}" for name, why in run.get("left_out", {}).items())])
