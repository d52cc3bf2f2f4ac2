"""bench/gpu/run with programs that stand for Bitale's: what it does with those that fail, hang or are not there.

    python3 run_test.py CHECKOUT
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKOUT = Path(sys.argv.pop(1)).resolve()

DOCTOR = {"build": {}, "devices": {name: {"found": True, "text": text} for name, text in {
    "cuda": "sm_90", "its compiler": "NVRTC 13.0", "its products": "cuBLASLt 13", "cuDNN": "9", "emulated": "/usr/bin/c++"}.items()}}
STUDY = {"measurements": [{"model": "lenet", "variant": "", "step": "", "result": {}},
                          {"model": "lstm", "variant": "", "step": "", "cannot": "failed: no memory"}]}
BITALE = """#!/bin/sh
case $1 in
  doctor) cat "$0.doctor"; exit ${DOCTOR_STATUS:-0} ;;
  bench-check) echo '{"agrees": '${AGREES:-true}', "found": "loss 2.3"}' ;;
  study) [ -z "$STUDY_HANGS" ] || sleep 60
    while [ "$1" != --out ]; do shift; done
    mkdir -p "$2" && cp "$0.study" "$2/study.json" && echo "Table 3." > "$2/tables.txt" ;;
  *) echo "no such command"; exit 2 ;;
esac
"""
TESTS = """#!/bin/sh
echo "$BITALE_TEST_DEVICE$BITALE_FUZZ_DEVICE $*" >> "$0.calls"
case "$2" in
  *models*) [ -z "$MODELS_FAIL" ] || { echo "gradient differs"; exit 1; } ;;
  *calls*) [ -z "$CALLS_HANG" ] || sleep 60 ;;
  *graph*) [ -z "$FUZZ_FAILS" ] || exit 1; sleep 0.3 ;;
esac
echo "All tests passed (12 assertions in 3 test cases)"
"""


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


class Run(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        programs = self.folder / "bin"
        programs.mkdir()
        program(programs / "bitale", BITALE)
        (programs / "bitale.doctor").write_text(json.dumps(DOCTOR))
        (programs / "bitale.study").write_text(json.dumps(STUDY))
        for name in ("gpu", "fuzz"):
            program(programs / f"bitale_tests_{name}", TESTS)

    def tearDown(self):
        self.temporary.cleanup()

    def run_it(self, *words, **variables):
        out = self.folder / "out"
        # Without Pythons that have peers, and without compute-sanitizer.
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "BITALE_PEERS_PYTHON": "/usr/bin/false", **variables}
        done = subprocess.run([sys.executable, CHECKOUT / "bench/gpu/run", "--programs", self.folder / "bin", "--out", out, "--no-install",
                               *words], env=environment, capture_output=True, text=True, timeout=120)
        self.assertNotIn("Traceback", done.stderr)
        self.report = json.loads((out / "results.json").read_text()) if (out / "results.json").exists() else None
        self.said = done.stdout + done.stderr
        files = list(out.glob("*")) if out.exists() else []
        self.assertLessEqual(len(files), 8)
        return done.returncode

    def part(self, name):
        return next(p for p in self.report["parts"] if p["name"] == name)

    def test_all_is_well(self):
        self.assertEqual(self.run_it("--budget", "40"), 0, self.said)
        self.assertTrue(self.report["tests_passed"])
        self.assertEqual(self.part("calls")["detail"], "12 assertions in 3 test cases")
        self.assertEqual(self.part("lenet --tf32, in full")["detail"], "loss 2.3")
        self.assertIn("seeds with all uses agree", self.part("random graphs")["detail"])
        self.assertEqual(self.part("study")["detail"], "1 measurements; lstm  : failed: no memory")
        self.assertEqual(self.part("peers")["outcome"], "left out")
        self.assertIn("--no-install", self.part("peers")["detail"])
        self.assertEqual(self.part("sanitizer")["outcome"], "left out")
        self.assertIn("tests passed", (self.folder / "out" / "summary.txt").read_text())
        self.assertIn("Table 3.", (self.folder / "out" / "study.txt").read_text())
        calls = (self.folder / "bin" / "bitale_tests_gpu.calls").read_text()
        self.assertIn("cuda --filenames-as-tags [#models_test]", calls)
        self.assertLess(self.report["seconds"], 40)

    def test_what_fails_stops_nothing_else(self):
        self.assertEqual(self.run_it("--budget", "40", MODELS_FAIL="1", AGREES="false"), 1)
        self.assertFalse(self.report["tests_passed"])
        self.assertEqual(self.part("networks, small")["outcome"], "failed")
        self.assertEqual(self.part("networks, small")["detail"], "gradient differs")
        self.assertEqual(self.part("lenet, in full")["outcome"], "failed")
        self.assertEqual(self.part("calls")["outcome"], "passed")
        self.assertEqual(self.part("study")["outcome"], "passed")
        self.assertIn("gradient differs", (self.folder / "out" / "log.txt").read_text())

    def test_what_hangs_ends_at_its_limit(self):
        self.assertEqual(self.run_it("--budget", "15", "--parts", "tests", "study", CALLS_HANG="1", STUDY_HANGS="1"), 1)
        self.assertEqual(self.part("calls")["outcome"], "timed out")
        self.assertIn("not over after", self.part("calls")["detail"])
        self.assertEqual(self.part("study")["outcome"], "timed out")
        self.assertEqual(self.part("kernels")["outcome"], "passed")
        self.assertLess(self.report["seconds"], 20)

    def test_measurements_that_fail_are_no_tests(self):
        (self.folder / "bin" / "bitale.study").unlink()
        self.assertEqual(self.run_it("--budget", "20", "--parts", "study"), 0)
        self.assertEqual(self.part("study")["outcome"], "failed")

    def test_random_graphs_that_differ_are_named(self):
        self.assertEqual(self.run_it("--budget", "10", "--parts", "tests", FUZZ_FAILS="1"), 1)
        self.assertIn("seeds 1001 to 1004: failed", self.part("random graphs")["detail"])

    def test_without_a_gpu(self):
        lacking = json.loads(json.dumps(DOCTOR))
        lacking["devices"]["cuda"] = {"found": False, "text": "device 'cuda': no driver"}
        (self.folder / "bin" / "bitale.doctor").write_text(json.dumps(lacking))
        self.assertEqual(self.run_it(), 1)
        self.assertEqual({p["outcome"] for p in self.report["parts"]}, {"left out"})
        self.assertIn("device 'cuda': no driver", self.part("tests")["detail"])
        self.assertIn("0 of 1 tests passed", self.said)

    def test_without_a_program_that_runs(self):
        self.assertEqual(self.run_it(DOCTOR_STATUS="127"), 1)
        self.assertIn("bitale doctor: status 127", self.part("tests")["detail"])
        self.assertEqual(self.run_it("--device", "tpu"), 2)
        self.assertIn("cuda, cuda:1... or emulated was expected", self.said)


if __name__ == "__main__":
    os.environ.pop("OUT", None)
    unittest.main()
