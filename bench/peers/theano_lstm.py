"""The LSTM and its variants in Theano: theano.scan, compiled once for sequences of any length."""

import numpy as np
import theano
import theano.tensor as T

from lstm import LstmNetwork
from theano_worker import TheanoWorker


class Functions:
    dot, log, sigmoid, tanh, softmax = T.dot, T.log, T.nnet.sigmoid, T.tanh, T.nnet.softmax

    @staticmethod
    def take(table, ids):
        return table[ids]

    @staticmethod
    def pick(rows, columns):
        return rows[T.arange(columns.shape[0]), columns]

    @staticmethod
    def split(x, n):
        width = x.shape[1] // n
        return [x[:, i * width:(i + 1) * width] for i in range(n)]

    @staticmethod
    def norm(x, scale, shift):
        centred = x - x.mean(-1, keepdims=True)
        y = centred / T.sqrt(T.sqr(centred).mean(-1, keepdims=True) + np.float32(1e-5)) * scale
        return y if shift is None else y + shift

    @staticmethod
    def zeros(rows, columns):
        return T.alloc(np.float32(0), rows, columns)

    @staticmethod
    def scan(step, rows, initial):
        states, _ = theano.scan(lambda *a: list(step(*a)), sequences=rows, outputs_info=list(initial))
        return states[0] if len(initial) > 1 else states


class TheanoLstm(LstmNetwork, TheanoWorker):
    f = Functions


TheanoLstm.main()
