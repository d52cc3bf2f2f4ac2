"""The study's LSTM in PyTorch: the library's layer (nn.LSTM), or the cell written out, eager or compiled.

All sequences of the batch have one length, so that the mask is all ones.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from worker import Worker, read_safetensors

GATES = [0, 1, 3, 2]  # ours are i, f, o, g; nn.LSTM's are i, f, g, o


def blocks_exchanged(w):
    """Columns [.., 4 h] in the other order of gates; it is its own inverse."""
    h = w.shape[-1] // 4
    return np.concatenate([w[..., h * g:h * (g + 1)] for g in GATES], axis=-1)


class TorchLstm(Worker):
    parameter_names = ["Wemb", "W", "U", "b", "U2", "b2"]
    least = {"b": 1e-5, "b2": 1e-3}  # as many labels are 0 as are 1

    def __init__(self, variant, arrays, threads):
        torch.set_num_threads(threads)
        self.name = "torch " + variant
        self.versions = {"torch": torch.__version__, "numpy": np.__version__}
        self.library = variant == "nn.LSTM"
        self.values = {name: torch.from_numpy(self.laid_out(name, arrays[name])) for name in self.parameter_names}
        self.parameters = {name: v.clone().requires_grad_(True) for name, v in self.values.items()}
        self.ids = torch.from_numpy(arrays["ids"].astype(np.int64))
        self.labels = torch.from_numpy(arrays["labels"].astype(np.int64))
        self.hidden = arrays["U"].shape[0]
        self.no_bias = torch.zeros(4 * self.hidden)
        cell = torch.compile(self.cell_states) if "compile" in variant else self.cell_states
        self.states = self.library_states if self.library else cell

    def laid_out(self, name, value):
        if not self.library or name not in ("W", "U", "b"):
            return value
        return np.ascontiguousarray(blocks_exchanged(value).T)

    def library_states(self, p, e):
        zero = torch.zeros(1, e.shape[1], self.hidden)
        weights = [p["W"], p["U"], p["b"], self.no_bias]
        return torch._VF.lstm(e, (zero, zero), weights, True, 1, 0.0, False, False, False)[0]

    def cell_states(self, p, e):
        h = c = torch.zeros(e.shape[1], self.hidden)
        projected, states = e @ p["W"] + p["b"], []
        for row in projected.unbind(0):
            i, f, o, g = (row + h @ p["U"]).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        return torch.stack(states)

    def network(self, p):
        features = self.states(p, F.embedding(self.ids, p["Wemb"])).mean(0)
        probabilities = torch.softmax(0.5 * features @ p["U2"] + p["b2"], 1)
        return -torch.log(probabilities.gather(1, self.labels[:, None]) + 1e-8).mean()

    def forward(self):
        with torch.no_grad():
            return self.network(self.parameters)

    def gradient(self):
        loss = self.network(self.parameters)
        return loss, torch.autograd.grad(loss, [self.parameters[name] for name in self.parameter_names])

    def set_parameters(self):
        with torch.no_grad():
            for name in self.parameter_names:
                self.parameters[name].copy_(self.values[name])

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        out = {}
        for name, gradient in zip(self.parameter_names, gradients):
            g = gradient.numpy()
            out[name] = blocks_exchanged(g.T) if self.library and name in ("W", "U", "b") else g
        return loss.detach().numpy(), out


variant, path, threads = sys.argv[1:]
arrays = read_safetensors(path)
TorchLstm(variant, arrays, int(threads)).serve(arrays)
