"""AlexNet in PyTorch: eager or compiled, channels first or last. VARIANT: the words of torch_worker.py, and "lrn" where it has the two layers.

Dropout is drawn in every call that is timed, and off (one half) where results are compared.
"""

import torch
import torch.nn.functional as F

from alexnet import NORMALISED, PADDING, POOLED, STRIDES, groups, joined, parted
from torch_worker import TorchWorker


class TorchAlexNet(TorchWorker):
    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        self.normalised = "lrn" in arguments.variant.split()
        self.groups = groups(self.parameter_names)
        self.drop(True)

    def drop(self, on):
        self.batches = [[*batch[:2], on] for batch in self.batches]

    def laid_out(self, values):
        return joined(values, self.parameter_names)

    def restored(self, gradients):
        return parted(gradients, self.parameter_names)

    def errors(self, verb):
        self.drop(False)
        errors = super().errors(verb)
        self.drop(True)
        return errors

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


TorchAlexNet.main()
