"""LeNet in Theano, which convolves as Bitale does."""

import theano.tensor as T
from theano.tensor.signal.pool import pool_2d

from theano_worker import TheanoWorker


class TheanoLenet(TheanoWorker):
    def inputs(self, batch):
        x, y = batch
        return [x.reshape(-1, 1, 28, 28), y]

    @staticmethod
    def network(p, x, y):
        def stage(x, w, b):
            pooled = pool_2d(T.nnet.conv2d(x, w, filter_shape=w.get_value().shape), (2, 2), ignore_border=True)
            return T.tanh(pooled + b.dimshuffle("x", 0, "x", "x"))

        h = stage(stage(x, p["W1"], p["b1"]), p["W2"], p["b2"])
        h = T.nnet.relu(T.dot(h.flatten(2), p["W3"]) + p["b3"])
        return T.nnet.categorical_crossentropy(T.nnet.softmax(T.dot(h, p["W4"]) + p["b4"]), y).mean()


TheanoLenet.main()
