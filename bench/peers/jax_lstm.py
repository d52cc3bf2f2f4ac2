"""The study's LSTM in JAX: lax.scan under jit. All sequences of the batch have one length: the mask is all ones."""

import os
import sys

variant, path, threads = sys.argv[1:]
os.environ["JAX_PLATFORMS"] = "cpu"
if int(threads) == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from worker import Worker, read_safetensors


class JaxLstm(Worker):
    parameter_names = ["Wemb", "W", "U", "b", "U2", "b2"]
    least = {"b": 1e-5, "b2": 1e-3}  # as many labels are 0 as are 1

    def __init__(self, variant, arrays):
        self.name = "jax " + variant
        self.versions = {"jax": jax.__version__, "numpy": np.__version__}
        self.values = {name: arrays[name] for name in self.parameter_names}
        self.set_parameters()
        self.ids, self.labels = jnp.asarray(arrays["ids"]), jnp.asarray(arrays["labels"])
        self.loss = jax.jit(self.network)
        self.value_and_gradient = jax.jit(jax.value_and_grad(self.network))

    def network(self, p, ids, labels):
        def step(state, row):
            h, c = state
            i, f, o, g = jnp.split(row + h @ p["U"], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        projected = p["Wemb"][ids] @ p["W"] + p["b"]
        zero = jnp.zeros((ids.shape[1], p["U"].shape[0]), jnp.float32)
        _, states = lax.scan(step, (zero, zero), projected)
        probabilities = jax.nn.softmax(0.5 * states.mean(0) @ p["U2"] + p["b2"])
        return -jnp.mean(jnp.log(jnp.take_along_axis(probabilities, labels[:, None], axis=1) + 1e-8))

    def forward(self):
        return jax.block_until_ready(self.loss(self.parameters, self.ids, self.labels))

    def gradient(self):
        return jax.block_until_ready(self.value_and_gradient(self.parameters, self.ids, self.labels))

    def set_parameters(self):
        self.parameters = jax.block_until_ready({name: jnp.array(v) for name, v in self.values.items()})

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        return np.asarray(loss), {name: np.asarray(gradients[name]) for name in self.parameter_names}


arrays = read_safetensors(path)
JaxLstm(variant, arrays).serve(arrays)
