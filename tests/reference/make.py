#!/usr/bin/env python3
"""Makes tests/golden/values/<family>.json: what NumPy, SciPy or PyTorch give for the samples of every op.

    python3 tests/reference/make.py [FAMILY...] [--tests build/release/bin/bitale_tests_ops]

Needs numpy and scipy (and torch for some families). Each tests/reference/<family>.py defines

    REFERENCES = {op: {sample: function, "*": function for the other samples}}
    WITHOUT = {op: why there is nothing to compare it with}

A function gets a sample's operands as NumPy arrays and gives an array, or a tuple of one for each output. The
operands come from the test program, so that they are those that the tests will use.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def read_samples(program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples.json")
        subprocess.run([program, "--filenames-as-tags", "[#reference_values_test]"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "BITALE_WRITE_SAMPLES": path})
        with open(path) as file:
            return json.load(file)


def to_array(value):
    return numpy.array([float(v) if isinstance(v, str) else v for v in value["values"]],
                       dtype=value["dtype"]).reshape(value["shape"])


def to_json(value):
    array = numpy.asarray(value)
    if array.dtype.kind == "f":
        values = [v if numpy.isfinite(v) else str(v) for v in array.astype(numpy.float64).ravel().tolist()]
    else:
        values = array.astype(numpy.int64).ravel().tolist()
    return {"shape": list(array.shape), "values": values}


def load_family(name):
    path = HERE / f"{name}.py"
    if not path.exists():
        return {}, {}
    spec = importlib.util.spec_from_file_location(f"reference_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(HERE))
    spec.loader.exec_module(module)
    return module.REFERENCES, getattr(module, "WITHOUT", {})


def values_of(family, name, cases, functions):
    out = {}
    for key, case in cases.items():
        function = functions.get(case["sample"], functions.get("*"))
        if function is None:
            raise SystemExit(f"{family}.py: '{name}' has no function for the sample '{case['sample']}'")
        try:
            with numpy.errstate(all="ignore"):
                result = function(*(to_array(v) for v in case["inputs"]))
        except Exception as error:
            raise SystemExit(f"{family}.py: '{name}', sample '{key}': {type(error).__name__}: {error}") from error
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        out[key] = {"inputs": case["hash"], "outputs": [to_json(o) for o in outputs]}
    return out


def text_of(family):
    """One line a value, so that differences can be read."""
    lines = []
    for op in sorted(family["values"]):
        rows = ",\n".join(f"      {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(family["values"][op].items()))
        lines.append(f"    {json.dumps(op)}: {{\n{rows}\n    }}")
    return ('{\n  "without": ' + json.dumps(family["without"], sort_keys=True) + ',\n  "values": {\n' + ",\n".join(lines) +
            "\n  }\n}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="all of them if none is named")
    parser.add_argument("--tests", default=str(ROOT / "build/release/bin/bitale_tests_ops"))
    arguments = parser.parse_args()
    samples = read_samples(arguments.tests)
    for family, ops in samples.items():
        if arguments.families and family not in arguments.families:
            continue
        references, without = load_family(family)
        unknown = (set(references) | set(without)) - set(ops)
        if unknown:
            raise SystemExit(f"{family}.py speaks of ops that are not there: {', '.join(sorted(unknown))}")
        missing = set(ops) - set(references) - set(without)
        if missing:
            print(f"{family}.py: nothing for {', '.join(sorted(missing))}", file=sys.stderr)
        values = {op: values_of(family, op, cases, references[op]) for op, cases in ops.items() if op in references}
        path = ROOT / "tests/golden/values" / f"{family}.json"
        path.write_text(text_of({"without": without, "values": values}))
        print(f"{path.relative_to(ROOT)}: {sum(len(v) for v in values.values())} values of {len(values)} ops")


if __name__ == "__main__":
    main()
