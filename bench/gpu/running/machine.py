"""What the machine is, and what of CUDA its programs will find."""

import json
import os
import platform
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

QUERY = ["name", "driver_version", "memory.total", "power.limit", "clocks.max.sm", "clocks.max.memory", "pci.bus_id"]


def output_of(command, seconds=20):
    """Empty if it cannot be run, fails, or takes longer."""
    try:
        done = subprocess.run([str(w) for w in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def first_matching(path, pattern):
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def gpus():
    lines = output_of(["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader"]).splitlines()
    return [dict(zip(QUERY, (word.strip() for word in line.split(",")))) for line in lines]


def wheel_folders(python):
    """Where the wheels of NVIDIA's libraries lie that this Python sees."""
    program = ("import site, sysconfig; print('\\n'.join({sysconfig.get_paths()['purelib'], *site.getsitepackages(), "
               "site.getusersitepackages()}))")
    sites = output_of([python, "-c", program]).splitlines() or [sysconfig.get_paths()["purelib"], *site.getsitepackages()]
    return sorted(str(lib) for folder in sites for lib in Path(folder).glob("nvidia/*/lib"))


def python_with_peers(setting):
    """The Python that has PyTorch or JAX, and their versions; else one, and none."""
    program = ("import importlib.metadata as m, json\n"
               "def v(n):\n  try: return m.version(n)\n  except m.PackageNotFoundError: return None\n"
               "print(json.dumps({n: v(n) for n in ('torch', 'jax', 'triton', 'numpy')}))")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = [os.environ.get("BITALE_PEERS") and os.environ["BITALE_PEERS"] + "/bin/python",
             shutil.which("python3"), shutil.which("python"), sys.executable, str(cache / "bitale-peers/bin/python")]
    best = (sys.executable, {})
    only = os.environ.get("BITALE_PEERS_PYTHON")
    for python in [only] if only else filter(None, named):
        text = output_of([python, "-c", program])
        versions = {k: v for k, v in json.loads(text).items() if v} if text else {}
        if ("torch" in versions) + ("jax" in versions) > ("torch" in best[1]) + ("jax" in best[1]):
            best = (python, versions)
    return best


def ask_doctor(setting):
    """What the program says of itself and the machine, or {"failed": why}."""
    command = [setting.programs / "bitale", "doctor", "--load", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **setting.variables}, timeout=120)
        return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr.strip() or f"status {done.returncode}"}
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return {"failed": str(error)}


def look(setting):
    python, versions = python_with_peers(setting)
    folders = wheel_folders(python)
    if folders:
        named = os.environ.get("BITALE_CUDA")
        setting.variables["BITALE_CUDA"] = ":".join([*([named] if named else []), *folders])
    manifest = setting.root / "BUNDLE.json"
    setting.facts.update({
        "python": python,
        "python_version": output_of([python, "-c", "import platform; print(platform.python_version())"]),
        "peers": versions,
        "bundle": json.loads(manifest.read_text()) if manifest.exists() else None,
        "gpus": gpus(),
        "cpu": first_matching("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cpus": setting.cpus,
        "memory": first_matching("/proc/meminfo", r"^MemTotal:\s*(.*)$"),
        "system": first_matching("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "doctor": ask_doctor(setting),
    })
    return setting.facts


def why_no_device(setting):
    """Why nothing can run on the device; empty if it can."""
    doctor = setting.facts["doctor"]
    if "failed" in doctor:
        return f"bitale doctor: {doctor['failed']}"
    wanted = ["emulated"] if setting.emulated else ["cuda", "its compiler"]
    return next((doctor["devices"][name]["text"] for name in wanted if not doctor["devices"][name]["found"]), "")


def summary(setting):
    facts = look(setting)
    gpus_text = "; ".join(f"{g['name']}, driver {g['driver_version']}, {g['memory.total']}" for g in facts["gpus"]) or "no GPU that nvidia-smi shows"
    lines = [f"{gpus_text}; {facts['cpu']}, {facts['cpus']} CPUs, {facts['memory']}; {facts['system']}, {facts['libc']}"]
    lines += [f"  {name}: {row['text']}" for name, row in facts["doctor"].get("devices", {}).items()]
    peers = ", ".join(f"{k} {v}" for k, v in facts["peers"].items() if k != "numpy") or "neither PyTorch nor JAX"
    lines.append(f"  {facts['python']}, Python {facts['python_version']}: {peers}")
    return "\n".join(lines)
