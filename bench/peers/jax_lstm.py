"""The LSTM and its variants in JAX: lax.scan under jit."""

from jax_worker import JaxWorker, jax, jnp

from jax import lax

from lstm import LstmNetwork


class Functions:
    dot, log, sigmoid, tanh, softmax = jnp.matmul, jnp.log, jax.nn.sigmoid, jnp.tanh, jax.nn.softmax

    @staticmethod
    def take(table, ids):
        return table[ids]

    @staticmethod
    def pick(rows, columns):
        return jnp.take_along_axis(rows, columns[:, None], axis=1)

    @staticmethod
    def split(x, n):
        return jnp.split(x, n, axis=1)

    @staticmethod
    def norm(x, scale, shift):
        y = jax.nn.standardize(x, axis=-1, epsilon=1e-5) * scale
        return y if shift is None else y + shift

    @staticmethod
    def zeros(rows, columns):
        return jnp.zeros((rows, columns))

    @staticmethod
    def scan(step, rows, initial):
        def after(states, row):
            states = step(row, *states)
            return states, states[0]

        return lax.scan(after, initial, rows)[1]


class JaxLstm(LstmNetwork, JaxWorker):
    f = Functions


JaxLstm.main()
