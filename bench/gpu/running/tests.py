"""The tests of devices on this one, all at the same time: they mostly compile."""

import json
import re
import time

from running.setting import Outcome

PART = "tests"
PRODUCTS = "dot,einsum,multi_dot,matmul,tensordot,outer,vdot,conv,conv_backward_data,conv_backward_filters"
# Files of tests/gpu, or an expression of Catch2, with what stands in the environment, and seconds.
FILES = [
    ("kernels", "gpu", "[#emulate_test]", {}, 120),
    ("contractions", "gpu", "[#contraction_test]", {}, 180),
    ("calls", "gpu", "[#calls_test],[#costs_test]", {}, 120),
    ("loops", "gpu", "[#loops_test]", {}, 120),
    ("loops as launches", "gpu", "[#models_test]", {"BITALE_LOOPS": "launches"}, 180),
    ("loops without clusters", "gpu", "[#models_test]", {"BITALE_LOOPS": "grid"}, 180),
    ("networks, small", "gpu", "[#models_test]", {}, 180),
    ("networks, small, on several streams", "gpu", "[#streams_test]", {}, 180),
    *[(f"ops, share {n} of 6", "gpu", "[#ops_test]", {"BITALE_TEST_SHARE": f"{n}/6"}, 240) for n in range(6)],
    ("networks, small, by cuBLASLt", "gpu", "[#models_test]", {"BITALE_CONTRACTION": "cublaslt"}, 180),
    ("products among ops, by cuBLASLt", "gpu", "[#ops_test]", {"BITALE_CONTRACTION": "cublaslt", "BITALE_TEST_OPS": PRODUCTS}, 240),
    ("networks, small, by cuDNN", "gpu", "[#models_test]", {"BITALE_TEST_CONV": "cudnn"}, 180),
    ("16 bits, by cuBLASLt and cuDNN", "gpu", "[#float16_test]", {"BITALE_CONTRACTION": "cublaslt", "BITALE_TEST_CONV": "cudnn"}, 180),
    ("networks, small, scattered in order", "gpu", "[#models_test]", {"BITALE_ORDERED": "1"}, 180),
    ("the text of kernels", "gpu", "[#nvrtc_test]", {}, 120),
]
# In a minute or two, and what takes less of them.
EMULATED_FILES = [
    ("kernels", "gpu", "[#emulate_test]", {}, 120),
    ("calls", "gpu", "[#calls_test],[#costs_test]", {}, 120),
]
# Of the study's sizes, against the CPU.
NETWORKS = [
    ("lenet", []), ("lenet", ["--tf32"]), ("lenet", ["--conv", "cudnn"]), ("lenet", ["--conv", "cudnn", "--tf32"]), ("lenet", ["--conv", "implicit_gemm", "--tf32"]),
    *[("sae", ["--variant", variant, "--step", step]) for variant in ("small", "large") for step in ("ae1", "ae2", "ae3", "se")],
    ("sae", ["--variant", "large", "--step", "se", "--tf32"]),
    *[("lstm", ["--variant", variant]) for variant in ("plain", "layer_normalised", "gru2")],
    ("lstm", ["--batch-steps", "100", "--tf32"]),
    *[("alexnet", ["--variant", variant]) for variant in ("exact", "no_lrn_no_groups")],
    ("alexnet", ["--variant", "exact", "--tf32"]), ("alexnet", ["--variant", "exact", "--conv", "cudnn"]),
    ("alexnet", ["--variant", "exact", "--conv", "implicit_gemm", "--tf32"]),
]
EMULATED_NETWORKS = [("lenet", ["--batch", "2"]), ("lstm", ["--batch", "2", "--batch-steps", "3"])]
SECONDS = 270  # of all tests together
FUZZ_SECONDS, FUZZ_SEEDS, FUZZ_FIRST = 150, 4, 1001  # seconds in all; seeds of a process, from this one on
CATCH = re.compile(r"All tests passed \((.*)\)")


def run(setting):
    files, networks = (EMULATED_FILES, EMULATED_NETWORKS) if setting.emulated else (FILES, NETWORKS)
    jobs = [lambda row=row: run_file(setting, *row) for row in files]
    jobs += [lambda row=row: check_network(setting, *row) for row in networks]
    fuzzers = 1 if setting.emulated else max(1, setting.cpus // 4)
    fuzz = Fuzz(setting)
    jobs += [fuzz.run] * fuzzers
    # A process that compiles takes several CPUs for a moment, and waits for the GPU then.
    with setting.within(SECONDS):
        setting.together(jobs, max(2, setting.cpus * 3 // 4))
    fuzz.finish()


def passed_text(output):
    found = CATCH.search(output)
    skipped = sum(line.startswith("[SKIP]") for line in output.splitlines())
    return (found[1] if found else "") + (f", {skipped} skipped" if skipped else "")


def run_file(setting, name, program, tags, variables, seconds):
    command = [setting.programs / f"bitale_tests_{program}", "--filenames-as-tags", tags]
    setting.run(PART, name, command, seconds, test=True, detail=passed_text,
                variables={"BITALE_TEST_DEVICE": setting.device, **variables})


def check_network(setting, model, words):
    """A program that prints whether the two agree."""
    command = [setting.programs / "bitale", "bench-check", model, "--device", setting.device, *words]
    outcome = setting.try_to(PART, " ".join([model, *words]) + ", in full" * (not setting.emulated), command, 200, test=True)
    if outcome.good():
        found = json.loads(outcome.output.strip().splitlines()[-1])
        outcome.detail = found["found"]
        outcome.outcome = "passed" if found["agrees"] else "failed"
    setting.add(outcome)


class Fuzz:
    """Random graphs until their time is over, some seeds in each process. Each of the jobs has one at least."""

    def __init__(self, setting):
        self.setting, self.next, self.seeds, self.faults, self.outputs = setting, FUZZ_FIRST, 0, [], []
        self.seconds = 0 if setting.emulated else FUZZ_SECONDS * setting.scale
        self.chunk = 1 if setting.emulated else FUZZ_SEEDS
        self.started = None

    def run(self):
        self.started = self.started or time.monotonic()
        until = min(self.started + self.seconds, time.monotonic() + self.setting.left())
        first = None
        while first is None or time.monotonic() < until:
            with self.setting.lock:
                first = self.next
                self.next += self.chunk
            variables = {"BITALE_FUZZ_DEVICE": self.setting.device, "BITALE_FUZZ_FIRST": str(first), "BITALE_FUZZ_SEEDS": str(self.chunk)}
            command = [self.setting.programs / "bitale_tests_fuzz", "--filenames-as-tags", "[#graph_test]"]
            outcome = self.setting.try_to(PART, "random graphs", command, 120, variables=variables)
            with self.setting.lock:
                self.seeds += self.chunk * outcome.good()
                if not outcome.good():
                    self.faults.append(f"seeds {first} to {first + self.chunk - 1}: {outcome.outcome}")
                    self.outputs.append(outcome.output)

    def finish(self):
        good = self.seeds > 0 and not self.faults
        detail = "; ".join([*self.faults, f"{self.seeds} seeds with all uses agree"])
        self.setting.add(Outcome(PART, "random graphs", "passed" if good else "failed", test=True, limit=self.seconds,
                                 seconds=time.monotonic() - (self.started or time.monotonic()), detail=detail, output="\n".join(self.outputs)))
