"""What NumPy gives for the samples of the ops of indexing and sorting (tests/reference/make.py)."""
import numpy as np


def indices(raw, n):
    """The integers of a sample as indices in [-n, n), as ops/index makes them; unsigned ones in [0, n)."""
    i = np.mod(raw.astype(np.int64), 2 * n) - n
    return np.where(i < 0, i + n, i) if raw.dtype == np.uint8 else i


# The index of each sample of subtensor, and the axes that its tensors are for.
PLACES = {
    "places": (lambda: np.s_[1, -1], []),
    "a place and the rest": (lambda: np.s_[-2], []),
    "slices": (lambda: np.s_[1:-1, ::2], []),
    "steps down": (lambda: np.s_[::-1, -2:0:-2], []),
    "clipped bounds": (lambda: np.s_[-9:9, 7:], []),
    "new axes and an ellipsis": (lambda: np.s_[None, ..., 1:3, None], []),
    "rows": (lambda i: np.s_[i], [0]),
    "columns by a matrix": (lambda i: np.s_[:, i], [1]),
    "points": (lambda i, j: np.s_[i, j], [0, 1]),
    "broadcast tensors": (lambda i, j: np.s_[i, ::-1, j], [0, 2]),
    "neighbours behind a slice": (lambda i, j: np.s_[1:, i, j, :], [1, 2]),
    "a place beside a tensor": (lambda i: np.s_[:, 1, i], [2]),
    "a place apart from a tensor": (lambda i: np.s_[-1, :, i], [2]),
    "a new axis between tensors": (lambda i, j: np.s_[i, None, j], [0, 1]),
    "a scalar tensor": (lambda i: np.s_[i, ...], [0]),
    "no indices": (lambda i: np.s_[i], [0]),
}


def place(name, x, raw):
    expression, axes = PLACES[name]
    return expression(*(indices(r, x.shape[a]) for r, a in zip(raw, axes)))


def changed(change):
    def of(name):
        def function(x, y, *raw):
            out = x.copy()
            change(out, place(name, x, raw), y)
            return out
        return function
    return {name: of(name) for name in PLACES}


def put(out, where, y):
    # Element by element, so that the last of equal places wins by definition.
    numbers = np.arange(out.size).reshape(out.shape)[where]
    flat = out.reshape(-1)
    for number, value in zip(np.ravel(numbers), np.ravel(np.broadcast_to(y, np.shape(numbers)))):
        flat[number] = value


def scattered(change):
    def along(axis):
        def function(x, raw, updates):
            out = x.copy()
            change(out, (slice(None),) * (axis % x.ndim) + (indices(raw, x.shape[axis]),), updates)
            return out
        return function
    return {"rows": along(0), "vector": along(0), "last axis": along(-1), "middle axis": along(1), "one row": along(0),
            "one update for all": along(0), "no indices": along(0), "no rows": along(0), "bools": along(0)}


def gathered(axis):
    return lambda x, raw: np.take(x, indices(raw, x.shape[axis]), axis) if x.shape[axis] else x[:0]


def along(axis):
    return lambda x, raw: np.take_along_axis(x, indices(raw, x.shape[axis]), axis)


def put_along(axis):
    def function(x, raw, values):
        i = indices(raw, x.shape[axis])
        i = np.broadcast_to(i, [n if k != axis % x.ndim else i.shape[k] for k, n in enumerate(x.shape)])
        where = list(np.indices(i.shape))
        where[axis] = i
        out = x.copy()
        put(out, tuple(where), values)
        return out
    return function


