"""A step of the stacked autoencoder in PyTorch: eager or compiled. The exchange file's gradients say which step it is."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from worker import Worker, distance, read_safetensors, trained


class TorchSae(Worker):
    difference = staticmethod(distance)

    def __init__(self, variant, arrays, threads):
        torch.set_num_threads(threads)
        self.name = "torch " + variant
        self.versions = {"torch": torch.__version__, "numpy": np.__version__}
        self.parameter_names = trained(arrays)
        self.layer = next((int(name[1:]) for name in self.parameter_names if name[0] == "c"), 0)  # 0: all, and the classifier
        others = [name for name in arrays if name[0] in "WbVv" and name not in self.parameter_names]
        self.fixed = {name: torch.from_numpy(arrays[name]) for name in others}
        self.values = {name: torch.from_numpy(arrays[name]) for name in self.parameter_names}
        self.parameters = {name: v.clone().requires_grad_(True) for name, v in self.values.items()}
        self.x = torch.from_numpy(arrays["x"])
        self.y = torch.from_numpy(arrays["y"].astype(np.int64)) if "y" in arrays else None
        network = self.autoencoder if self.layer else self.classifier
        self.loss = torch.compile(network) if "compile" in variant else network

    @staticmethod
    def encoded(p, x, layers):
        for i in range(1, layers + 1):
            x = torch.sigmoid(torch.addmm(p[f"b{i}"], x, p[f"W{i}"]))
        return x

    def autoencoder(self, p):
        i = self.layer
        below = self.encoded(self.fixed, self.x, i - 1)
        hidden = torch.sigmoid(torch.addmm(p[f"b{i}"], below, p[f"W{i}"]))
        z = torch.sigmoid(torch.addmm(p[f"c{i}"], hidden, p[f"W{i}"].T))
        return (below - z).square().sum(1).mean()

    def classifier(self, p):
        hidden = self.encoded(p, self.x, len(p) // 2 - 1)
        return F.cross_entropy(torch.addmm(p["v"], hidden, p["V"]), self.y)

    def forward(self):
        with torch.no_grad():
            return self.loss(self.parameters)

    def gradient(self):
        loss = self.loss(self.parameters)
        return loss, torch.autograd.grad(loss, list(self.parameters.values()))

    def set_parameters(self):
        with torch.no_grad():
            for name, value in self.values.items():
                self.parameters[name].copy_(value)

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        return loss.detach().numpy(), {name: g.numpy() for name, g in zip(self.parameters, gradients)}


variant, path, threads = sys.argv[1:]
arrays = read_safetensors(path)
TorchSae(variant, arrays, int(threads)).serve(arrays)
