"""The bundle for a machine with a GPU is made, unpacked, and run on the emulated device.

    python3 bundle_test.py CHECKOUT BUILD
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKOUT, BUILD = (Path(path).resolve() for path in (sys.argv.pop(1), sys.argv.pop(1)))
MOST_BYTES = 60 << 20


class Bundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        packed = cls.folder / "packed" / "bitale-gpu.tar.gz"
        packed.parent.mkdir()
        made = subprocess.run([CHECKOUT / "bench/gpu/bundle", packed, "--build", BUILD, "--no-build"], capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        cls.bytes = packed.stat().st_size
        subprocess.run(["tar", "-C", cls.folder, "-xf", packed], check=True)
        shutil.rmtree(packed.parent)  # also the unpacked folder beside it: nothing may be found there
        cls.root = cls.folder / "bitale-gpu"
        # A machine that has little: no toolkit, no Python with peers.
        cls.environment = {"PATH": "/usr/bin:/bin", "HOME": str(cls.folder), "BITALE_PEERS_PYTHON": "/usr/bin/false"}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_it_is_small_and_says_what_it_needs(self):
        self.assertLessEqual(self.bytes, MOST_BYTES)
        needs = json.loads((self.root / "BUNDLE.json").read_text())["needs"]
        self.assertRegex(needs, r"^x86-64, GLIBC_2\.\d+ or later$")

    def test_its_libraries_are_its_own(self):
        done = subprocess.run([self.root / "bin/bitale", "doctor", "--load", "--json"], env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        doctor = json.loads(done.stdout)
        self.assertTrue(doctor["build"]["code generator"]["found"])
        folders = {name: row["text"] for name, row in doctor["shared_libraries"].items()}
        self.assertEqual(folders["libbitale_llvm.so"], str(self.root / "lib"))
        others = {name for name, folder in folders.items() if folder != str(self.root / "lib")}
        c_library = ("libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "ld-linux-x86-64.so", "libopenblas", "libcud", "libcublas",
                     "libnv", "libgfortran", "libquadmath")
        self.assertEqual({name for name in others if not name.startswith(c_library)}, set())

    def test_it_runs_on_the_emulated_device(self):
        out = self.folder / "out"
        done = subprocess.run([self.root / "run", "--device", "emulated", "--out", out], env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads((out / "results.json").read_text())
        self.assertTrue(report["tests_passed"])
        self.assertIn("needs", report["bundle"])
        outcomes = {(part["part"], part["outcome"]) for part in report["parts"]}
        self.assertEqual(outcomes, {("tests", "passed"), ("study", "passed"), ("peers", "left out"), ("sanitizer", "left out")})
        summary = (out / "summary.txt").read_text()
        self.assertIn("not timed, computes what the CPU does: batch 2: loss ", summary)
        self.assertLessEqual(len(list(out.iterdir())), 8)

    def test_programs_understand_what_they_are_asked_on_a_gpu(self):
        if shutil.which("nvidia-smi"):
            self.skipTest("there may be a GPU here")
        sys.path.insert(0, str(self.root / "bench/gpu"))
        from running import peers, sanitizer, study, tests
        ask = lambda *command: subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True)  # noqa: E731
        for model, words in tests.NETWORKS:
            done = ask(self.root / "bin/bitale", "bench-check", model, "--device", "cuda", *words)
            self.assertEqual(done.returncode, 1, done.stderr)  # not a usage error
            self.assertIn("driver library is not there", done.stderr)
        for _, words, *_ in study.STUDIES:
            done = ask(self.root / "bin/bitale", "study", "--plan", "--device", "cuda", "--within", "9", "--budget", "1", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
        for words, names, _ in peers.RUNS:
            done = ask(sys.executable, self.root / "bench/compare", *words, "--device", "cuda", "--go-on", "--peers", *names, "--bitale", "/nowhere")
            self.assertIn("there is no /nowhere", done.stderr)
        for tags in [row[2] for row in tests.FILES] + [row[1] for row in sanitizer.RUNS]:
            done = ask(self.root / "bin/bitale_tests_gpu", "--filenames-as-tags", "--list-tests", tags)
            self.assertRegex(done.stdout, r"[1-9]\d* (matching )?test case")

    def test_without_a_gpu_it_says_so_and_fails(self):
        if shutil.which("nvidia-smi"):
            self.skipTest("there may be a GPU here")
        done = subprocess.run([self.root / "run", "--no-install", "--out", self.folder / "none"], env=self.environment, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tests: left out: device 'cuda': NVIDIA's driver library is not there", done.stdout)


if __name__ == "__main__":
    os.environ.pop("OUT", None)
    sys.dont_write_bytecode = True
    unittest.main()
