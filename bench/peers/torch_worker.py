"""Networks in PyTorch, eager or compiled: the variant says which.

VARIANT: eager or compile; with max-autotune torch.compile times candidates of kernels and, on a GPU, records CUDA graphs, whose
parameters and batches are told to be where they are; channels-last.
"""

import numpy as np
import torch

from worker import Worker, no_gpu


class TorchWorker(Worker):
    versions = {"torch": torch.__version__, "numpy": np.__version__}

    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        self.device = torch.device(arguments.device)
        self.use_gpu()
        torch.set_num_threads(arguments.threads)
        torch.manual_seed(0)
        if self.float64:
            torch.set_default_dtype(torch.float64)
        self.format = torch.channels_last if "channels-last" in arguments.variant else torch.contiguous_format
        values = self.laid_out({name: arrays[name] for name in self.parameter_names})
        self.values = {name: self.tensor(v) for name, v in values.items()}
        self.parameters = {name: v.clone(memory_format=torch.preserve_format).requires_grad_(True) for name, v in self.values.items()}
        self.batches = [[self.tensor(v) for v in self.inputs(batch)] for batch in self.given()]
        self.loss = self.compiled() if "compile" in arguments.variant else self.network

    def use_gpu(self):
        """Nothing of the CPU's changes."""
        if not self.arguments.on_gpu():
            return
        if not torch.cuda.is_available():
            no_gpu(f"PyTorch {torch.__version__}", f"it is built for {'CUDA ' + torch.version.cuda if torch.version.cuda else 'the CPU alone'}")
        torch.cuda.set_device(self.device)
        torch.set_float32_matmul_precision("high" if self.arguments.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.arguments.tf32  # convolutions and recurrent layers, where TF32 is the default
        torch.backends.cudnn.benchmark = True
        self.versions = {**self.versions, "cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version()),
                         "gpu": torch.cuda.get_device_name(self.device)}

    def compiled(self):
        if "max-autotune" not in self.arguments.variant:
            return torch.compile(self.network)
        for tensor in self.parameters.values():
            torch._dynamo.mark_static_address(tensor)
        network = torch.compile(self.network, mode="max-autotune")

        def call(*arguments):
            torch.compiler.cudagraph_mark_step_begin()  # what the call before returned may be written over
            return network(*arguments)

        return call

    def tensor(self, value):
        t = torch.from_numpy(value.astype(np.int64) if value.dtype == np.int32 else value).to(self.device)
        if value.ndim == 4:
            t = t.contiguous(memory_format=self.format)
        if "max-autotune" in self.arguments.variant:
            torch._dynamo.mark_static_address(t)
        return t

    def wait(self):
        if self.arguments.on_gpu():
            torch.cuda.synchronize()

    def fetched(self, result):
        return result.detach().cpu().numpy()

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
