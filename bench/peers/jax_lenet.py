"""LeNet in JAX, compiled, with images in NCHW or NHWC order."""

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

from worker import PARAMETERS, Worker, read_safetensors, rotated


class JaxLenet(Worker):
    def __init__(self, order, arrays):
        self.name = "jax " + order
        self.versions = {"jax": jax.__version__, "numpy": np.__version__}
        self.last = order == "nhwc"
        self.values = {name: self.laid_out(name, arrays[name]) for name in PARAMETERS}
        self.set_parameters()
        batch = arrays["x"].shape[0]
        self.x = jnp.asarray(arrays["x"].reshape((batch, 28, 28, 1) if self.last else (batch, 1, 28, 28)))
        self.y = jnp.asarray(arrays["y"])
        self.loss = jax.jit(self.network)
        self.value_and_gradient = jax.jit(jax.value_and_grad(self.network))

    def laid_out(self, name, value):
        if value.ndim != 4:
            return value
        filters = rotated(value)
        return np.ascontiguousarray(filters.transpose(2, 3, 1, 0)) if self.last else filters  # HWIO

    def network(self, p, x, y):
        def stage(x, w, b):
            numbers = ("NHWC", "HWIO", "NHWC") if self.last else ("NCHW", "OIHW", "NCHW")
            window = (1, 2, 2, 1) if self.last else (1, 1, 2, 2)
            x = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=numbers)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
            return jnp.tanh(x + b.reshape((1, 1, 1, -1) if self.last else (1, -1, 1, 1)))

        h = stage(stage(x, p["W1"], p["b1"]), p["W2"], p["b2"])
        if self.last:
            h = h.transpose(0, 3, 1, 2)  # the dense layer's weights are in channel-major order
        h = jax.nn.relu(h.reshape(h.shape[0], -1) @ p["W3"] + p["b3"])
        logits = jax.nn.log_softmax(h @ p["W4"] + p["b4"])
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))

    def forward(self):
        return jax.block_until_ready(self.loss(self.parameters, self.x, self.y))

    def gradient(self):
        return jax.block_until_ready(self.value_and_gradient(self.parameters, self.x, self.y))

    def set_parameters(self):
        self.parameters = jax.block_until_ready({name: jnp.array(v) for name, v in self.values.items()})

    def results(self):
        self.forward()
        loss, gradients = self.gradient()
        out = {}
        for name in PARAMETERS:
            g = np.asarray(gradients[name])
            if g.ndim == 4:
                g = rotated(g.transpose(3, 2, 0, 1) if self.last else g)
            out[name] = g
        return np.asarray(loss), out


arrays = read_safetensors(path)
JaxLenet(variant, arrays).serve(arrays)
