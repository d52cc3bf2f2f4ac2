#!/usr/bin/env python3
"""bench/compare between programs that only say what they are told to: what counts as equal, and what happens then.

The fake Bitale and the fake peers are this file, started under their names. PLAN says what errors a peer reports, and
every command line and request goes into LOG, a line of JSON each.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


# ---- the fakes ----

def note(program, words):
    with open(os.environ["LOG"], "a") as log:
        log.write(json.dumps([program, words]) + "\n")


def say(answer):
    print(json.dumps(answer), flush=True)


def serve(program, answers):
    for line in sys.stdin:
        note(program, line.split())
        verb, _, count = line.strip().partition(" ")
        say(answers.get(verb) or {"ms": [1.0] * int(count)})


def fake_bitale(words):
    note("bitale", words)
    say({"versions": {"bitale": "fake"}, "gflop": {"forward": 1.0, "gradient": 3.0}})
    serve("bitale", {"write": {"written": True}, "peak": {"gflops": 100.0}})


def fake_peer(words):
    script = Path(words[0]).name
    note(script, words[1:])
    say({"versions": {script: "fake"}, "errors": json.loads(os.environ["PLAN"])[script]})
    serve(script, {})


# ---- the tests ----

SMALL = {"loss of forward": 1e-12, "loss": 1e-12, "W1": 1e-11, "b1": 1e-13}


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        here = Path(self.folder.name)
        (here / "bin").mkdir()
        for name in ["bitale", "bin/python"]:
            (here / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" fake-{Path(name).name} "$@"\n')
            (here / name).chmod(0o755)
        self.here, self.report = here, here / "report.json"

    def compare(self, *words, torch=SMALL, jax=SMALL):
        """The finished process; then `report` and `log` are there, or empty."""
        (self.here / "log").write_text("")
        self.report.unlink(missing_ok=True)
        plan = {f"{framework}_{network}.py": errors for framework, errors in [("torch", torch), ("jax", jax)]
                for network in ["lenet", "alexnet", "sae", "lstm"]}
        done = subprocess.run(
            [sys.executable, str(ROOT / "bench" / "compare"), *words, "--bitale", str(self.here / "bitale"), "--json", str(self.report),
             "--threads", "1"],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "BITALE_PEERS": str(self.here), "PLAN": json.dumps(plan), "LOG": str(self.here / "log")})
        self.log = [json.loads(line) for line in (self.here / "log").read_text().splitlines()]
        return done

    def agree(self, *words, **errors):
        done = self.compare(*words, **errors)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(self.report.read_text())

    def disagree(self, *words, **errors):
        done = self.compare(*words, **errors)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, "^compare: .*(disagree|further apart than is allowed)")
        return done

    def requests(self):
        """Verbs of what was asked of running programs."""
        return {words[0] for _, words in self.log if words[0] in {"write", "forward", "forward_changed", "gradient", "peak"}}

    CHECK = ["lenet", "--check", "--peers", "torch eager", "jax.jit NCHW"]

    def test_a_check_reports_every_array_and_times_nothing(self):
        report = self.agree(*self.CHECK, jax={**SMALL, "W1": 5e-5})
        self.assertEqual(self.requests(), {"write"})
        self.assertEqual((report["dtype"], report["batch"], report["model"]), ("float32", 64, "lenet"))
        [run] = report["runs"]
        self.assertEqual([row["name"] for row in run["programs"]], ["Bitale", "torch eager", "jax.jit NCHW"])
        self.assertEqual(run["programs"][1]["errors"], SMALL)
        self.assertEqual(run["programs"][2]["errors"]["W1"], 5e-5)
        self.assertEqual(set(run["allowed"]), set(SMALL))

    def test_a_check_prints_a_line_for_each_array(self):
        done = self.disagree(*self.CHECK, jax={**SMALL, "W1": 2e-4})
        lines = done.stdout.splitlines()
        for name in SMALL:
            self.assertEqual(sum(line.startswith(name.ljust(30)) for line in lines), 1, done.stdout)
        [line] = [line for line in lines if line.startswith("W1 ")]
        self.assertEqual(line.split(), ["W1", "1e-04", "1.0e-11", "2.0e-04", "!"])

    def test_what_is_allowed_depends_on_the_dtype(self):
        nearly = {**SMALL, "b1": 9e-5}
        self.agree(*self.CHECK, torch=nearly)
        self.disagree(*self.CHECK, torch={**SMALL, "b1": 1.1e-4})
        double = [*self.CHECK, "--dtype", "float64"]
        self.agree(*double, torch={**SMALL, "b1": 9e-10})
        self.disagree(*double, torch={**SMALL, "b1": 1.1e-9})
        self.disagree(*double, jax={**SMALL, "loss of forward": 1.1e-9})

    def test_all_networks_are_held_to_it(self):
        for network in ["alexnet", "sae", "lstm"]:
            with self.subTest(network):
                words = [network, "--check", "--dtype", "float64"]
                report = self.agree(*words)
                self.assertEqual({a for run in report["runs"] for a in run["allowed"].values()}, {1e-9})
                self.disagree(*words, jax={**SMALL, "W1": 2e-9})

    def test_alexnet_has_an_exception_in_float32_for_gradients_alone(self):
        words = ["alexnet", "--check"]
        self.agree(*words, torch={**SMALL, "W1": 1e-2})
        self.disagree(*words, torch={**SMALL, "W1": 3e-2})
        self.disagree(*words, torch={**SMALL, "loss": 1e-4})
        self.disagree("sae", "--check", torch={**SMALL, "W1": 1e-2})

    def test_the_lstm_has_an_exception_in_float32_for_two_biases(self):
        words = ["lstm", "--check"]
        self.agree(*words, torch={**SMALL, "b2": 5e-3, "b": 5e-4})
        self.disagree(*words, torch={**SMALL, "b2": 2e-2})
        self.disagree(*words, torch={**SMALL, "U2": 5e-4})
        self.disagree(*words, "--dtype", "float64", torch={**SMALL, "b2": 2e-9})

    def test_a_result_that_is_no_number_and_no_result_at_all_disagree(self):
        self.disagree(*self.CHECK, torch={**SMALL, "W1": float("nan")})
        self.disagree(*self.CHECK, torch={})

    def test_each_step_of_training_is_checked(self):
        report = self.agree("sae", "--check")
        self.assertEqual([run["step"] for run in report["runs"]], ["ae1", "ae2", "ae3", "se"])
        steps = [words[words.index("--step") + 1] for program, words in self.log if program == "bitale" and "--step" in words]
        self.assertEqual(steps, ["ae1", "ae2", "ae3", "se"])

    def test_bitale_is_told_the_dtype_and_to_draw_the_last_layer(self):
        self.agree(*self.CHECK, "--dtype", "float64")
        [command] = [words for program, words in self.log if program == "bitale" and words[0] == "bench-worker"]
        self.assertEqual(command[command.index("--dtype") + 1], "float64")
        self.assertEqual(command[command.index("--last-layer") + 1], "random")
        self.agree(*self.CHECK)
        self.assertFalse([words for program, words in self.log if "--dtype" in words])

    def test_nothing_is_timed_where_results_disagree(self):
        timed = ["lenet", "--rounds", "1", "--calls", "1", "--warmup", "1", "--peers", "torch eager"]
        done = self.disagree(*timed, "--dtype", "float64", torch={**SMALL, "W1": 1e-8})
        self.assertIn("W1 by 1.0e-08 (1e-09 is allowed)", done.stdout)
        self.assertIn("'torch eager' and Bitale disagree", done.stderr)
        self.assertEqual(self.requests(), {"write"})
        self.assertFalse(self.report.exists())
        report = self.agree(*timed, torch={**SMALL, "W1": 1e-8})
        self.assertEqual(self.requests(), {"write", "peak", "forward", "forward_changed", "gradient"})
        self.assertEqual(report["runs"][0]["programs"][1]["ms"]["gradient"]["median"], 1.0)

    def test_options_that_do_not_go_together(self):
        for words, message in [(["gemm", "--check"], "are for networks"), (["gemm", "--dtype", "float64"], "are for networks"),
                               (["lenet", "--check", "--compile"], "does not go with --check"),
                               (["lenet", "--dtype", "float64", "--peers", "Theano"], "no peer 'Theano'"),
                               (["lstm", "--dtype", "float64", "--peers", "Theano"], "no peer 'Theano'")]:
            with self.subTest(words):
                done = self.compare(*words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["fake-bitale"]:
        fake_bitale(sys.argv[2:])
    elif sys.argv[1:2] == ["fake-python"]:
        fake_peer(sys.argv[2:])
    else:
        unittest.main()
