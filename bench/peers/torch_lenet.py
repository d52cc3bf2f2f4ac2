"""LeNet in PyTorch: eager or compiled, channels first or last."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from worker import PARAMETERS, Worker, read_safetensors, rotated


class TorchLenet(Worker):
    def __init__(self, variant, arrays, threads):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.name = "torch " + variant
        self.versions = {"torch": torch.__version__, "numpy": np.__version__}
        self.format = torch.channels_last if "channels-last" in variant else torch.contiguous_format
        self.values = {name: self.tensor(name, arrays[name]) for name in PARAMETERS}
        self.parameters = {name: v.clone(memory_format=torch.preserve_format).requires_grad_(True) for name, v in self.values.items()}
        images = torch.from_numpy(arrays["x"].reshape(-1, 1, 28, 28))
        self.x = images.contiguous(memory_format=self.format)
        self.y = torch.from_numpy(arrays["y"].astype(np.int64))
        self.loss = torch.compile(self.network) if "compile" in variant else self.network

    def tensor(self, name, value):
        if value.ndim != 4:
            return torch.from_numpy(value)
        return torch.from_numpy(rotated(value)).contiguous(memory_format=self.format)

    @staticmethod
    def network(p, x, y):
        h = torch.tanh(F.max_pool2d(F.conv2d(x, p["W1"]), 2) + p["b1"].view(1, -1, 1, 1))
        h = torch.tanh(F.max_pool2d(F.conv2d(h, p["W2"]), 2) + p["b2"].view(1, -1, 1, 1))
        h = torch.relu(torch.addmm(p["b3"], h.flatten(1), p["W3"]))
        return F.cross_entropy(torch.addmm(p["b4"], h, p["W4"]), y)

    def forward(self):
        with torch.inference_mode():
            return self.loss(self.parameters, self.x, self.y)

    def gradient(self):
        loss = self.loss(self.parameters, self.x, self.y)
        return loss, torch.autograd.grad(loss, [self.parameters[name] for name in PARAMETERS])

    def set_parameters(self):
        with torch.no_grad():
            for name in PARAMETERS:
                self.parameters[name].copy_(self.values[name])

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        out = {name: g.numpy() for name, g in zip(PARAMETERS, gradients)}
        return loss.detach().numpy(), {name: rotated(g) if g.ndim == 4 else g for name, g in out.items()}


variant, path, threads = sys.argv[1:]
arrays = read_safetensors(path)
TorchLenet(variant, arrays, int(threads)).serve(arrays)
