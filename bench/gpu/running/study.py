"""The study's rows of GPUs, in float32 and in TF32, and what compiling takes."""

import json
import shutil

PART = "study"
MARGIN = 20  # seconds: the last measurement, and writing tables
# name, what is measured, seconds of a measurement, of all
STUDIES = [
    ("study", ["--tables", "3,4,5,6,7,8", "--figures", "1,2", "--repetitions", "1"], 1.5, 170),
    ("study_tf32", ["--tables", "3,4,5,6,7", "--tf32"], 1, 70),
]
EMULATED_STUDIES = [("study", ["--tables", "3"], 1, 120)]


def run(setting):
    for name, words, budget, seconds in EMULATED_STUDIES if setting.emulated else STUDIES:
        folder = setting.folder / name
        within = max(1, min(seconds * setting.scale, setting.left()) - MARGIN)  # after which it begins no other measurement
        command = [setting.programs / "bitale", "study", "--device", setting.device, "--no-report", "--budget", f"{budget * setting.scale:.2f}",
                   "--within", f"{within:.1f}", "--out", folder, *words]
        outcome = setting.run(PART, name, command, seconds, detail=lambda output, folder=folder: measured(folder))
        if outcome.good():
            shutil.copy(folder / "tables.txt", setting.out / f"{name}.txt")
            shutil.copy(folder / "study.json", setting.out / f"{name}.json")
            setting.results[name] = (folder / "tables.txt").read_text()
        elif (folder / "results.jsonl").exists():
            shutil.copy(folder / "results.jsonl", setting.out / f"{name}.jsonl")


def measured(folder):
    rows = json.loads((folder / "study.json").read_text())["measurements"]
    failed = [row for row in rows if "cannot" in row]
    played = sum("not_timed" in row for row in rows)
    text = f"{len(rows) - len(failed) - played} measurements" if not played else f"{played} networks as on the CPU, none timed"
    return text + "".join(f"; {row['model']} {row['variant']} {row['step']}: {row['cannot']}" for row in failed)
