"""What NumPy and SciPy say about the ops of linear algebra.

REFERENCES[op][sample] is a function of the sample's inputs, as arrays, in order; "*" serves the samples not named.
"""

import numpy as np
import scipy.linalg


def positive_definite(x):
    return x @ np.swapaxes(x, -1, -2) + 3 * np.eye(x.shape[-1], dtype=x.dtype)


def regular(x):
    return x + 4 * np.eye(x.shape[-1], dtype=x.dtype)


def full_rank(x):
    d = np.zeros(x.shape[-2:], x.dtype)
    k = min(d.shape)
    d[range(k), range(k)] = 4 * (np.arange(k) + 1)
    return x + d


def distinct(x):
    y = full_rank(x)
    return (y + np.swapaxes(y, -1, -2)) / 2


def over_batch(f, *arrays):
    """f of every matrix of a batch; one result, or a tuple of them."""
    batch = arrays[0].shape[:-2]
    results = [f(*(a[i] for a in arrays)) for i in np.ndindex(*batch)]
    if not isinstance(results[0], tuple):
        return np.reshape(np.stack(results), batch + results[0].shape)
    return tuple(np.reshape(np.stack(r), batch + r[0].shape) for r in zip(*results))


def sign_of_columns(v):
    """1 or -1 per column: the first component at least half as large as the largest becomes positive."""
    large = np.abs(v) >= np.max(np.abs(v), axis=-2, keepdims=True) / 2
    first = np.argmax(large, axis=-2)
    return np.sign(np.take_along_axis(v, first[..., None, :], -2))


def eigh(a):
    w, v = np.linalg.eigh(a)
    return w, v * sign_of_columns(v)


