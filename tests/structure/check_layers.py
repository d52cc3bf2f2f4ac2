#!/usr/bin/env python3
"""Checks the includes of the source tree against layers.txt. See the head of that file for the rules.

With --strict, an edge that is granted and that nobody uses fails too.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "tests" / "structure" / "layers.txt"
SUFFIXES = {".h", ".cc", ".def", ".cu"}
FREE = "runtime/base"
PUBLIC = "frontends/cpp/bitale"
OPT_IN = {"eigen.h": "Eigen/"}  # public headers that may show one library's types
# What the runtime shows its users: headers over the standard library alone, installed beside the public ones.
SHARED = {"runtime/base/dtype.h", "runtime/base/error.h", "runtime/memory/array.h", "runtime/memory/view.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def read_rows():
    """{folder: [granted, ...]} in file order; `top/*` stays as it is."""
    rows = {}
    for number, line in enumerate(ROWS.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, colon, granted = line.partition(":")
        if not colon or folder in rows:
            sys.exit(f"{ROWS.name}:{number}: expected one row 'folder: folder ...' per folder, found '{line}'")
        rows[folder] = granted.split()
    return rows


def folder_of(path):
    """The second-level folder of a path from the root, or the top-level one for a file directly in it."""
    return "/".join(path.split("/")[:2]) if path.count("/") > 1 else path.split("/")[0]


def includes(tops):
    """(file, line number, target, spelled) for each include in the sources of these top-level folders."""
    for top in tops:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if match := INCLUDE.match(line):
                    yield path.relative_to(ROOT).as_posix(), number, match[1], match[2]


def grants(granted, folder):
    return granted == folder or (granted.endswith("/*") and folder.startswith(granted[:-1]))


def find_cycle(rows):
    """A list of folders, the last of which may include the first; empty when there is none."""
    edges = {folder: [f for g in granted for f in rows if grants(g, f) and f != folder] for folder, granted in rows.items()}
    state, path = {}, []

    def visit(folder):
        if state.get(folder) == "done":
            return []
        if folder in path:
            return path[path.index(folder):]
        path.append(folder)
        for target in edges[folder]:
            if cycle := visit(target):
                return cycle
        path.pop()
        state[folder] = "done"
        return []

    return next((cycle for folder in rows if (cycle := visit(folder))), [])


def check_public_header(file, quoted, angled):
    spelled = quoted or angled
    if angled and (angled.startswith("bitale/") or re.fullmatch(r"[a-z_0-9]+", angled)):
        return None
    if quoted in SHARED:
        return None
    if spelled.startswith(OPT_IN.get(Path(file).name, "\0")):
        return None
    return f"a public header includes {spelled}; public headers include the standard library, <bitale/...> and the runtime's shared headers only"


def main():
    strict = "--strict" in sys.argv[1:]
    rows = read_rows()
    tops = list(dict.fromkeys(folder.split("/")[0] for folder in rows))
    problems = []

    for folder, granted in rows.items():
        for g in granted:
            if not any(grants(g, f) for f in rows):
                problems.append(f"{ROWS.name}: {folder} is granted {g}, which has no row")
    if cycle := find_cycle(rows):
        problems.append(f"{ROWS.name}: a cycle: {' -> '.join(cycle + cycle[:1])}")

    for top in tops:
        for path in sorted((ROOT / top).glob("*/")):
            folder = f"{top}/{path.name}"
            if path.is_dir() and folder not in rows and any(f.suffix in SUFFIXES for f in path.rglob("*")):
                problems.append(f"{folder} has sources and no row in {ROWS.name}")

    used = set()
    for file, number, quoted, angled in includes(tops):
        folder, where = folder_of(file), f"{file}:{number}"
        if file.startswith(PUBLIC + "/") and (problem := check_public_header(file, quoted, angled)):
            problems.append(f"{where}: {problem}")
        target = f"frontends/cpp/{angled}" if angled and angled.startswith("bitale/") else quoted
        if not target:
            continue
        if not (ROOT / target).is_file():
            problems.append(f'{where}: there is no file "{target}"; includes are spelled from the root of the repository')
            continue
        to = folder_of(target)
        if to == folder or to == FREE:
            continue
        granted = [g for g in rows.get(folder, []) if grants(g, to)]
        used.update((folder, g) for g in granted)
        if not granted:
            problems.append(f"{where}: {folder} may not include {to} ({target}); {ROWS.name} lists what it may")

    if strict:
        for folder, granted in rows.items():
            problems += [f"{ROWS.name}: {folder} is granted {g} and never uses it" for g in granted if (folder, g) not in used]

    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()
