"""Networks in Theano 1.0.5, which runs in Python 3.7. Its settings are in THEANO_FLAGS, which bench/compare makes."""

import numpy as np
import theano
import theano.tensor as T

from worker import Worker


class TheanoWorker(Worker):
    versions = {"theano": theano.__version__, "numpy": np.__version__}

    def __init__(self, arguments, arrays):
        super().__init__(arguments, arrays)
        self.values = self.laid_out({name: arrays[name] for name in self.parameter_names})
        self.parameters = {name: theano.shared(value, name) for name, value in self.values.items()}
        self.batches = [self.inputs(batch) for batch in self.given()]
        self.symbols = [T.TensorType(v.dtype, [False] * v.ndim)() for v in self.batches[0]]
        self.loss = self.network(self.parameters, *self.symbols)
        self.functions = {}  # compiled when they are called first; differentiating is part of it

    def function(self, verb):
        if verb not in self.functions:
            gradients = T.grad(self.loss, list(self.parameters.values())) if verb == "gradient" else []
            self.functions[verb] = theano.function(self.symbols, [self.loss] + gradients)
        return self.functions[verb]

    def forward(self, batch):
        return self.function("forward")(*batch)[0]

    def gradient(self, batch):
        loss, *gradients = self.function("gradient")(*batch)
        return loss, dict(zip(self.parameters, gradients))

    def set_parameters(self):
        for name, value in self.values.items():
            self.parameters[name].set_value(value)
