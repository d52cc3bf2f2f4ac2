"""The LSTM and its variants in PyTorch: the library's layers (nn.LSTM, nn.GRU), or the cell written out, eager or compiled."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from lstm import LstmNetwork
from torch_worker import TorchWorker

GATES = [0, 1, 3, 2]  # ours are i, f, o, g; nn.LSTM's are i, f, g, o


class Functions:
    dot, log, sigmoid, tanh, zeros = torch.matmul, torch.log, torch.sigmoid, torch.tanh, torch.zeros

    @staticmethod
    def take(table, ids):
        return F.embedding(ids, table)

    @staticmethod
    def softmax(x):
        return torch.softmax(x, 1)

    @staticmethod
    def pick(rows, columns):
        return rows.gather(1, columns[:, None])

    @staticmethod
    def split(x, n):
        return x.chunk(n, 1)

    @staticmethod
    def norm(x, scale, shift):
        return F.layer_norm(x, x.shape[-1:], scale, shift, 1e-5)

    @staticmethod
    def scan(step, rows, initial):
        after, states = initial, []
        for row in rows.unbind(0):
            after = step(row, *after)
            states.append(after[0])
        return torch.stack(states)


class TorchLstm(LstmNetwork, TorchWorker):
    """The cell, one step after another; torch.compile sees all of them."""

    f = Functions


class LibraryLstm(LstmNetwork, TorchWorker):
    f = Functions

    def __init__(self, arguments, arrays):
        self.gru = arguments.variant == "nn.GRU"
        super().__init__(arguments, arrays)

    def exchanged(self, name, value):
        """The gates in the other order; it is its own inverse."""
        if self.gru or name not in ("W", "U", "b"):
            return value
        return np.concatenate([np.split(value, 4, -1)[gate] for gate in GATES], -1)

    @staticmethod
    def transposed(name, value):
        return np.ascontiguousarray(value.T) if name[-1] in "WU" else value

    def laid_out(self, values):
        return {name: self.transposed(name, self.exchanged(name, v)) for name, v in values.items()}

    def restored(self, gradients):
        return {name: self.exchanged(name, self.transposed(name, g)) for name, g in gradients.items()}

    def states(self, p, x):
        layers, weights = self.layers(p), []
        hidden = layers[0]["U"].shape[1]
        for layer in layers:
            weights += [layer["W"], layer["U"], layer["b"]]
            weights.append(torch.cat([torch.zeros(2 * hidden), layer["reset_b"]]) if self.gru else torch.zeros(4 * hidden))
        zero = torch.zeros(len(layers), x.shape[1], hidden)
        call, initial = (torch._VF.gru, zero) if self.gru else (torch._VF.lstm, (zero, zero))
        return call(x, initial, weights, True, len(layers), 0.0, False, False, False)[0]


(LibraryLstm if sys.argv[1].startswith("nn.") else TorchLstm).main()
