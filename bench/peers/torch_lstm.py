"""The LSTM and its variants in PyTorch: the library's layers (nn.LSTM, nn.GRU), or the cell written out, eager or compiled."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from lstm import LstmNetwork
from torch_worker import TorchWorker

GATES = [0, 1, 3, 2]  # ours are i, f, o, g; nn.LSTM's are i, f, g, o


class Functions:
    dot, log, sigmoid, tanh = torch.matmul, torch.log, torch.sigmoid, torch.tanh
    device = torch.device("cpu")

    @classmethod
    def zeros(cls, *shape):
        return torch.zeros(*shape, device=cls.device)

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

    def __init__(self, arguments, arrays):
        Functions.device = torch.device(arguments.device)
        super().__init__(arguments, arrays)


class LibraryLstm(LstmNetwork, TorchWorker):
    """On a GPU the parameters are those of the library's module, which lie one behind the other as cuDNN wants them: they
    would be copied in every call. Its second bias is a parameter as a whole there, of which Bitale's GRU has the last third.
    """

    f = Functions

    def __init__(self, arguments, arrays):
        words = arguments.variant.split()
        self.gru = words[0] == "nn.GRU"
        self.in_module = arguments.on_gpu() or "module" in words
        Functions.device = torch.device(arguments.device)
        super().__init__(arguments, arrays)
        if self.in_module:
            self.use_module()

    def use_module(self):
        layers = self.layers({name: name for name in self.parameters})
        hidden, inputs = self.parameters[layers[0]["U"]].shape[1], self.parameters[layers[0]["W"]].shape[1]
        module = (torch.nn.GRU if self.gru else torch.nn.LSTM)(inputs, hidden, len(layers), device=self.device)
        with torch.no_grad():
            for weight in module._flat_weights:
                weight.zero_()
        for layer, (w, u, b, second_b) in zip(layers, zip(*[iter(module._flat_weights)] * 4)):
            for name, parameter in {"W": w, "U": u, "b": b, "reset_b": second_b}.items():
                if name in layer:
                    self.parameters[layer[name]] = parameter
                else:
                    parameter.requires_grad_(False)
        self.module = module
        self.set_parameters()

    def exchanged(self, name, value):
        """The gates in the other order; it is its own inverse."""
        if self.gru or name not in ("W", "U", "b"):
            return value
        return np.concatenate([np.split(value, 4, -1)[gate] for gate in GATES], -1)

    @staticmethod
    def transposed(name, value):
        return np.ascontiguousarray(value.T) if name[-1] in "WU" else value

    def laid_out(self, values):
        values = {name: self.transposed(name, self.exchanged(name, v)) for name, v in values.items()}
        return {name: self.padded(name, v) for name, v in values.items()}

    def padded(self, name, value):
        return np.concatenate([np.zeros(2 * len(value), value.dtype), value]) if self.in_module and name.endswith("reset_b") else value

    def restored(self, gradients):
        gradients = {name: g[len(g) // 3 * 2:] if self.in_module and name.endswith("reset_b") else g for name, g in gradients.items()}
        return {name: self.exchanged(name, self.transposed(name, g)) for name, g in gradients.items()}

    def states(self, p, x):
        layers = self.layers(p)
        hidden = layers[0]["U"].shape[1]
        weights = self.module._flat_weights if self.in_module else self.weights(layers, hidden)
        zero = Functions.zeros(len(layers), x.shape[1], hidden)
        call, initial = (torch._VF.gru, zero) if self.gru else (torch._VF.lstm, (zero, zero))
        return call(x, initial, weights, True, len(layers), 0.0, torch.is_grad_enabled(), False, False)[0]

    def weights(self, layers, hidden):
        weights = []
        for layer in layers:
            weights += [layer["W"], layer["U"], layer["b"]]
            weights.append(torch.cat([torch.zeros(2 * hidden), layer["reset_b"]]) if self.gru else torch.zeros(4 * hidden))
        return weights


(LibraryLstm if sys.argv[1].startswith("nn.") else TorchLstm).main()
