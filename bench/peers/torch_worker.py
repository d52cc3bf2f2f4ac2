"""Networks in PyTorch, eager or compiled: the variant says which."""

import numpy as np
import torch

from worker import Worker


class TorchWorker(Worker):
    versions = {"torch": torch.__version__, "numpy": np.__version__}

    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        torch.set_num_threads(arguments.threads)
        torch.manual_seed(0)
        if self.float64:
            torch.set_default_dtype(torch.float64)
        self.format = torch.channels_last if "channels-last" in arguments.variant else torch.contiguous_format
        values = self.laid_out({name: arrays[name] for name in self.parameter_names})
        self.values = {name: self.tensor(v) for name, v in values.items()}
        self.parameters = {name: v.clone(memory_format=torch.preserve_format).requires_grad_(True) for name, v in self.values.items()}
        self.batches = [[self.tensor(v) for v in self.inputs(batch)] for batch in self.given()]
        self.loss = torch.compile(self.network) if "compile" in arguments.variant else self.network

    def tensor(self, value):
        t = torch.from_numpy(value.astype(np.int64) if value.dtype == np.int32 else value)
        return t.contiguous(memory_format=self.format) if value.ndim == 4 else t

    def forward(self, batch):
        with torch.inference_mode():
            return self.loss(self.parameters, *batch)

    def gradient(self, batch):
        loss = self.loss(self.parameters, *batch)
        gradients = torch.autograd.grad(loss, list(self.parameters.values()))
        return loss.detach(), dict(zip(self.parameters, gradients))

    def set_parameters(self):
        with torch.no_grad():
            for name, value in self.values.items():
                self.parameters[name].copy_(value)
