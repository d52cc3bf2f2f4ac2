"""Shapes, rearrangement and creation."""
import numpy as np


def scattered(x, shape, places):
    """Zeros of a shape with x at the places (one index array per axis): what the primitive `pad` is."""
    out = np.zeros(shape, x.dtype)
    out[np.ix_(*places)] = x
    return out


def pad(*widths, **options):
    return lambda x: np.pad(x, widths, **options)


def triangle(f):
    return {"square": lambda x: f(x, 0), "wide, right": lambda x: f(x, 1), "stack, down": lambda x: f(x, -2)}


REFERENCES = {
    "broadcast_to": {
        "row": lambda x: np.broadcast_to(x, (3, 4)),
        "column": lambda x: np.broadcast_to(x, (2, 3, 4)),
        "scalar": lambda x: np.broadcast_to(x, (2, 2)),
    },
    "reshape": {
        "merge": lambda x: x.reshape(6, 4),
        "split": lambda x: x.reshape(2, 3, 4),
        "regroup": lambda x: x.reshape(3, 8),
        "ones": lambda x: x.reshape(3, 1, 1),
    },
    "transpose": {"matrix": lambda x: x.T, "cycle": lambda x: x.transpose(1, 2, 0)},
    "slice": {
        "block": lambda x: x[1:3, 2:5],
        "steps": lambda x: x[1:6:2, 5:0:-2],
        "nothing": lambda x: x[4:4, 0:5],
    },
    "pad": {
        "border": lambda x: np.pad(x, ((1, 1), (0, 2))),
        "steps": lambda x: scattered(x, (7, 6), ([1, 3, 5], [5, 3, 1])),
        "of nothing": lambda x: np.zeros((2, 3), x.dtype),
    },
    "concat": {
        "columns": lambda x, y, z: np.concatenate([x, y, z], axis=1),
        "with nothing": lambda x, y: np.concatenate([x, y, x], axis=0),
    },
    "flip": {"one axis": lambda x: np.flip(x, 1), "two axes": lambda x: np.flip(x, (0, 2))},
    "in_memory": {"of a transpose": lambda x: x.T * 2},
    "flatten": {
        "all": lambda x: x.ravel(),
        "some": lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2], x.shape[3]),
        "scalar": lambda x: x.ravel(),
    },
    "squeeze": {"all": lambda x: np.squeeze(x, (0, 2)), "one": lambda x: np.squeeze(x, -1)},
    "at_least": {
        "1d of scalar": np.atleast_1d,
        "2d of vector": np.atleast_2d,
        "3d of vector": np.atleast_3d,
        "3d of matrix": np.atleast_3d,
    },
    "moveaxis": {"to the end": lambda x: np.moveaxis(x, 0, -1), "two": lambda x: np.moveaxis(x, (-1, 1), (0, 2))},
    "swapaxes": {"ends": lambda x: np.swapaxes(x, 0, -1)},
    "stack": {
        "leading": lambda x, y: np.stack([x, y, x]),
        "last": lambda x, y: np.stack([x, y], axis=-1),
        "scalars": lambda x, y: np.stack([x, y]),
    },
    "split": {
        "equal parts": lambda x: tuple(np.split(x, 3)),
        "one part": lambda x: tuple(np.split(x, 1, axis=-1)),
        "positions": lambda x: (x[:, :1], x[:, 1:4], x[:, 4:4], x[:, 4:-1], x[:, -1:]),
    },
    "tile": {
        "matrix": lambda x: np.tile(x, (3, 2)),
        "more counts": lambda x: np.tile(x, (2, 2)),
        "fewer counts": lambda x: np.tile(x, 2),
        "never": lambda x: np.tile(x, (0, 1)),
    },
    "repeat": {
        "rows": lambda x: np.repeat(x, 3, axis=0),
        "last": lambda x: np.repeat(x, 2, axis=-1),
        "by an extent": lambda x: np.repeat(x, x.shape[1], axis=0),
    },
    "broadcast_arrays": {"*": lambda x, y, z: tuple(np.broadcast_arrays(x, y, z))},
    "slice_ranges": {
        "block": lambda x: x[1:4, 2:99],
        "from the end": lambda x: x[-2:, -99:-1],
        "steps": lambda x: x[::2, 1::3],
        "backwards": lambda x: x[::-1, 4:0:-2],
        "backwards, clipped": lambda x: x[99:-99:-3, -2::-1],
        "nothing": lambda x: x[3:2, 2:4:-1],
        "symbolic bounds": lambda x: x[x.shape[1] - 1:x.shape[0] - x.shape[1]],
        "symbolic, from the end": lambda x: x[-x.shape[1]::-2],
        "symbolic step": lambda x: x[1::x.shape[1]],
    },
    "roll": {
        "right": lambda x: np.roll(x, 2, 1),
        "left, around": lambda x: np.roll(x, -8, -1),
        "two axes": lambda x: np.roll(x, (1, -1), (0, 1)),
        "symbolic": lambda x: np.roll(x, x.shape[0], 1),
    },
    "pad_modes": {
        "constant": pad((1, 0), (2, 1)),
        "constant of 7": pad((1, 2), (0, 1), constant_values=7),
        "edge": pad((1, 2), (0, 3), mode="edge"),
        "reflect": pad((2, 1), (0, 3), mode="reflect"),
        "reflect, wide": pad((5, 7), (4, 0), mode="reflect"),
        "symmetric": pad((3, 1), (0, 2), mode="symmetric"),
        "symmetric, wide": pad((8, 4), (0, 5), mode="symmetric"),
        "wrap": pad((3, 1), (0, 2), mode="wrap"),
        "wrap, wide": pad((7, 5), (1, 6), mode="wrap"),
        "integers": pad((1, 1), (1, 1), constant_values=255),
        "by extents": lambda x: np.pad(x, ((x.shape[0] - 1, x.shape[0]), (x.shape[0], 0)), mode="reflect"),
    },
    "diagonal": {
        "square": lambda x: np.diagonal(x),
        "right": lambda x: np.diagonal(x, 1),
        "down": lambda x: np.diagonal(x, -2),
        "beyond": lambda x: np.diagonal(x, 7),
        "outer axes, transposed": lambda x: np.diagonal(x, 1, -1, 0),
        "inner axes": lambda x: np.diagonal(x, -1, 1, 2),
    },
    "diag": {
        "of vector": lambda x: np.diag(x),
        "right": lambda x: np.diag(x, 2),
        "down": lambda x: np.diag(x, -1),
        "of matrix": lambda x: np.diag(x, 1),
    },
    "trace": {
        "matrix": lambda x: np.trace(x),
        "right, of three axes": lambda x: np.trace(x, 1, 0, -1),
        "integers": lambda x: np.trace(x, dtype=np.int64),
    },
    "tri": {"wide": lambda: np.tri(3, 5, 1, np.float32), "by extents": lambda x: x * np.tri(*x.shape, -1, x.dtype)},
    "tril": triangle(np.tril),
    "triu": triangle(np.triu),
    "arange": {
        "integers": lambda: np.arange(2, 11, 3, np.int32),
        "backwards": lambda: np.arange(5, -4, -2, np.float64),
        "none": lambda: np.arange(5, 5, 1),
        "floats": lambda: np.arange(-1.0, 2.0, 0.3).astype(np.float32),
        "by extents": lambda x: x + np.arange(x.shape[1], x.shape[1] + x.shape[0])[:, None].astype(x.dtype),
    },
    "linspace": {
        "numbers": lambda: np.linspace(-1.0, 2.0, 7).astype(np.float32),
        "one": lambda: np.linspace(3, 5, 1),
        "without the endpoint": lambda: np.linspace(0, 1, 4, endpoint=False),
        "of tensors": lambda x, y: np.linspace(np.float64(x), np.float64(y), 5).astype(x.dtype),
        "by an extent": lambda x: x * np.linspace(0.5, 2, x.shape[0]).astype(x.dtype),
    },
    "eye": {
        "square": lambda: np.eye(3),
        "right": lambda: np.eye(3, 5, 2, np.int32),
        "down, by extents": lambda x: x + np.eye(*x.shape, -1, x.dtype),
    },
    "meshgrid": {
        "xy": lambda x, y: tuple(np.meshgrid(x, y)),
        "ij": lambda x, y: tuple(np.meshgrid(x, y, indexing="ij")),
        "xy, three": lambda x, y, z: tuple(np.meshgrid(x, y, z)),
        "one": lambda x: tuple(np.meshgrid(x)),
    },
    "indices": {"matrix": lambda: tuple(np.indices((2, 3)))},
}
WITHOUT = {}
