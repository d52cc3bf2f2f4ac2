"""Reference values of convolution and pooling: PyTorch's, or NumPy's windows where PyTorch lacks the option."""
import numpy
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view


def tensor(array, requires_grad=False):
    return torch.tensor(array, dtype=torch.float64, requires_grad=requires_grad)


# ---- convolution ----
# Per sample: the image's extents, the taps, strides, dilations, padding as (before, after) per axis, groups, flip. The
# rules of padding are spelled out: `same` from TensorFlow's formula, `full` and `causal` from the windows' reach.
def conv_case(image, taps, stride=None, dilation=None, padding=None, groups=1, flip=False):
    axes = len(image)
    stride, dilation = stride or [1] * axes, dilation or [1] * axes
    reach = [(k - 1) * d + 1 for k, d in zip(taps, dilation)]
    if padding == "same":
        outs = [-(-n // s) for n, s in zip(image, stride)]
        whole = [max((o - 1) * s + r - n, 0) for o, s, r, n in zip(outs, stride, reach, image)]
        padding = [(w // 2, w - w // 2) for w in whole]
    elif padding == "full":
        padding = [(r - 1, r - 1) for r in reach]
    elif padding == "causal":
        padding = [(r - 1, 0) for r in reach]
    return {"image": image, "taps": taps, "stride": stride, "dilation": dilation,
            "padding": padding or [(0, 0)] * axes, "groups": groups, "flip": flip}


CONV = {
    "plain": conv_case([11, 12], [4, 6]),
    "pointwise": conv_case([3, 5], [1, 1]),
    "stride": conv_case([7, 8], [3, 2], stride=[2, 3]),
    "stride beyond the window": conv_case([7, 7], [2, 1], stride=[3, 2]),
    "stride that tiles": conv_case([6, 4], [3, 2], stride=[3, 2]),
    "dilation": conv_case([8, 7], [3, 2], dilation=[2, 3]),
    "groups": conv_case([4, 5], [2, 3], groups=2),
    "depthwise": conv_case([4, 4], [3, 3], padding=[(1, 1), (1, 1)], groups=3),
    "everything": conv_case([9, 8], [3, 2], [2, 1], [2, 3], [(1, 0), (2, 1)], 2, True),
    "same": conv_case([5, 6], [4, 3], padding="same"),
    "same with strides": conv_case([8, 7], [3, 2], [2, 3], [2, 1], "same"),
    "full": conv_case([3, 4], [2, 3], padding="full", flip=True),
    "1d": conv_case([9], [4], [2], padding=[(2, 1)]),
    "1d causal": conv_case([7], [3], dilation=[2], padding="causal"),
    "3d": conv_case([4, 3, 5], [2, 2, 3]),
    "3d everything": conv_case([5, 4, 6], [2, 3, 2], [2, 1, 3], [1, 1, 2], [(1, 0), (2, 1), (0, 1)], 2, True),
}


def torch_conv(case, x, w):
    axes = len(case["taps"])
    if case["flip"]:
        w = torch.flip(w, list(range(2, 2 + axes)))
    x = F.pad(x, [p for pair in reversed(case["padding"]) for p in pair])
    conv = [F.conv1d, F.conv2d, F.conv3d][axes - 1]
    return conv(x, w, stride=case["stride"], dilation=case["dilation"], groups=case["groups"])


def conv(case):
    return lambda x, w: torch_conv(case, tensor(x), tensor(w)).numpy()


def backward_data(case):
    def f(w, dy):
        w = tensor(w)
        x = torch.zeros([dy.shape[0], w.shape[1] * case["groups"], *case["image"]], dtype=w.dtype, requires_grad=True)
        return torch.autograd.grad(torch_conv(case, x, w), x, tensor(dy))[0].numpy()
    return f


def backward_filters(case):
    def f(x, dy):
        x = tensor(x)
        w = torch.zeros([dy.shape[1], x.shape[1] // case["groups"], *case["taps"]], dtype=x.dtype, requires_grad=True)
        return torch.autograd.grad(torch_conv(case, x, w), w, tensor(dy))[0].numpy()
    return f


# PyTorch pads both sides alike: the whole is taken, and cropped.
def transposed(stride=1, dilation=1, groups=1, output_padding=0, crop=None):
    def f(x, w):
        axes = x.ndim - 2
        transpose = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][axes - 1]
        y = transpose(tensor(x), tensor(w), stride=stride, dilation=dilation, groups=groups,
                      output_padding=output_padding).numpy()
        for axis, (before, after) in enumerate(crop or [(0, 0)] * axes):
            y = numpy.take(y, range(before, y.shape[2 + axis] - after), axis=2 + axis)
        return y
    return f


def transposed_same(x, w):
    case = conv_case([6, 12], [3, 2], stride=[2, 3], padding="same", flip=True)
    return backward_data(case)(w, x)


# The algorithms compute the same; im2col and cudnn are for two spatial axes.
def one_side():
    forms = {"conv": conv, "conv_backward_data": backward_data, "conv_backward_filters": backward_filters}
    return {f"{op}, {name}": form(case) for op, form in forms.items() for name, case in CONV.items()
            if len(case["taps"]) == 2}


# ---- spectra: [s0, s1 / 2 + 1, groups, real and imaginary, rows] of planes [groups, rows, ...] ----
def fft2(s0, s1):
    def f(x):
        y = numpy.moveaxis(numpy.fft.rfft2(x, (s0, s1)), (2, 3), (0, 1))
        return numpy.stack([y.real, y.imag], 3)
    return f


def ifft2(s1, h, w):
    def f(x):
        y = numpy.moveaxis(x[:, :, :, 0] + 1j * x[:, :, :, 1], (0, 1), (2, 3))
        s0 = y.shape[2]
        y = numpy.fft.ifft(y, axis=2)
        y[..., [0, -1]] = y[..., [0, -1]].real
        return numpy.fft.irfft(y, s1)[:, :, :h, :w] * (s0 * s1)
    return f


# ---- pooling ----
def pool_case(window, stride=None, padding=None, ceil=False, count=False):
    return {"window": window, "stride": stride or window, "padding": padding or [(0, 0)] * len(window), "ceil": ceil,
            "count": count}


def same_padding(extents, window, stride):
    whole = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(extents, window, stride)]
    return [(w // 2, w - w // 2) for w in whole]


POOL = {
    "tiles": pool_case([2, 3]),
    "tiles with a border": pool_case([2, 3]),
    "overlap": pool_case([3, 3], [2, 1]),
    "gaps": pool_case([2, 1], [3, 2]),
    "padding": pool_case([3, 2], [2, 2], [(1, 2), (0, 1)]),
    "ceil": pool_case([3, 3], [2, 2], ceil=True),
    "window of the padded image": pool_case([3, 3], [1, 1], [(1, 1), (0, 1)]),
    "same": pool_case([3, 2], [2, 3], same_padding([5, 8], [3, 2], [2, 3])),
    "1d": pool_case([3], [2], [(1, 0)]),
    "1d tiles": pool_case([2]),
    "3d": pool_case([2, 2, 3], [1, 2, 2], [(0, 0), (1, 1), (1, 1)]),
    "3d tiles": pool_case([1, 2, 3]),
}
COUNTED = {
    "padding counts": pool_case([3, 2], [2, 2], [(1, 2), (0, 1)], count=True),
    "ceil with padding": pool_case([3, 3], [2, 3], [(1, 1), (1, 0)], True, True),
}
IMAGES = {"tiles": [4, 6], "tiles with a border": [5, 7], "overlap": [6, 7], "gaps": [8, 7], "padding": [5, 4],
          "padding counts": [5, 4], "ceil": [6, 7], "ceil with padding": [6, 5], "window of the padded image": [1, 2],
          "same": [5, 8], "1d": [7], "1d tiles": [6], "3d": [3, 4, 5], "3d tiles": [3, 4, 6]}


def windows(x, case, outside, padding=None):
    """[..., positions..., window elements] of x in its padding; `outside` stands beyond it."""
    axes = len(case["window"])
    positions, pads, more = [], [(0, 0)] * (x.ndim - axes), [(0, 0)] * (x.ndim - axes)
    for n, k, s, (before, after) in zip(x.shape[x.ndim - axes:], case["window"], case["stride"], case["padding"]):
        room = n + before + after - k
        count = -(-room // s) + 1 if case["ceil"] else room // s + 1
        if case["ceil"] and (count - 1) * s >= n + before:
            count -= 1
        positions.append(count)
        pads.append((before, after))
        more.append((0, max((count - 1) * s + k - (n + before + after), 0)))
    x = numpy.pad(x, pads, constant_values=outside if padding is None else padding)
    x = numpy.pad(x, more, constant_values=outside)
    view = sliding_window_view(x, case["window"], axis=tuple(range(x.ndim - axes, x.ndim)))
    lead = x.ndim - axes
    for axis, (count, s) in enumerate(zip(positions, case["stride"])):
        view = numpy.take(view, [i * s for i in range(count)], axis=lead + axis)
    return view.reshape(*view.shape[:x.ndim], -1)


def symmetric(case):
    return all(b == a and b <= k // 2 for (b, a), k in zip(case["padding"], case["window"]))


def max_pool(case):
    def f(x):
        if not symmetric(case):
            return windows(x, case, -numpy.inf).max(-1)
        pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(case["window"]) - 1]
        return pool(tensor(x), case["window"], case["stride"], [b for b, _ in case["padding"]],
                    ceil_mode=case["ceil"]).numpy()
    return f


def average_pool(case):
    def f(x):
        if not symmetric(case):
            ones = windows(numpy.ones_like(x), case, 0, 1 if case["count"] else 0)
            return windows(x, case, 0).sum(-1) / ones.sum(-1)
        pool = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][len(case["window"]) - 1]
        return pool(tensor(x), case["window"], case["stride"], [b for b, _ in case["padding"]],
                    ceil_mode=case["ceil"], count_include_pad=case["count"]).numpy()
    return f


def index_of(x, case):
    return windows(x, case, -numpy.inf).argmax(-1)


def max_pool_index(case):
    return lambda x: index_of(x, case).astype(numpy.int32)


def max_pool_gather(case):
    return lambda x, t: numpy.take_along_axis(windows(t, case, 0), index_of(x, case)[..., None], -1)[..., 0]


def scatter(shape, case, values):
    """Adds values [..., positions..., window elements] up where the windows lie."""
    number = numpy.prod(shape)
    places = windows(numpy.arange(number).reshape(shape), case, number)
    total = numpy.zeros(number + 1)
    numpy.add.at(total, places, values)
    return total[:-1].reshape(shape)


def max_pool_backward(case):
    def f(x, dy):
        chosen = index_of(x, case)[..., None] == numpy.arange(numpy.prod(case["window"]))
        return scatter(x.shape, case, chosen * dy[..., None])
    return f


def average_pool_backward(name, case):
    def f(dy):
        shape = dy.shape[:2] + tuple(IMAGES[name])
        ones = windows(numpy.ones(shape), case, 0, 1 if case["count"] else 0)
        return scatter(shape, case, numpy.broadcast_to((dy / ones.sum(-1))[..., None], ones.shape))
    return f


def all_maxima(x, case):
    w = windows(x, case, -numpy.inf)
    return w == w.max(-1, keepdims=True)


def max_pool_all_sum(case):
    return lambda x, t: (windows(t, case, 0) * all_maxima(numpy.trunc(x), case)).sum(-1)


def max_pool_all_backward(case):
    return lambda x, dy: scatter(x.shape, case, all_maxima(numpy.trunc(x), case) * dy[..., None])


def each(make, cases):
    return {name: make(case) for name, case in cases.items()}


# ---- columns ----
UNFOLD = {
    "2d": conv_case([4, 5], [2, 3]),
    "2d everything": conv_case([6, 5], [3, 2], [2, 1], [1, 2], [(1, 0), (2, 1)]),
    "1d": conv_case([7], [3], [2], padding="same"),
    "3d": conv_case([3, 4, 3], [2, 3, 1]),
}


# As a convolution with filters that pick one element each: PyTorch's own unfold has two axes only.
def torch_unfold(case, x):
    n, c = x.shape[:2]
    count = int(numpy.prod(case["taps"]))
    pick = torch.eye(count, dtype=x.dtype).reshape(count, 1, *case["taps"])
    return torch_conv(case, x.reshape(n * c, 1, *case["image"]), pick).reshape(n, c * count, -1)


def unfold(case):
    return lambda x: torch_unfold(case, tensor(x)).numpy()


def fold(case):
    def f(columns):
        c = columns.shape[1] // int(numpy.prod(case["taps"]))
        x = torch.zeros([columns.shape[0], c, *case["image"]], dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(torch_unfold(case, x), x, tensor(columns))[0].numpy()
    return f


# ---- neighbourhoods ----
def window_sum(axes, before, after):
    def f(x):
        for axis in axes:
            x = sum(numpy.take(numpy.pad(x, [(before, after) if a == axis else (0, 0) for a in range(x.ndim)]),
                               range(i, i + x.shape[axis]), axis=axis) for i in range(before + 1 + after))
        return x
    return f


# PyTorch divides alpha by the size.
def lrn(size, alpha, beta, k):
    def f(x):
        y = F.local_response_norm(tensor(x.reshape(x.shape + (1,))), size, alpha, beta, k)
        return y.numpy().reshape(x.shape)
    return f


def lrn_within(x):
    mean = F.avg_pool2d(tensor(x) ** 2, 3, 1, 1, count_include_pad=True)
    return (tensor(x) / (1 + 2 * mean) ** 0.75).numpy()


REFERENCES = {
    "conv": each(conv, CONV),
    "conv_backward_data": each(backward_data, CONV),
    "conv_backward_filters": each(backward_filters, CONV),
    "conv_direct": each(conv, CONV),
    "conv_im2col": one_side(),
    "conv_cudnn": one_side(),
    "fft2": {"whole": fft2(4, 6), "padded": fft2(5, 8), "a row": fft2(1, 4)},
    "ifft2": {"whole": ifft2(6, 4, 6), "cropped": ifft2(8, 3, 5), "a row": ifft2(4, 1, 3)},
    "conv_transpose": {
        "1d": transposed(stride=2, output_padding=1, crop=[(1, 1)]),
        "2d": transposed(),
        "2d everything": transposed((2, 3), (2, 1), 2, (1, 2), [(1, 2), (0, 1)]),
        "2d same": transposed_same,
        "3d": transposed((2, 1, 2), crop=[(0, 0), (1, 1), (1, 1)]),
    },
    "max_pool": each(max_pool, POOL),
    "max_pool_index": each(max_pool_index, POOL),
    "max_pool_gather": each(max_pool_gather, POOL),
    "max_pool_backward": each(max_pool_backward, POOL),
    "max_pool_all": each(max_pool, POOL),
    "max_pool_all_sum": each(max_pool_all_sum, POOL),
    "max_pool_all_backward": each(max_pool_all_backward, POOL),
    "average_pool": each(average_pool, {**POOL, **COUNTED}),
    "average_pool_backward": {name: average_pool_backward(name, case) for name, case in {**POOL, **COUNTED}.items()},
    "global_max_pool": {"*": lambda x: x.max(tuple(range(2, x.ndim)), keepdims=True)},
    "global_average_pool": {"*": lambda x: x.mean(tuple(range(2, x.ndim)), keepdims=True)},
    "unfold": each(unfold, UNFOLD),
    "fold": each(fold, UNFOLD),
    "window_sum": {
        "channels": window_sum([1], 2, 2),
        "last axis, uneven": window_sum([1], 2, 1),
        "wider than the axis": window_sum([0], 3, 4),
        "two axes": window_sum([1, 2], 1, 1),
        "an element alone": lambda x: x,
    },
    "times_power": {f"to the {text}": (lambda x, base, e=float(text): x * base ** e)
                    for text in ["-0.25", "-0.50", "-0.75", "-1.00", "-1.75", "-1.30", "2.00"]},
    "lrn": {
        "as in AlexNet": lrn(5, 0.3 * 5, 0.75, 2),
        "as in Caffe": lrn(3, 2, 0.75, 1),
        "even window": lrn(4, 0.5 * 4, 0.25, 1),
        "half": lrn(3, 3, 0.5, 1),
        "whole": lrn(3, 3, 1, 0.5),
        "any power": lrn(5, 0.7 * 5, 1.3, 1.5),
        "within channels": lrn_within,
    },
}
WITHOUT = {}
