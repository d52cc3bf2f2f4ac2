"""LeNet in PyTorch: eager or compiled, channels first or last."""

import torch
import torch.nn.functional as F

from torch_worker import TorchWorker
from worker import rotated


class TorchLenet(TorchWorker):
    def inputs(self, batch):
        x, y = batch
        return [x.reshape(-1, 1, 28, 28), y]

    def laid_out(self, values):
        return {name: rotated(v) if v.ndim == 4 else v for name, v in values.items()}

    restored = laid_out

    @staticmethod
    def network(p, x, y):
        h = torch.tanh(F.max_pool2d(F.conv2d(x, p["W1"]), 2) + p["b1"].view(1, -1, 1, 1))
        h = torch.tanh(F.max_pool2d(F.conv2d(h, p["W2"]), 2) + p["b2"].view(1, -1, 1, 1))
        h = torch.relu(torch.addmm(p["b3"], h.flatten(1), p["W3"]))
        return F.cross_entropy(torch.addmm(p["b4"], h, p["W4"]), y)


TorchLenet.main()
