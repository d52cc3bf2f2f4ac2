"""When results of two programs count as equal.

An error is the norm of the difference of two arrays, relative to that of the array (bench/peers/worker.py).
"""

from comparing.programs import Failed

TOLERANCES = {"float32": 1e-4, "float64": 1e-9}


def disagreeing(errors, allowed):
    """The results whose error is more than allowed(result), or NaN."""
    return [of for of, error in errors.items() if not error <= allowed(of)]


def agrees(name, errors, allowed):
    """Whether all results of a program do, and at least one is there. Says so."""
    wrong = disagreeing(errors, allowed)
    if wrong or not errors:
        differing = ", ".join(f"{of} by {errors[of]:.1e} ({allowed(of):.0e} is allowed)" for of in wrong)
        print(f"  {name}: {len(wrong)} of {len(errors)} results differ from Bitale's: {differing}", flush=True)
        return False
    worst = max(errors, key=errors.get)
    print(f"  {name}: {len(errors)} results agree (largest relative difference {errors[worst]:.1e}, of {worst})", flush=True)
    return True


def require(name, errors, allowed):
    if not agrees(name, errors, allowed):
        raise Failed(f"'{name}' and Bitale disagree")
