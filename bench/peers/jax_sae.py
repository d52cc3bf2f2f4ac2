"""A step of the stacked autoencoder in JAX, compiled. The exchange file's gradients say which step it is."""

import os
import sys

variant, path, threads = sys.argv[1:]
os.environ["JAX_PLATFORMS"] = "cpu"
if int(threads) == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

from worker import Worker, distance, read_safetensors, trained


class JaxSae(Worker):
    difference = staticmethod(distance)

    def __init__(self, arrays):
        self.name = "jax"
        self.versions = {"jax": jax.__version__, "numpy": np.__version__}
        self.parameter_names = trained(arrays)
        self.layer = next((int(name[1:]) for name in self.parameter_names if name[0] == "c"), 0)  # 0: all, and the classifier
        others = [name for name in arrays if name[0] in "WbVv" and name not in self.parameter_names]
        self.fixed = {name: jnp.array(arrays[name]) for name in others}
        self.values = {name: arrays[name] for name in self.parameter_names}
        self.set_parameters()
        self.data = [jnp.asarray(arrays[name]) for name in ("x", "y") if name in arrays]
        network = self.autoencoder if self.layer else self.classifier
        self.loss = jax.jit(network)
        self.value_and_gradient = jax.jit(jax.value_and_grad(network))

    @staticmethod
    def encoded(p, x, layers):
        for i in range(1, layers + 1):
            x = jax.nn.sigmoid(x @ p[f"W{i}"] + p[f"b{i}"])
        return x

    def autoencoder(self, p, fixed, x):
        i = self.layer
        below = self.encoded(fixed, x, i - 1)
        hidden = jax.nn.sigmoid(below @ p[f"W{i}"] + p[f"b{i}"])
        z = jax.nn.sigmoid(hidden @ p[f"W{i}"].T + p[f"c{i}"])
        return jnp.mean(jnp.sum(jnp.square(below - z), axis=1))

    def classifier(self, p, _, x, y):
        hidden = self.encoded(p, x, len(p) // 2 - 1)
        logits = jax.nn.log_softmax(hidden @ p["V"] + p["v"])
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))

    def forward(self):
        return jax.block_until_ready(self.loss(self.parameters, self.fixed, *self.data))

    def gradient(self):
        return jax.block_until_ready(self.value_and_gradient(self.parameters, self.fixed, *self.data))

    def set_parameters(self):
        self.parameters = jax.block_until_ready({name: jnp.array(v) for name, v in self.values.items()})

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        return np.asarray(loss), {name: np.asarray(g) for name, g in gradients.items()}


arrays = read_safetensors(path)
JaxSae(arrays).serve(arrays)