def sorted_order(x, axis, descending):
    """Stable, NaN above all numbers: NumPy sorts so; descending, equal elements keep their order."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    n = x.shape[axis]
    return n - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


def ordered(axis, descending):
    return lambda x: np.take_along_axis(x, sorted_order(x, axis, descending), axis)


def top(k, axis, largest):
    def function(x):
        places = np.take(sorted_order(x, axis, largest), np.arange(k), axis)
        return np.take_along_axis(x, places, axis), places
    return function


def searched(right):
    return lambda s, v: np.searchsorted(np.sort(s), v, "right" if right else "left")


def binned(right):
    return lambda s, v: np.digitize(v, np.sort(s), right)


def rows_searched(s, v):
    return np.stack([np.searchsorted(np.sort(a), b) for a, b in zip(s, v)])


def compressed(axis, size):
    def function(condition, x):
        rows = np.compress(condition, x, axis)
        shape = list(x.shape)
        shape[axis] = size
        out = np.full(shape, 0.5, x.dtype)
        kept = [slice(None)] * x.ndim
        kept[axis] = slice(0, min(size, rows.shape[axis]))
        out[tuple(kept)] = rows[tuple(kept)]
        return out
    return function


def one_hot(i):
    return (i[..., None] == np.arange(4)).astype(np.float64)


def pick_backward(n):
    def function(dy, raw):
        out = np.zeros((*dy.shape, n), dy.dtype)
        np.put_along_axis(out, indices(raw, n)[..., None], dy[..., None], -1)
        return out
    return function


REFERENCES = {
    "checked_rows": {
        "both signs": lambda raw: indices(raw, 5) % 5,
        "two axes": lambda raw: indices(raw, 4) % 4,
        "unsigned": lambda raw: indices(raw, 3),
        "one row": lambda raw: indices(raw, 1) % 1,
        "no indices": lambda raw: raw.astype(np.int64),
        "from the start alone": lambda raw: indices(raw, 5),
    },
    "gather": {"rows": gathered(0), "last axis": gathered(-1), "middle axis": gathered(1), "*": gathered(0)},
    "scatter_add": scattered(np.add.at),
    "scatter_set": scattered(put),
    "scatter_max": scattered(np.maximum.at),
    "scatter_min": scattered(np.minimum.at),
    "pick": {"*": lambda x, raw: np.take_along_axis(x, indices(raw, x.shape[-1])[..., None], -1)[..., 0]},
    "pick_backward": {"rows": pick_backward(3), "one class": pick_backward(1), "two axes": pick_backward(4),
                      "scalar": pick_backward(4), "no rows": pick_backward(3)},
    "one_hot": {"*": one_hot},
    "subtensor": {name: (lambda x, *raw, name=name: x[place(name, x, raw)]) for name in PLACES},
    "set_subtensor": changed(put),
    "inc_subtensor": changed(np.add.at),
    "take": {"of a matrix as a vector": lambda x, raw: np.take(x, indices(raw, x.size)),
             "columns": lambda x, raw: np.take(x, indices(raw, x.shape[1]), 1)},
    "take_along_axis": {"last axis": along(-1), "middle axis": along(1), "first axis, for all columns": along(0),
                        "vector": along(0)},
    "put_along_axis": {"last axis": put_along(-1), "middle axis": put_along(1),
                       "first axis, for all columns": put_along(0)},
    "choose": {"*": lambda i, a, b, c: np.choose(i, [a, b, c])},
    "compress": {"rows": compressed(0, 4), "columns": compressed(-1, 2), "vector": compressed(0, 6)},
    "argsort": {"last axis": lambda x: sorted_order(x, -1, False),
                "middle axis, descending": lambda x: sorted_order(x, 1, True),
                "equal elements": lambda x: sorted_order(x, 0, False),
                "equal elements, descending": lambda x: sorted_order(x, 1, True)},
    "sort": {"vector": ordered(-1, False), "last axis, descending": ordered(1, True), "middle axis": ordered(-2, False)},
    "topk": {"largest": top(2, -1, True), "smallest of an outer axis": top(3, 0, False), "all": top(4, 0, True),
             "none": top(0, 0, True)},
    "searchsorted": {"left": searched(False), "right, of a matrix": searched(True),
                     "equal elements, left": searched(False), "equal elements, right": searched(True),
                     "a scalar": searched(False), "rows": rows_searched},
    "digitize": {"left": binned(False), "right, of a matrix": binned(True), "equal elements, left": binned(False),
                 "equal elements, right": binned(True), "a scalar": binned(False)},
    "bincount": {"counts": lambda x: np.bincount(x, minlength=6), "of nothing": lambda x: np.bincount(x, minlength=6),
                 "weights": lambda x, w: np.bincount(x, w, minlength=5)},
    "unravel_index": {"cube": lambda p: np.unravel_index(p, (2, 3, 4)), "vector": lambda p: np.unravel_index(p, (5,))},
    "ravel_multi_index": {"*": lambda i, j, k: np.ravel_multi_index(np.broadcast_arrays(i, j, k), (3, 4, 2))},
}

WITHOUT = {}
