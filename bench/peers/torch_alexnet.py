"""AlexNet in PyTorch: eager or compiled, channels first or last. VARIANT: those words, and "lrn" where it has the two layers.

Dropout is drawn in every call that is timed, and off (one half) where results are compared.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from alexnet import NORMALISED, PADDING, POOLED, STRIDES, groups, joined, parted
from worker import Worker, distance, read_safetensors, trained


class TorchAlexNet(Worker):
    difference = staticmethod(distance)

    def __init__(self, variant, arrays, threads):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        words = variant.split()
        self.name = "torch " + variant
        self.versions = {"torch": torch.__version__, "numpy": np.__version__}
        self.format = torch.channels_last if "channels-last" in words else torch.contiguous_format
        self.normalised = "lrn" in words
        self.parameter_names = trained(arrays)
        self.groups = groups(self.parameter_names)
        self.values = {name: self.tensor(v) for name, v in joined(arrays, self.parameter_names).items()}
        self.parameters = {name: v.clone(memory_format=torch.preserve_format).requires_grad_(True) for name, v in self.values.items()}
        self.x = self.tensor(arrays["x"])
        self.y = torch.from_numpy(arrays["y"].astype(np.int64))
        self.loss = torch.compile(self.network) if "compile" in words else self.network
        self.dropout = True

    def tensor(self, value):
        t = torch.from_numpy(value)
        return t.contiguous(memory_format=self.format) if value.ndim == 4 else t

    def network(self, p, x, y, dropout):
        for layer in range(1, 6):
            x = F.conv2d(x, p[f"W{layer}"], p[f"b{layer}"], STRIDES.get(layer, 1), PADDING[layer], 1, self.groups[layer])
            x = torch.relu(x)
            if layer in POOLED:
                x = F.max_pool2d(x, 3, 2)
            if layer in NORMALISED and self.normalised:
                x = F.local_response_norm(x, 5, 5e-4, 0.75, 2)  # which divides alpha by the size
        x = x.flatten(1)
        for layer in (6, 7):
            x = torch.relu(torch.addmm(p[f"b{layer}"], x, p[f"W{layer}"]))
            x = x * torch.empty_like(x).bernoulli_(0.5) if dropout else 0.5 * x
        return F.cross_entropy(torch.addmm(p["b8"], x, p["W8"]), y)

    def forward(self):
        with torch.no_grad():
            return self.loss(self.parameters, self.x, self.y, self.dropout)

    def gradient(self):
        loss = self.loss(self.parameters, self.x, self.y, self.dropout)
        return loss, torch.autograd.grad(loss, list(self.parameters.values()))

    def set_parameters(self):
        with torch.no_grad():
            for name, value in self.values.items():
                self.parameters[name].copy_(value)

    def results(self):
        self.dropout = False
        loss, gradients = self.gradient()
        self.dropout = True
        whole = {name: g.numpy() for name, g in zip(self.parameters, gradients)}
        return loss.detach().numpy(), parted(whole, self.parameter_names)


variant, path, threads = sys.argv[1:]
arrays = read_safetensors(path)
TorchAlexNet(variant, arrays, int(threads)).serve(arrays)
