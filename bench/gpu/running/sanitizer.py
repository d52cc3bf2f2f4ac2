"""NVIDIA's compute-sanitizer on tests, as far as it gets: it takes many times as long."""

import re
import shutil
from pathlib import Path

PART = "sanitizer"
# tool, tests, seconds
RUNS = [
    ("memcheck", "[#emulate_test],[#calls_test]", 60),
    ("racecheck", "[#emulate_test]", 60),
    ("memcheck", "[#contraction_test]", 60),
    ("synccheck", "[#emulate_test]", 40),
    ("memcheck", "[#models_test]", 60),
    ("racecheck", "[#contraction_test]", 60),
]
FOUND, SUMMARY = 99, re.compile(r"=+ *(ERROR SUMMARY.*|RACECHECK SUMMARY.*)")


def program():
    for path in [shutil.which("compute-sanitizer"), "/usr/local/cuda/bin/compute-sanitizer", "/opt/nvidia/compute-sanitizer/compute-sanitizer"]:
        if path and Path(path).exists():
            return path
    return None


def run(setting):
    if setting.emulated:
        return setting.leave_out(PART, "it watches a GPU's kernels, and the CPU plays them here")
    tool = program()
    if not tool:
        return setting.leave_out(PART, "there is no compute-sanitizer in PATH or /usr/local/cuda")
    for kind, tags, seconds in RUNS:
        command = [tool, "--tool", kind, "--error-exitcode", FOUND, "--launch-timeout", "120", setting.programs / "bitale_tests_gpu",
                   "--filenames-as-tags", tags]
        outcome = setting.try_to(PART, f"{kind} {tags}", command, seconds, detail=said, variables={"BITALE_TEST_DEVICE": setting.device})
        # That it was not over in time, or cannot watch this machine, is no test that failed.
        outcome.test = outcome.status == FOUND
        setting.add(outcome)
    return None


def said(output):
    found = SUMMARY.findall(output)
    return found[-1].strip() if found else ""
