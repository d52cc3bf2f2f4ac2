"""Networks in JAX, under jit."""

import os

from worker import Worker, arguments, no_gpu

given = arguments()
os.environ["JAX_PLATFORMS"] = "cuda" if given.on_gpu() else "cpu"  # read when JAX is imported, as are the next
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # other programs need memory of the GPU, too
if given.threads == 1 and not given.on_gpu():
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

if given.on_gpu():
    try:
        jax.config.update("jax_default_device", jax.devices("cuda")[given.gpu()])
    except (RuntimeError, IndexError, AssertionError) as error:  # the last where it is built for the CPU alone
        no_gpu(f"JAX {jax.__version__}", (str(error) or "its platform 'cuda' does not start").splitlines()[0])
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if given.tf32 else "highest")


class JaxWorker(Worker):
    versions = {"jax": jax.__version__, "numpy": np.__version__}
    static = ()  # words of network() that are compiled for

    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        jax.config.update("jax_enable_x64", self.float64)
        self.values = self.laid_out({name: arrays[name] for name in self.parameter_names})
        self.set_parameters()
        self.batches = [[jnp.asarray(v) for v in self.inputs(batch)] for batch in self.given()]
        self.loss = jax.jit(self.network, static_argnames=self.static)
        self.value_and_gradient = jax.jit(jax.value_and_grad(self.network), static_argnames=self.static)

    def call(self, function, batch, **words):
        return jax.block_until_ready(function(self.parameters, *batch, **words))

    def forward(self, batch):
        return self.call(self.loss, batch)

    def gradient(self, batch):
        return self.call(self.value_and_gradient, batch)

    def set_parameters(self):
        self.parameters = jax.block_until_ready({name: jnp.array(v) for name, v in self.values.items()})
