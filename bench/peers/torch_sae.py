"""A step of the stacked autoencoder in PyTorch: eager or compiled. The exchange file's gradients say which step it is."""

import torch
import torch.nn.functional as F

from sae import fixed, trained_layer
from torch_worker import TorchWorker


class TorchSae(TorchWorker):
    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        self.layer = trained_layer(self.parameter_names)
        self.fixed = {name: self.tensor(arrays[name]) for name in fixed(arrays, self.parameter_names)}

    @staticmethod
    def encoded(p, x, layers):
        for i in range(1, layers + 1):
            x = torch.sigmoid(torch.addmm(p[f"b{i}"], x, p[f"W{i}"]))
        return x

    def network(self, p, x, y=None):
        i = self.layer
        if not i:
            hidden = self.encoded(p, x, len(p) // 2 - 1)
            return F.cross_entropy(torch.addmm(p["v"], hidden, p["V"]), y)
        below = self.encoded(self.fixed, x, i - 1)
        hidden = torch.sigmoid(torch.addmm(p[f"b{i}"], below, p[f"W{i}"]))
        z = torch.sigmoid(torch.addmm(p[f"c{i}"], hidden, p[f"W{i}"].T))
        return (below - z).square().sum(1).mean()


TorchSae.main()
