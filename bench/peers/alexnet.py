"""What both peers' AlexNets share: a convolution in groups has one array of filters with them, and one for each with Bitale."""

import re

import numpy as np

POOLED, NORMALISED = (1, 2, 5), (1, 2)
STRIDES = {1: 4}
PADDING = {1: 3, 2: 2, 3: 1, 4: 1, 5: 1}


def groups(names):
    """The number of groups of each convolution."""
    count = {layer: 1 for layer in range(1, 6)}
    for name in names:
        if match := re.fullmatch(r"W(\d)_(\d)", name):
            count[int(match[1])] = int(match[2]) + 1
    return count


def joined(arrays, names):
    """{W1: ..., b1: ...}: the arrays of a layer's groups one behind the other."""
    parts = {}
    for name in names:
        parts.setdefault(name.partition("_")[0], []).append(arrays[name])
    return {name: np.concatenate(list_of) if len(list_of) > 1 else list_of[0] for name, list_of in parts.items()}


def parted(whole, names):
    """The inverse."""
    count = groups(names)
    out = {}
    for name in names:
        layer, _, group = name.partition("_")
        out[name] = np.split(whole[layer], count[int(layer[1])])[int(group)] if group else whole[layer]
    return out
