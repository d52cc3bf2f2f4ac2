"""Elementwise ops and the elementwise primitives, by NumPy and SciPy; activations by their defining formulas in float64."""
import numpy
import scipy.special


def wide(f):
    """f in float64, rounded to the type of the operands once (integers: to float32)."""
    def g(*x):
        dtype = numpy.result_type(*x)
        if dtype.kind != "f":
            dtype = numpy.float32
        with numpy.errstate(all="ignore"):
            return numpy.asarray(f(*(v.astype(numpy.float64) for v in x)), dtype=dtype)

    return g


def every(f):
    return {"*": f}


def normal_distribution(x):
    return scipy.special.ndtr(x)


def division(f):
    """Integers divided by 0 give 0."""
    def g(a, b):
        with numpy.errstate(all="ignore"):
            return numpy.asarray(f(a, b), dtype=numpy.result_type(a, b))

    return {"*": g, "negative divisor": lambda x: g(x, numpy.asarray(-3, dtype=x.dtype))}


def selu(x):
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * (numpy.maximum(x, 0) + alpha * (numpy.exp(numpy.minimum(x, 0)) - 1))


def by_quotients(f):
    """The samples of predicates: of quotients of whole numbers, and of numbers."""
    def g(x, y=None):
        with numpy.errstate(all="ignore"):
            return f(x if y is None else x.astype(numpy.float64) / y.astype(numpy.float64))

    return g


def shifted(f):
    """Python's shifts of unbounded integers, cut to the type; amounts outside [0, bits) shift everything out."""
    def g(a, n=None):
        n = numpy.asarray(3, dtype=a.dtype) if n is None else n
        bits = 8 * a.dtype.itemsize

        def one(v, k):
            v, k = int(v), int(k)
            return f(v, k if 0 <= k < bits else bits)

        a, n = numpy.broadcast_arrays(a, n)
        values = [one(v, k) % 2**bits for v, k in zip(a.ravel(), n.ravel())]
        unsigned = numpy.array(values, dtype=f"u{a.dtype.itemsize}").reshape(a.shape)
        return unsigned.view(a.dtype)

    return g


def bits(f):
    return {"*": f, "by a number": lambda a: f(a, numpy.asarray(3, dtype=a.dtype))}


def polygamma(n):
    def positive(x):
        return scipy.special.polygamma(n, x)

    def negative(x):  # up by the recurrence, three steps, from where SciPy knows it
        total = positive(x + 3)
        for k in range(3):
            total -= (-1.0) ** n * scipy.special.factorial(n) / (x + k) ** (n + 1)
        return total

    return wide(positive), wide(negative)


def itself(f):
    """Comparisons have a sample of a tensor with itself."""
    return {"*": f, "itself": lambda x: f(x, x)}


def cast(dtype):
    """From floats cut and saturated; from integers wrapped."""
    def f(x):
        if numpy.dtype(dtype).kind in "iu" and x.dtype.kind == "f":
            limits = numpy.iinfo(dtype)
            x = numpy.clip(numpy.trunc(x), limits.min, limits.max)
        return x.astype(dtype)

    return f


