"""Reductions, and sums and products along an axis."""
import numpy as np
from scipy import special


def reduction(f):
    return {
        "rows": lambda x: f(x, axis=1),
        "columns": lambda x: f(x, axis=0),
        "all": lambda x: f(x),
        "outer and inner": lambda x: f(x, axis=(0, 2)),
    }


def over_axes(f, x, axes):
    """f, which takes one axis, over several: they are moved to the end and become one."""
    kept = [k for k in range(x.ndim) if k not in axes]
    return f(x.transpose(kept + list(axes)).reshape([x.shape[k] for k in kept] + [-1]), axis=-1)


def position(f):
    return {
        "rows": lambda x: f(x, axis=1),
        "columns": lambda x: f(x, axis=0),
        "all": lambda x: f(x),
        "outer and inner": lambda x: over_axes(f, x, (0, 2)),
        "ties": lambda x: f(x, axis=1),
    }


def moment(f):
    return {
        "rows": lambda x: f(x, axis=1),
        "columns, kept": lambda x: f(x, axis=0, keepdims=True),
        "all": lambda x: f(x),
        "outer and inner": lambda x: f(x, axis=(0, 2)),
        "integers": lambda x: f(x.astype(np.float64), axis=1).astype(np.float32),
    }


def logical(f):
    return {
        "rows": lambda x: f(x, axis=1),
        "columns": lambda x: f(x, axis=0),
        "all axes": lambda x: f(x),
        "kept": lambda x: f(x, axis=(0, 2), keepdims=True),
        "floats": lambda x: f(x, axis=-1),
    }


def cumulative(f):
    def backwards(x, axis):
        return np.flip(f(np.flip(x, axis), axis=axis), axis)

    return {
        "rows": lambda x: f(x, axis=1),
        "columns": lambda x: f(x, axis=0),
        "reverse": lambda x: backwards(x, 0),
        "middle axis, reverse": lambda x: backwards(x, 1),
        "small integers": lambda x: f(x, axis=-1),
    }


def norm(p, **options):
    def vector_norm(x, axis=None, keepdims=False):
        flat = over_axes(lambda y, axis: y, x, range(x.ndim) if axis is None else axis)
        n = np.linalg.norm(flat.astype(np.float64), ord=p, axis=-1)
        n = n.astype(x.dtype if x.dtype.kind == "f" else np.float32)
        return np.expand_dims(n, axis) if keepdims else n

    return lambda x: vector_norm(x, **options)


def recurrence(axis, reverse):
    def run(a, b):
        a, b = np.broadcast_arrays(a, b)
        a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
        if reverse:
            a, b = a[::-1], b[::-1]
        h = [b[k] for k in range(min(1, len(b)))]
        for k in range(1, len(b)):
            h.append(a[k] * h[-1] + b[k])
        h = np.array(h).reshape(b.shape)
        return np.moveaxis(h[::-1] if reverse else h, 0, axis)

    return run


REFERENCES = {
    "sum": reduction(np.sum),
    "max": reduction(np.max),
    "min": reduction(np.min),
    "argmax": position(np.argmax),
    "argmin": position(np.argmin),
    "prod": {
        "rows": lambda x: np.prod(x, axis=1),
        "columns": lambda x: np.prod(x, axis=0),
        "all": lambda x: np.prod(x),
        "outer and inner, kept": lambda x: np.prod(x, axis=(0, 2), keepdims=True),
        "small integers": lambda x: np.prod(x, axis=1),
    },
    "mean": moment(np.mean),
    "var": {**moment(np.var), "far from zero": lambda x: np.var(x.astype(np.float64), axis=0, ddof=1).astype(x.dtype)},
    "stddev": moment(lambda x, **options: np.std(x, ddof=1, **options)),
    "ptp": {"rows": lambda x: np.ptp(x, axis=1), "all, kept": lambda x: np.ptp(x, keepdims=True)},
    "norm": {
        "2, rows": norm(2, axis=(1,)),
        "2, all (Frobenius)": norm(2),
        "1, columns": norm(1, axis=(0,)),
        "inf, kept": norm(np.inf, axis=(1,), keepdims=True),
        "-inf": norm(-np.inf, axis=(1,)),
        "0": norm(0, axis=(1,)),
        "3": norm(3, axis=(0, 2)),
        "1.5": norm(1.5, axis=(0,)),
    },
    "any": logical(np.any),
    "all": logical(np.all),
    "count_nonzero": logical(np.count_nonzero),
    "logsumexp": {
        "rows": lambda x: special.logsumexp(x, axis=1),
        "all": lambda x: special.logsumexp(x),
        "large": lambda x: special.logsumexp(x, axis=1, keepdims=True),
    },
    "cumsum": cumulative(np.cumsum),
    "cumprod": cumulative(np.cumprod),
    "cummax": cumulative(np.maximum.accumulate),
    "cummin": cumulative(np.minimum.accumulate),
    "linear_recurrence": {
        "rows": recurrence(1, False),
        "columns": recurrence(0, False),
        "middle axis, reverse": recurrence(1, True),
        "one factor": recurrence(0, True),
    },
}
WITHOUT = {}
