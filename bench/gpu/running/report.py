"""What is written: results.json, summary.txt, log.txt (and by the parts: study.json, study.txt, study_tf32.*, peers.json)."""

import datetime
import json
import time

LOG_BYTES = 12 << 20  # of log.txt


def write(setting):
    report = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "device": setting.device,
        "tests_passed": setting.passed(),
        "budget_s": setting.options.budget,
        "seconds": round(time.monotonic() - setting.started, 1),
        **setting.facts,
        "parts": setting.to_json(),
    }
    (setting.out / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    (setting.out / "summary.txt").write_text(text(setting))
    (setting.out / "log.txt").write_text(log(setting))


def log(setting):
    """Of every program: those that failed first, whole."""
    texts = []
    for o in sorted(setting.outcomes, key=lambda o: o.good()):
        texts.append(f"==== {o.part}: {o.name}: {o.outcome}, status {o.status}, {o.seconds:.1f} of {o.limit:.0f} s\n$ {o.command}\n{o.output}\n")
    return "".join(texts)[:LOG_BYTES]


def text(setting):
    facts = setting.facts
    lines = [f"Bitale on {setting.device}"]
    if facts.get("bundle"):
        lines.append("bundle: " + ", ".join(f"{k} {v}" for k, v in facts["bundle"].items()))
    lines += [f"GPU: {g['name']}, driver {g['driver_version']}, {g['memory.total']}" for g in facts["gpus"]] or ["GPU: none that nvidia-smi shows"]
    lines.append(f"host: {facts['cpu']}, {facts['cpus']} CPUs, {facts['memory']}; {facts['system']}, {facts['libc']}")
    for name, row in facts["doctor"].get("devices", {}).items():
        lines.append(f"{name}: {row['text']}")
    lines.append("peers: " + (", ".join(f"{k} {v}" for k, v in facts["peers"].items()) or "none") + f" ({facts['python']})")
    lines.append("")
    lines += [line_of(o) for o in setting.outcomes]
    tests = [o for o in setting.outcomes if o.test]
    bad = [o for o in tests if not o.good()]
    lines += ["", f"{len(tests) - len(bad)} of {len(tests)} tests passed" + (": not " + "; ".join(o.name for o in bad) if bad else ""),
              f"{time.monotonic() - setting.started:.0f} of {setting.options.budget:.0f} s"]
    for name in ("study", "study_tf32"):
        if name in setting.results:
            lines += ["", f"---- {name}", setting.results[name]]
    return "\n".join(lines) + "\n"


def line_of(o):
    return f"{o.outcome:<10} {o.seconds:6.1f} s  {o.part}: {o.name}" + (f": {o.detail.splitlines()[0][:300]}" if o.detail else "")
