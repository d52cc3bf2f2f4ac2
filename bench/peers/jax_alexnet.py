"""AlexNet in JAX, compiled, with images in NCHW or NHWC order. VARIANT: nchw or nhwc, and "lrn" where it has the two layers.

Dropout is drawn in every call that is timed, and off (one half) where results are compared.
"""

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

from alexnet import NORMALISED, PADDING, POOLED, STRIDES, groups, joined, parted
from worker import Worker, distance, read_safetensors, trained


class JaxAlexNet(Worker):
    difference = staticmethod(distance)

    def __init__(self, variant, arrays):
        words = variant.split()
        self.name = "jax " + variant
        self.versions = {"jax": jax.__version__, "numpy": np.__version__}
        self.last = "nhwc" in words
        self.normalised = "lrn" in words
        self.parameter_names = trained(arrays)
        self.groups = groups(self.parameter_names)
        self.values = {name: self.laid_out(v, (2, 3, 1, 0)) for name, v in joined(arrays, self.parameter_names).items()}
        self.set_parameters()
        self.x = jnp.asarray(self.laid_out(arrays["x"], (0, 2, 3, 1)))
        self.y = jnp.asarray(arrays["y"].astype(np.int32))
        self.loss = jax.jit(self.network, static_argnames="dropout")
        self.value_and_gradient = jax.jit(jax.value_and_grad(self.network), static_argnames="dropout")
        self.calls, self.dropout = 0, True

    def laid_out(self, value, order):
        return np.ascontiguousarray(value.transpose(order)) if self.last and value.ndim == 4 else value

    def lrn(self, x):
        window = (1, 1, 1, 5) if self.last else (1, 5, 1, 1)
        sums = lax.reduce_window(x * x, 0.0, lax.add, window, (1, 1, 1, 1), "SAME")
        return x / (2 + 1e-4 * sums) ** 0.75

    def network(self, p, x, y, call, dropout):
        numbers = ("NHWC", "HWIO", "NHWC") if self.last else ("NCHW", "OIHW", "NCHW")
        window, strides = ((1, 3, 3, 1), (1, 2, 2, 1)) if self.last else ((1, 1, 3, 3), (1, 1, 2, 2))
        for layer in range(1, 6):
            stride, pad = STRIDES.get(layer, 1), PADDING[layer]
            x = lax.conv_general_dilated(x, p[f"W{layer}"], (stride, stride), [(pad, pad)] * 2, dimension_numbers=numbers,
                                         feature_group_count=self.groups[layer])
            x = jax.nn.relu(x + p[f"b{layer}"].reshape((1, 1, 1, -1) if self.last else (1, -1, 1, 1)))
            if layer in POOLED:
                x = lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")
            if layer in NORMALISED and self.normalised:
                x = self.lrn(x)
        if self.last:
            x = x.transpose(0, 3, 1, 2)  # the dense layer's weights are in channel-major order
        x = x.reshape(x.shape[0], -1)
        for layer in (6, 7):
            x = jax.nn.relu(x @ p[f"W{layer}"] + p[f"b{layer}"])
            if dropout:
                key = jax.random.fold_in(jax.random.key(layer), call)
                x = jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x, 0)
            else:
                x = 0.5 * x
        logits = jax.nn.log_softmax(x @ p["W8"] + p["b8"])
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))

    def call(self, function):
        self.calls += 1
        return jax.block_until_ready(function(self.parameters, self.x, self.y, self.calls, dropout=self.dropout))

    def forward(self):
        return self.call(self.loss)

    def gradient(self):
        return self.call(self.value_and_gradient)

    def set_parameters(self):
        self.parameters = jax.block_until_ready({name: jnp.array(v) for name, v in self.values.items()})

    def results(self):
        self.dropout = False
        loss, gradients = self.gradient()
        self.dropout = True
        whole = {}
        for name, gradient in gradients.items():
            g = np.asarray(gradient)
            whole[name] = g.transpose(3, 2, 0, 1) if self.last and g.ndim == 4 else g
        return np.asarray(loss), parted(whole, self.parameter_names)


arrays = read_safetensors(path)
JaxAlexNet(variant, arrays).serve(arrays)
