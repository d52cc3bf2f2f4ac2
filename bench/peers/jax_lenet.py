"""LeNet in JAX, compiled, with images in NCHW or NHWC order."""

from jax_worker import JaxWorker, jax, jnp

import numpy as np
from jax import lax

from worker import rotated


class JaxLenet(JaxWorker):
    def __init__(self, arguments, arrays):
        self.last = arguments.variant == "nhwc"
        super().__init__(arguments, arrays)

    def inputs(self, batch):
        x, y = batch
        return [x.reshape((-1, 28, 28, 1) if self.last else (-1, 1, 28, 28)), y]

    def laid_out(self, values):
        order = (2, 3, 1, 0) if self.last else (0, 1, 2, 3)  # HWIO or OIHW
        return {name: np.ascontiguousarray(rotated(v).transpose(order)) if v.ndim == 4 else v for name, v in values.items()}

    def restored(self, gradients):
        order = (3, 2, 0, 1) if self.last else (0, 1, 2, 3)
        return {name: rotated(g.transpose(order)) if g.ndim == 4 else g for name, g in gradients.items()}

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


JaxLenet.main()
