"""Softmax, losses, normalisation, embedding, attention."""
import numpy as np
from scipy import special, stats


def labels_of(integers, classes):
    """What sample_labels of ops/nn makes of the integers of a sample, counted from 0."""
    return np.mod(integers, classes)


def picked(x, labels, axis=-1):
    return np.take_along_axis(x, np.expand_dims(labels, axis), axis).squeeze(axis)


def label_rows(log):
    """References of a loss against labels, where log gives the log-probabilities along an axis."""

    def smooth(loss, log_p, axis, amount):
        return (1 - amount) * loss - amount * log_p.mean(axis)

    def rows(x, i):
        return -picked(log(x, -1), labels_of(i, x.shape[-1]))

    def axis_and_smoothing(x, i):
        log_p = log(x, 1)
        return smooth(-picked(log_p, labels_of(i, 5), 1), log_p, 1, 0.1)

    def dense_axis_and_smoothing(x, t):
        log_p = log(x, 0)
        return smooth(-(t * log_p).sum(0), log_p, 0, 0.2)

    return {
        "rows": rows,
        "one row": rows,
        "axis and smoothing": axis_and_smoothing,
        "ignored": lambda x, i: np.zeros(i.shape),
        "probabilities": lambda x, t: -(t * log(x, -1)).sum(-1),
        "probabilities, axis and smoothing": dense_axis_and_smoothing,
    }


def multiclass_hinge(x, i, margin, axis):
    x = np.moveaxis(x, axis, -1)
    flat, label = x.reshape(-1, x.shape[-1]), labels_of(i, x.shape[-1]).ravel()
    rows = [max(0.0, margin + max(np.delete(row, k)) - row[k]) for row, k in zip(flat, label)]
    return np.array(rows).reshape(i.shape)


def huber(x, t, delta):
    return special.huber(delta, x - t)


def standardise(x, axes, epsilon=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def rms(x, axes, epsilon=1e-5):
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon)


def channels(p, x, axis=1):
    shape = [1] * x.ndim
    shape[axis] = p.size
    return p.reshape(shape)


def group_norm(x, groups, epsilon=1e-5):
    parts = [standardise(part.reshape(len(x), -1), 1, epsilon).reshape(part.shape)
             for part in np.split(x, groups, axis=1)]
    return np.concatenate(parts, axis=1)


def batch_norm(x, scale, shift, mean, variance, axis, epsilon, momentum):
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    y = standardise(rows, 0, epsilon) * scale + shift
    y = np.moveaxis(y.reshape(np.moveaxis(x, axis, -1).shape), -1, axis)
    return (y, rows.mean(0), rows.var(0), (1 - momentum) * mean + momentum * rows.mean(0),
            (1 - momentum) * variance + momentum * rows.var(0, ddof=1))


def cosine(a, b, axis):
    a, b = np.broadcast_arrays(a, b)
    return (a * b).sum(axis) / np.linalg.norm(a, axis=axis) / np.linalg.norm(b, axis=axis)


def attention(q, k, v, mask=None):
    scores = np.einsum("...qd,...kd->...qk", q, k) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e300)
    return np.einsum("...qk,...kd->...qd", special.softmax(scores, axis=-1), v)


SOFTMAX_AXES = {"last axis": -1, "first axis": 0, "middle axis": 1, "vector": 0, "one element": 1, "large values": 1,
                "no rows": 1, "no elements": 1}


def along_sample_axes(f):
    return {name: (lambda x, a=axis: f(x, axis=a) if x.size else x) for name, axis in SOFTMAX_AXES.items()}


REFERENCES = {
    "softmax": along_sample_axes(special.softmax),
    "log_softmax": along_sample_axes(special.log_softmax),
    "nll_loss": label_rows(lambda x, axis: x),
    "cross_entropy": label_rows(lambda x, axis: special.log_softmax(x, axis=axis)),
    "categorical_cross_entropy": label_rows(lambda x, axis: np.log(x)),
    "multiclass_hinge": {"rows": lambda x, i: multiclass_hinge(x, i, 1, -1),
                         "axis": lambda x, i: multiclass_hinge(x, i, 0.5, 1)},
    "binary_cross_entropy": {"*": lambda p, t: -special.xlogy(t, p) - special.xlog1py(1 - t, -p)},
    "binary_cross_entropy_with_logits": {
        "*": lambda x, t: -t * special.log_expit(x) - (1 - t) * special.log_expit(-x)},
    "hinge": {"*": lambda x, t: np.maximum(0, 0.7 - t * x)},
    "huber": {"*": lambda x, t: huber(x, t, 1.5)},
    "smooth_l1": {"*": lambda x, t: huber(x, t, 0.8) / 0.8},
    "mean_squared_error": {"all": lambda x, t: ((x - t)**2).mean(), "rows": lambda x, t: ((x - t)**2).mean(-1)},
    "mean_absolute_error": {"all": lambda x, t: np.abs(x - t).mean(), "rows": lambda x, t: np.abs(x - t).mean(-1)},
    "kl_divergence": {"rows": lambda p, q: special.rel_entr(p, q).sum(-1),
                      "columns, broadcast": lambda p, q: special.rel_entr(p, q).sum(0)},
    "cosine_similarity": {"rows": lambda a, b: cosine(a, b, -1), "columns, broadcast": lambda a, b: cosine(a, b, 0)},
    "l2_normalize": {"rows": lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True),
                     "two axes": lambda x: x / np.sqrt((x * x).sum((0, 2), keepdims=True))},
    "variance_about": {"rows": lambda x: x.var(1), "outer axes": lambda x: x.var((0, 2)), "all": lambda x: x.var()},
    "standardise": {"rows": lambda x: stats.zscore(x, axis=1) * np.sqrt(x.var(1, keepdims=True) /
                                                                       (x.var(1, keepdims=True) + 1e-5)),
                    "columns": lambda x: standardise(x, 0, 0.1),
                    "outer axes": lambda x: standardise(x, (0, 2), 0.1),
                    "far from 0": lambda x: standardise(x, 1, 0.1),
                    "one element": np.zeros_like},
    "layer_norm": {"rows": lambda x, s, b: standardise(x, -1) * s + b,
                   "two axes": lambda x, s, b: standardise(x, (1, 2), 0.1) * s + b,
                   "no parameters": lambda x: standardise(x, 0)},
    "rms_norm": {"rows": lambda x, s: rms(x, -1) * s,
                 "two axes": lambda x, s: rms(x, (1, 2), 0.1) * s,
                 "no scale": lambda x: rms(x, 0)},
    "group_norm": {"images": lambda x, s, b: group_norm(x, 2) * channels(s, x) + channels(b, x),
                   "one channel a group": lambda x: group_norm(x, 3, 0.1)},
    "instance_norm": {"images": lambda x, s, b: group_norm(x, 3) * channels(s, x) + channels(b, x)},
    "batch_norm": {"images": lambda *v: batch_norm(*v, 1, 1e-5, 0.1), "rows": lambda *v: batch_norm(*v, 1, 0.1, 0.5)},
    "batch_norm_inference": {
        "images": lambda x, s, b, m, v: (x - channels(m, x)) / np.sqrt(channels(v, x) + 1e-5) * channels(s, x) +
                                        channels(b, x)},
    "embedding": {"rows": lambda table, ids: table[ids % 5],
                  "padding": lambda table, ids: np.where((ids % 5 == 2)[..., None], 0, table[ids % 5]),
                  "outside": lambda table, ids: np.zeros(ids.shape)},
    "attention": {"*": attention},
}

WITHOUT = {"dropout": "random draws"}
