"""The study's LSTM and its variants, once for all frameworks: `f` has a framework's functions.

    take(table, ids), dot(x, y), softmax(x), pick(rows, columns), log(x), sigmoid(x), tanh(x)
    split(x, n)                   n parts of equal width, of columns
    norm(x, scale, shift)         layer normalisation of rows; without shift if that is None
    zeros(rows, columns)
    scan(step, rows, initial)     the first of the states that step(row, *states) makes, after every row

With an epoch's batches there is a mask: the end of a sequence may be padded. States are computed for padding, too, and
change no others; the mean leaves them out.
"""


def lstm(f, p, row, h, c):
    return gates(f, row + f.dot(h, p["U"]), c)


def gates(f, a, c, seen=lambda c: c):
    i, f_, o, g = f.split(a, 4)
    c = f.sigmoid(f_) * c + f.sigmoid(i) * f.tanh(g)
    return f.sigmoid(o) * f.tanh(seen(c)), c


def normalised_lstm(f, p, row, h, c):
    a = row + f.norm(f.dot(h, p["U"]), p["scale_h"], None)
    return gates(f, a, c, lambda c: f.norm(c, p["scale_c"], p["shift_c"]))


def gru(f, p, row, h):
    in_r, in_z, in_n = f.split(row, 3)
    back_r, back_z, back_n = f.split(f.dot(h, p["U"]), 3)
    r, z = f.sigmoid(in_r + back_r), f.sigmoid(in_z + back_z)
    n = f.tanh(in_n + r * (back_n + p["reset_b"]))
    return ((1 - z) * n + z * h,)


class LstmNetwork:
    """Mixed into a framework's worker, which sets f."""

    f = None

    def __init__(self, arguments, arrays):
        self.data = ["ids", "labels"] if "ids" in arrays else ["ids", "labels", "mask"]
        super().__init__(arguments, arrays)

    def layers(self, p):
        """The parameters of each layer, without its prefix."""
        prefixes = ["layer1_", "layer2_"] if "layer1_W" in p else [""]
        return [{name[len(prefix):]: v for name, v in p.items() if name.startswith(prefix)} for prefix in prefixes]

    def layer(self, p, x):
        """The states after every row of x."""
        f = self.f
        cell, states = (gru, 1) if "reset_b" in p else (normalised_lstm, 2) if "scale_h" in p else (lstm, 2)
        projected = f.dot(x, p["W"])
        projected = f.norm(projected, p["scale_x"], p["b"]) if "scale_x" in p else projected + p["b"]
        zeros = f.zeros(x.shape[1], p["U"].shape[0])
        return f.scan(lambda row, *before: cell(f, p, row, *before), projected, (zeros,) * states)

    def states(self, p, x):
        for layer in self.layers(p):
            x = self.layer(layer, x)
        return x

    def network(self, p, ids, labels, mask=None):
        f = self.f
        states = self.states(p, f.take(p["Wemb"], ids))
        features = states.mean(0) if mask is None else (states * mask[:, :, None]).sum(0) / mask.sum(0)[:, None]
        probabilities = f.softmax(f.dot(0.5 * features, p["U2"]) + p["b2"])
        return -f.log(f.pick(probabilities, labels) + 1e-8).mean()
