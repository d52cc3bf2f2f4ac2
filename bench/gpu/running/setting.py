"""What all parts share: the options, the clock, programs with a time limit, and what came of them."""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

FULL_BUDGET = 540  # seconds that the parts' own are shares of
RESERVE = 5  # seconds of the budget for writing results
KILL_SECONDS = 5  # that a program has to end when it is killed
LOG_BYTES = 256 * 1024  # that are kept of a program's output: its end


def programs_folder(here):
    """Of an unpacked bundle; else of the checkout's release build."""
    root = here.parent.parent
    return root / "bin" if (root / "bin" / "bitale").exists() else root / "build" / "release" / "bin"


@dataclass
class Outcome:
    """Of one program that a part ran, or of what it left out."""

    part: str
    name: str
    outcome: str = "passed"  # failed, timed out, left out
    test: bool = False  # the exit status hangs on it
    seconds: float = 0
    limit: float = 0
    status: int = 0
    command: str = ""
    detail: str = ""
    output: str = field(default="", repr=False)

    def good(self):
        return self.outcome == "passed"


class Setting:
    def __init__(self, options):
        self.options, self.device = options, options.device
        self.emulated = options.device == "emulated"
        self.started, self.end = time.monotonic(), math.inf
        self.programs = options.programs.resolve()
        self.root = Path(__file__).resolve().parent.parent.parent.parent  # of the bundle, or of the checkout
        self.scale = options.budget / FULL_BUDGET
        self.cpus = len(os.sched_getaffinity(0))
        self.folder = Path(tempfile.mkdtemp(prefix="bitale-gpu-"))
        self.out = options.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.outcomes, self.facts, self.results = [], {}, {}
        self.variables = {"BITALE_CACHE": str(self.folder / "cache")}
        self.lock = threading.Lock()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def left(self):
        return min(self.options.budget - RESERVE - (time.monotonic() - self.started), self.end - time.monotonic())

    @contextlib.contextmanager
    def within(self, seconds):
        """All that runs inside ends with this share of the budget."""
        self.end = time.monotonic() + seconds * self.scale
        try:
            yield
        finally:
            self.end = math.inf

    def leave_out(self, part, reason, test=False, name=""):
        """A test that is left out did not pass."""
        self.add(Outcome(part, name or part, "left out", test, detail=reason))

    def add(self, outcome):
        with self.lock:
            self.outcomes.append(outcome)
        lines = outcome.detail.splitlines() or [""]
        self.say(f"{outcome.part}: {outcome.name}: {outcome.outcome}" + (f", {outcome.seconds:.1f} s" if outcome.seconds else "")
                 + (f": {lines[0]}" if lines[0] else ""))
        return outcome

    def run(self, part, name, command, seconds, *, test=False, variables=None, detail=None, good=(0,)):
        """Runs a program with a share of the budget, and notes what came of it. `detail` makes a line of its output."""
        outcome = self.try_to(part, name, command, seconds, test=test, variables=variables, detail=detail, good=good)
        return self.add(outcome)

    def try_to(self, part, name, command, seconds, *, test=False, variables=None, detail=None, good=(0,)):
        command = [str(word) for word in command]
        outcome = Outcome(part, name, test=test, limit=max(0, min(seconds * self.scale, self.left())))
        shown = " ".join(f"{key}={value}" for key, value in (variables or {}).items())
        outcome.command = (shown + " " + " ".join(command)).strip().replace(str(self.programs) + "/", "").replace(str(self.folder), "TMP")
        if outcome.limit < 1:
            outcome.outcome, outcome.detail = "left out", "the budget was spent"
            return outcome
        start = time.monotonic()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       env={**os.environ, **self.variables, **(variables or {})}, start_new_session=True,
                                       cwd=self.folder)
        except OSError as error:
            outcome.outcome, outcome.detail = "failed", str(error)
            return outcome
        try:
            output, _ = process.communicate(timeout=outcome.limit)
            outcome.status = process.returncode
            outcome.outcome = "passed" if outcome.status in good else "failed"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its own session: what it started ends, too
            try:
                output, _ = process.communicate(timeout=KILL_SECONDS)
            except subprocess.TimeoutExpired as error:  # it hangs in the driver
                output = error.output or b""
            outcome.status, outcome.outcome = -signal.SIGKILL, "timed out"
        outcome.seconds = time.monotonic() - start
        outcome.output = output[-LOG_BYTES:].decode(errors="replace")
        outcome.detail = self.line_of(outcome, detail)
        return outcome

    @staticmethod
    def line_of(outcome, detail):
        lines = [line.strip() for line in outcome.output.splitlines() if line.strip()]
        if detail and outcome.good():
            return detail(outcome.output)
        if outcome.outcome == "timed out":
            return f"not over after {outcome.limit:.0f} s" + (f"; last: {lines[-1]}" if lines else "")
        return lines[-1] if lines else ""

    def together(self, jobs, most):
        """Runs functions without arguments at the same time, `most` at once."""
        with ThreadPoolExecutor(max_workers=max(1, most)) as pool:
            for job in [pool.submit(job) for job in jobs]:
                job.result()

    def passed(self):
        """All tests ran to their end, and found nothing."""
        return all(o.good() for o in self.outcomes if o.test)

    def to_json(self):
        return [{k: v for k, v in asdict(o).items() if k != "output"} for o in self.outcomes]

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def python_of(setting):
    return os.environ.get("BITALE_PEERS_PYTHON") or setting.facts.get("python") or sys.executable