def svd(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    sign = sign_of_columns(u)
    return u * sign, s, vt * np.swapaxes(sign, -1, -2)


def svd_full(a):
    m, n = a.shape[-2:]
    k = min(m, n)
    batch = a.shape[:-2]
    return (
        np.linalg.svd(a, compute_uv=False),
        np.broadcast_to(np.eye(m), batch + (m, m)),
        np.broadcast_to(np.eye(n), batch + (n, n)),
        np.broadcast_to(np.eye(k, m), batch + (k, m)),
    )


def qr(a):
    q, r = np.linalg.qr(a)
    sign = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return q * sign[..., None, :], r * sign[..., :, None]


def lu(a):
    def one(m):
        p, lower, upper = scipy.linalg.lu(m)
        return lower, upper, np.argmax(p, axis=0)

    return over_batch(one, a)


def solve(a, b):
    if b.ndim == 1:
        return np.linalg.solve(a, b[:, None])[..., 0]
    return np.linalg.solve(a, b)


def triangular(**options):
    def f(x, b):
        a = regular(x)
        vector = b.ndim == 1
        b = b[:, None] if vector else b
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = np.broadcast_to(a, batch + a.shape[-2:])
        b = np.broadcast_to(b, batch + b.shape[-2:])
        y = over_batch(lambda m, r: scipy.linalg.solve_triangular(m, r, **options), a, b)
        return y[..., 0] if vector else y

    return f


def lstsq(x, b):
    a = full_rank(x)
    if b.ndim == 1:
        return np.linalg.lstsq(a, b, rcond=None)[0]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    return over_batch(lambda m, r: np.linalg.lstsq(m, r, rcond=None)[0], a, b)


def moved_row(x):
    """The determinant samples' matrix of negative determinant: the first row comes last."""
    return np.roll(regular(x), -1, axis=0)


def einsum(subscripts):
    return lambda *operands: np.einsum(subscripts, *operands)


EINSUM = [
    "ij,jk", "ij,jk->ki", "ii->i", "ii", "iji->j", "ij->", "ba", "i,j->ij", "ij,ij->i", "ij,ij->ij", "ij,kl->ik",
    "...ij,...jk->...ik", "...i,...i", "bi,bij,bj->b", "ab,bc,cd,de->ae", "iij,jkk->ik",
]  # fmt: skip

REFERENCES = {
    "dot": {
        "matrices": np.dot,
        "matrix and vector": np.dot,
        "vectors": np.dot,
        "more axes": np.dot,
        "scalar": np.dot,
        "square": lambda x: x @ x,
        "batch": lambda a, b: np.einsum("bik,kbj->bij", a, b),
        "two sums out of order": lambda a, b: np.tensordot(a, b, ([0, 2], [2, 0])),
        "outer": lambda a, b: np.multiply.outer(a, b),
    },
    "matmul": {"*": np.matmul},
    "tensordot": {
        "two axes": np.tensordot,
        "no axes": lambda a, b: np.tensordot(a, b, 0),
        "pairs": lambda a, b: np.tensordot(a, b, ([0, -1], [2, 1])),
    },
    "einsum": {s: einsum(s) for s in EINSUM},
    "inner": {"*": np.inner},
    "outer": {"*": np.outer},
    "vdot": {"*": np.vdot},
    "kron": {"*": np.kron},
    "cross": {"*": np.cross},
    "multi_dot": {"*": lambda *m: np.linalg.multi_dot(m)},
    "matrix_norm": {
        name: lambda x, order=order, keep="kept" in name: np.linalg.norm(full_rank(x), order, (-2, -1), keep)
        for name, order in (("frobenius", "fro"), ("nuclear", "nuc"), ("1", 1), ("-1", -1), ("2", 2), ("-2", -2),
                            ("inf, kept", np.inf), ("-inf", -np.inf))
    },
    "matrix_power": {
        "3": lambda x: np.linalg.matrix_power(x, 3),
        "6": lambda x: np.linalg.matrix_power(x, 6),
        "1": lambda x: np.linalg.matrix_power(x, 1),
        "0": lambda x: np.linalg.matrix_power(x, 0),
        "-2": lambda x: np.linalg.matrix_power(regular(x), -2),
    },
    "triangular_solve": {
        "upper": triangular(lower=False),
        "lower transposed": triangular(lower=True, trans=1),
        "upper transposed": triangular(lower=False, trans=1),
        "unit diagonal": triangular(lower=True, unit_diagonal=True),
        "unit diagonal, upper": triangular(lower=False, unit_diagonal=True),
        "unit diagonal, upper transposed": triangular(lower=False, unit_diagonal=True, trans=1),
        "*": triangular(lower=True),
    },
    "solve": {
        "rows that change places": lambda x, b: solve(regular(x)[::-1], b),
        "transposed": lambda x, b: solve(regular(x[:, ::-1]).T, b),
        "*": lambda x, b: solve(regular(x), b),
    },
    "solve_positive_definite": {"*": lambda x, b: solve(positive_definite(x), b)},
    "lstsq": {"*": lstsq},
    "inverse": {
        "rows that change places": lambda x: np.linalg.inv(regular(x)[::-1]),
        "*": lambda x: np.linalg.inv(regular(x)),
    },
    "pinv": {
        "cut off": lambda x: np.linalg.pinv(full_rank(x), rcond=0.5),
        "*": lambda x: np.linalg.pinv(full_rank(x)),
    },
    "det": {
        "negative": lambda x: np.linalg.det(moved_row(x)),
        "any": np.linalg.det,
        "*": lambda x: np.linalg.det(regular(x)),
    },
    "slogdet": {
        "negative": lambda x: tuple(np.linalg.slogdet(moved_row(x))),
        "any": lambda x: tuple(np.linalg.slogdet(x)),
        "*": lambda x: tuple(np.linalg.slogdet(regular(x))),
    },
    "cholesky": {"*": lambda x: np.linalg.cholesky(positive_definite(x))},
    "lu_factors": {
        "rows that change places": lu,
        "*": lambda x: lu(regular(x)),
    },
    "qr": {"*": lambda x: qr(full_rank(x))},
    "eigh": {
        "negative": lambda x: eigh(-distinct(x)),
        "*": lambda x: eigh(distinct(x)),
    },
    "eigvalsh": {
        "negative": lambda x: np.linalg.eigvalsh(-distinct(x)),
        "*": lambda x: np.linalg.eigvalsh(distinct(x)),
    },
    "svd": {
        "full, high": lambda x: svd_full(full_rank(x)),
        "full, wide": lambda x: svd_full(full_rank(x)),
        "*": lambda x: svd(full_rank(x)),
    },
    "expm": {
        "rotation": lambda x: scipy.linalg.expm(x - x.T),
        "*": scipy.linalg.expm,
    },
}

WITHOUT = {}