REFERENCES = {
    "add": every(numpy.add),
    "sub": every(numpy.subtract),
    "mul": {"*": numpy.multiply, "square": numpy.square},
    "div": every(numpy.divide),
    "neg": every(numpy.negative),
    "abs": every(numpy.abs),
    "strong_mul": every(lambda x, y: numpy.where(x == 0, 0, x * y)),
    "minimum": every(numpy.minimum),
    "maximum": every(numpy.maximum),
    "less": itself(numpy.less),
    "less_equal": itself(numpy.less_equal),
    "equal": itself(numpy.equal),
    "not_equal": itself(numpy.not_equal),
    "logical_and": every(numpy.logical_and),
    "logical_or": every(numpy.logical_or),
    "logical_not": every(numpy.logical_not),
    "where": {"*": numpy.where, "with a number": lambda c, x: numpy.where(c, x, numpy.asarray(1, dtype=x.dtype))},
    "cast": {f"to {name}": cast(name) for name in ("float32", "float64", "int32", "bool", "uint8")},
    "stop_gradient": every(lambda x: x),
    "exp": every(wide(numpy.exp)),
    "exp2": every(wide(numpy.exp2)),
    "expm1": every(wide(numpy.expm1)),
    "log": every(wide(numpy.log)),
    "log2": every(wide(numpy.log2)),
    "log10": every(wide(numpy.log10)),
    "log1p": every(wide(numpy.log1p)),
    "sqrt": every(wide(numpy.sqrt)),
    "pow": {"*": wide(numpy.power), "square": wide(numpy.square), "zeroth power": numpy.ones_like},
    "square": every(numpy.square),
    "cube": every(lambda x: x**3),
    "reciprocal": every(lambda x: 1 / x),
    "rsqrt": every(wide(lambda x: x**-0.5)),
    "hypot": every(wide(numpy.hypot)),
    "logaddexp": every(wide(numpy.logaddexp)),
    "log1mexp": every(wide(lambda x: numpy.log(1 - numpy.exp(x)))),
    "xlogy": every(wide(scipy.special.xlogy)),
    "sin": every(wide(numpy.sin)),
    "cos": every(wide(numpy.cos)),
    "tan": every(wide(numpy.tan)),
    "asin": every(wide(numpy.arcsin)),
    "acos": every(wide(numpy.arccos)),
    "atan": every(wide(numpy.arctan)),
    "atan2": every(wide(numpy.arctan2)),
    "deg2rad": every(wide(numpy.deg2rad)),
    "rad2deg": every(wide(numpy.rad2deg)),
    "sinh": every(wide(numpy.sinh)),
    "cosh": every(wide(numpy.cosh)),
    "tanh": every(wide(numpy.tanh)),
    "asinh": every(wide(numpy.arcsinh)),
    "acosh": every(wide(numpy.arccosh)),
    "atanh": every(wide(numpy.arctanh)),
    "erf": every(wide(scipy.special.erf)),
    "erfc": every(wide(scipy.special.erfc)),
    "erfinv": every(wide(scipy.special.erfinv)),
    "lgamma": every(wide(scipy.special.gammaln)),
    "digamma": every(wide(scipy.special.digamma)),
    "polygamma": {name: f for n in (1, 2, 5)
                  for name, f in zip((f"order {n}", f"order {n}, negative"), polygamma(n))},
    "sigmoid": every(wide(scipy.special.expit)),
    "softplus": every(wide(lambda x: numpy.logaddexp(x, 0))),
    "relu": every(lambda x: numpy.maximum(x, 0)),
    "leaky_relu": every(wide(lambda x: numpy.maximum(x, 0) + 0.2 * numpy.minimum(x, 0))),
    "elu": every(wide(lambda x: numpy.maximum(x, 0) + 1.5 * (numpy.exp(numpy.minimum(x, 0)) - 1))),
    "selu": every(wide(selu)),
    "gelu": every(wide(lambda x: x * normal_distribution(x))),
    "gelu_tanh": every(wide(lambda x: x / 2 * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3))))),
    "silu": every(wide(lambda x: x / (1 + numpy.exp(-x)))),
    "mish": every(wide(lambda x: x * numpy.tanh(numpy.log(1 + numpy.exp(x))))),
    "hard_sigmoid": every(wide(lambda x: numpy.clip((x + 3) / 6, 0, 1))),
    "softsign": every(wide(lambda x: x / (1 + numpy.abs(x)))),
    "log_sigmoid": every(wide(scipy.special.log_expit)),
    "sign": every(numpy.sign),
    "trunc": every(numpy.trunc),
    "floor": every(numpy.floor),
    "ceil": every(numpy.ceil),
    "round": every(numpy.rint),
    "floordiv": division(numpy.floor_divide),
    "mod": division(numpy.mod),
    "isnan": every(by_quotients(numpy.isnan)),
    "isinf": every(by_quotients(numpy.isinf)),
    "isfinite": every(by_quotients(numpy.isfinite)),
    "nan_to_num": {
        "*": by_quotients(numpy.nan_to_num),
        "of quotients, by others": by_quotients(lambda x: numpy.nan_to_num(x, nan=7, posinf=8, neginf=9)),
        "of numbers, by others": by_quotients(lambda x: numpy.nan_to_num(x, nan=7, posinf=8, neginf=9)),
    },
    "greater": every(numpy.greater),
    "greater_equal": every(numpy.greater_equal),
    "clip": {"numbers": lambda x: numpy.clip(x, -1, 2), "tensors": numpy.clip},
    "bitwise_and": bits(numpy.bitwise_and),
    "bitwise_or": bits(numpy.bitwise_or),
    "bitwise_xor": bits(numpy.bitwise_xor),
    "bitwise_not": every(numpy.bitwise_not),
    "shift_left": every(shifted(lambda v, k: v << k)),
    "shift_right": every(shifted(lambda v, k: v >> k)),
    "logical_xor": every(numpy.logical_xor),
}
WITHOUT = {}
