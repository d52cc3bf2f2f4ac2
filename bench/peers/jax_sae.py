"""A step of the stacked autoencoder in JAX, compiled. The exchange file's gradients say which step it is."""

from jax_worker import JaxWorker, jax, jnp

from sae import fixed, trained_layer


class JaxSae(JaxWorker):
    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        self.layer = trained_layer(self.parameter_names)
        others = {name: jnp.array(arrays[name]) for name in fixed(arrays, self.parameter_names)}
        self.batches = [[others, *batch] for batch in self.batches]

    @staticmethod
    def encoded(p, x, layers):
        for i in range(1, layers + 1):
            x = jax.nn.sigmoid(x @ p[f"W{i}"] + p[f"b{i}"])
        return x

    def network(self, p, fixed, x, y=None):
        i = self.layer
        if not i:
            hidden = self.encoded(p, x, len(p) // 2 - 1)
            logits = jax.nn.log_softmax(hidden @ p["V"] + p["v"])
            return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))
        below = self.encoded(fixed, x, i - 1)
        hidden = jax.nn.sigmoid(below @ p[f"W{i}"] + p[f"b{i}"])
        z = jax.nn.sigmoid(hidden @ p[f"W{i}"].T + p[f"c{i}"])
        return jnp.mean(jnp.sum(jnp.square(below - z), axis=1))


JaxSae.main()
