"""AlexNet in JAX, compiled, with images in NCHW or NHWC order. VARIANT: nchw or nhwc, and "lrn" where it has the two layers.

Dropout is drawn in every call that is timed, and off (one half) where results are compared.
"""

from jax_worker import JaxWorker, jax, jnp

import numpy as np
from jax import lax

from alexnet import NORMALISED, PADDING, POOLED, STRIDES, groups, joined, parted


class JaxAlexNet(JaxWorker):
    static = ("dropout",)

    def __init__(self, arguments, arrays):
        words = arguments.variant.split()
        self.last = "nhwc" in words
        self.normalised = "lrn" in words
        super().__init__(arguments, arrays)
        self.groups = groups(self.parameter_names)
        self.calls, self.dropout = 0, True

    def turned(self, value, order):
        return np.ascontiguousarray(value.transpose(order)) if self.last and value.ndim == 4 else value

    def inputs(self, batch):
        return [self.turned(value, (0, 2, 3, 1)) for value in batch]

    def laid_out(self, values):
        return {name: self.turned(v, (2, 3, 1, 0)) for name, v in joined(values, self.parameter_names).items()}

    def restored(self, gradients):
        return parted({name: self.turned(g, (3, 2, 0, 1)) for name, g in gradients.items()}, self.parameter_names)

    def errors(self, verb):
        self.dropout = False
        errors = super().errors(verb)
        self.dropout = True
        return errors

    def call(self, function, batch):
        self.calls += 1
        return super().call(function, [*batch, self.calls], dropout=self.dropout)

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


JaxAlexNet.main()
