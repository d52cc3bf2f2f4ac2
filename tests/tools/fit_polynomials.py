#!/usr/bin/env python3
"""Prints the polynomial coefficients of compiler/kernel/expand_*.cc.

Each row of FITS is a weighted minimax fit: the function, the powers of its variable, the weight of the error and the
interval. Coefficients are rounded to the target's precision one after the other, lowest power first, and the others are
fitted again after each. Needs mpmath, numpy and scipy. Usage: fit_polynomials.py [NAME...]
"""
import sys

import numpy
import scipy.optimize
from mpmath import mp, mpf

mp.dps = 50


def evaluate(coefficients, powers, x):
    return sum(c * x**p for c, p in zip(coefficients, powers))


def chebyshev(n, low, high):
    """Coefficients in x of the first n Chebyshev polynomials of [low, high]."""
    slope, shift = 2 / (high - low), -(high + low) / (high - low)
    rows = [[mpf(1)] + [mpf(0)] * n, [shift, slope] + [mpf(0)] * (n - 1)]
    while len(rows) < n:
        last, before = rows[-1], rows[-2]
        rows.append([2 * shift * last[k] + 2 * slope * (last[k - 1] if k else 0) - before[k] for k in range(n + 1)])
    return [row[:n] for row in rows[:n]]


def minimax(f, powers, weight, low, high):
    """Least squares at Chebyshev points for a start, then linear programs for corrections in units of the error at hand."""
    n = len(powers)
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / (40 * n)) for i in range(40 * n)]
    basis = chebyshev(n, low, high)
    factors = [weight(x) * abs(x) ** powers[0] for x in grid]
    weighted = mp.matrix([[w * evaluate(b, range(n), x) for b in basis] for w, x in zip(factors, grid)])
    target = mp.matrix([weight(x) * f(x) * (mp.sign(x) ** powers[0]) for x in grid])
    c = mp.lu_solve(weighted.T * weighted, weighted.T * target)
    for _ in range(3):
        residual = target - weighted * c
        unit = max(abs(r) for r in residual)
        rows = numpy.array([[float(weighted[i, k]) for k in range(n)] for i in range(len(grid))])
        right = numpy.array([float(r / unit) for r in residual])
        ones = numpy.ones((len(grid), 1))
        answer = scipy.optimize.linprog(
            [0] * n + [1], A_ub=numpy.block([[-rows, -ones], [rows, -ones]]), b_ub=numpy.concatenate([-right, right]),
            bounds=[(None, None)] * n + [(0, None)])
        if answer.x is None:  # numerical trouble: least squares is near enough
            break
        c = c + mp.matrix([mpf(v) * unit for v in answer.x[:n]])
    return [sum(c[j] * basis[j][k] for j in range(n)) for k in range(n)]


def rounded(value, bits):
    if value == 0:
        return value
    exponent = mp.floor(mp.log(abs(value), 2)) + 1
    unit = mpf(2) ** (exponent - bits)
    return mp.nint(value / unit) * unit


def fit(f, powers, weight, low, high, bits):
    """Coefficients rounded to `bits`, and the weighted error that they leave."""
    low, high = mpf(low), mpf(high)
    fixed = []
    for k in range(len(powers)):
        rest = lambda x: f(x) - evaluate(fixed, powers, x)
        coefficients = minimax(rest, powers[k:], weight, low, high)
        fixed.append(rounded(coefficients[0], bits))
    grid = [low + (high - low) * i / 3001 for i in range(1, 3001)]
    worst = max(abs((f(x) - evaluate(fixed, powers, x)) * weight(x)) for x in grid)
    return fixed, worst


def relative(f):
    return lambda x: 1 / abs(f(x))


half_ln2 = mp.log(2) / 2 + mpf("0.0005")
quarter_pi = {24: mpf("0.9"), 53: mpf("0.786")}  # with room for a multiple of pi / 2 that was rounded the wrong way
low_f, high_f = mp.sqrt(mpf(1) / 2) - 1 - mpf("1e-6"), mp.sqrt(2) - 1 + mpf("1e-6")


def exp_row(degree, bits):
    return (lambda r: mp.exp(r) - 1, list(range(1, degree + 1)), relative(mp.exp), -half_ln2, half_ln2, bits)


def expm1_row(degree, bits):  # (expm1(r) / r - 1) / r, relative to expm1
    return (lambda r: (mp.expm1(r) / r - 1) / r, list(range(0, degree - 1)), lambda r: abs(r * r / mp.expm1(r)),
            -half_ln2, half_ln2, bits)


def log_row(degree, bits):  # (log1p(f) - f + f^2 / 2) / f^3, relative to log1p
    return (lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, list(range(0, degree + 1)),
            lambda f: abs(f**3 / mp.log1p(f)), low_f, high_f, bits)


def log_atanh_row(terms, bits):  # (log(m) / s - 2) / s^2 in s^2, s = (m - 1) / (m + 1)
    return (lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) * 2 / z, list(range(0, terms)),
            lambda z: z * mp.sqrt(z) / mp.atanh(mp.sqrt(z)) / 2, mpf("1e-12"), (high_f / (2 + high_f)) ** 2, bits)


def log_atanh_tail_row(terms, bits):  # (log(m) / s - 2 - 2 s^2 / 3) / s^4 in s^2
    return (lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) * 2 / z**2, list(range(0, terms)),
            lambda z: z**2 * mp.sqrt(z) / mp.atanh(mp.sqrt(z)) / 2, mpf("1e-12"), (high_f / (2 + high_f)) ** 2, bits)


def sin_row(terms, bits):  # (sin(r) / r - 1) / r^2 in r^2
    return (lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, list(range(0, terms)),
            lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)), mpf("1e-12"), quarter_pi[bits] ** 2, bits)


def cos_row(terms, bits):  # (cos(r) - 1 + r^2 / 2) / r^4 in r^2
    return (lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, list(range(0, terms)),
            lambda z: z**2 / mp.cos(mp.sqrt(z)), mpf("1e-12"), quarter_pi[bits] ** 2, bits)


def erf_row(terms, high, bits):  # erf(x) / x in x^2
    f = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z)
    return f, list(range(0, terms)), relative(f), mpf("1e-12"), mpf(high) ** 2, bits


def log_erfc_row(terms, low, high, middle, bits):  # log(erfc(x)) in x - middle, for 1 - exp(...)
    return (lambda t: mp.log(mp.erfc(t + middle)), list(range(0, terms)), lambda t: mp.erfc(t + middle),
            mpf(low) - middle, mpf(high) - middle, bits)


two_by_root_pi = {24: rounded(2 / mp.sqrt(mp.pi), 24), 53: rounded(2 / mp.sqrt(mp.pi), 53)}


def atanh_erf_row(terms, high, bits):  # atanh(erf(x)) / x - 2 / sqrt(pi) in x^2, relative to erf
    def weight(z):
        e = mp.erf(mp.sqrt(z))
        # The added part keeps the sum right also where erf is nearly 1.
        return mp.sqrt(z) * (1 - e) * (1 + e) / e + mpf("8e-7") * (z / 16) ** 8

    return (lambda z: (mp.log1p(mp.erf(mp.sqrt(z))) - mp.log(mp.erfc(mp.sqrt(z)))) / mp.sqrt(z) / 2 - two_by_root_pi[bits],
            list(range(0, terms)), weight, mpf("1e-10"), mpf(high) ** 2, bits)


def log1p_row(terms, bits):  # (log1p(e) / s - 2) / s^2 in s^2 for s = e / (2 + e), 0 <= e <= 1
    return (lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) * 2 / z, list(range(0, terms)),
            lambda z: z * mp.sqrt(z) / mp.atanh(mp.sqrt(z)) / 2, mpf("1e-12"), mpf(1) / 9, bits)


def atan_row(terms, bits):  # (atan(q) / q - 1) / q^2 in q^2, |q| <= tan(pi/8)
    return (lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, list(range(0, terms)),
            lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z)), mpf("1e-12"), mpf("0.4143") ** 2, bits)


def erfcx_row(terms, middle, high, bits):  # exp(a^2) erfc(a) (a + middle) in (a - middle) / (a + middle), 0 <= a <= high
    def f(u):
        a = middle * (1 + u) / (1 - u)
        return mp.erfc(a) * mp.exp(a * a) * (a + middle)

    middle, high = mpf(middle), mpf(high)
    return f, list(range(0, terms)), relative(f), mpf(-1), (high - middle) / (high + middle), bits


def erfinv_by(w):  # erfinv(x) / x for w = -log(1 - x^2)
    if w < mpf("1e-12"):
        return mp.sqrt(mp.pi) / 2 * (1 + w * (mp.pi / 12))
    x = mp.sqrt(-mp.expm1(-w))
    return mp.erfinv(x) / x


def erfinv_row(terms, high, bits):  # in w - high / 2, 0 <= w <= high
    f = lambda t: erfinv_by(t + mpf(high) / 2)
    return f, list(range(0, terms)), relative(f), -mpf(high) / 2, mpf(high) / 2, bits


def erfinv_tail_row(terms, low, high, bits):  # in sqrt(w) - (low + high) / 2, low <= sqrt(w) <= high
    middle = (mpf(low) + mpf(high)) / 2
    f = lambda t: erfinv_by((t + middle) ** 2)
    return f, list(range(0, terms)), relative(f), mpf(low) - middle, mpf(high) - middle, bits


def lgamma_row(terms, bits):  # lgamma(2 + t) / t, |t| <= 1/2
    f = lambda t: mp.loggamma(2 + t) / t if t else mp.digamma(2)
    return f, list(range(0, terms)), relative(f), mpf("-0.5"), mpf("0.5"), bits


def stirling_row(terms, low, bits):  # z (lgamma(z) - (z - 1/2) log z + z - log(2 pi) / 2) in 1 / z^2, z >= low
    def f(w):
        z = 1 / mp.sqrt(w)
        return z * (mp.loggamma(z) - (z - mpf(1) / 2) * mp.log(z) + z - mp.log(2 * mp.pi) / 2)

    return f, list(range(0, terms)), relative(f), mpf("1e-10"), mpf(low) ** -2, bits


digamma_root = mp.findroot(mp.digamma, 1.46)


def digamma_row(terms, bits):  # digamma(3/2 + t) / (3/2 + t - root), |t| <= 1/2
    f = lambda t: mp.digamma(t + mpf(3) / 2) / (t + mpf(3) / 2 - digamma_root)
    return f, list(range(0, terms)), relative(f), mpf("-0.5"), mpf("0.5"), bits


def digamma_far_row(terms, low, bits):  # z^2 (log z - 1 / (2 z) - digamma(z)) in 1 / z^2, z >= low
    def f(w):
        z = 1 / mp.sqrt(w)
        return z * z * (mp.log(z) - 1 / (2 * z) - mp.digamma(z))

    return f, list(range(0, terms)), relative(f), mpf("1e-10"), mpf(low) ** -2, bits


FITS = {
    "exp32": exp_row(5, 24),
    "exp32_6": exp_row(6, 24),
    "expm1_32": expm1_row(6, 24),
    "expm1_32_7": expm1_row(7, 24),
    "log32": log_row(8, 24),
    "log32_7": log_row(7, 24),
    "sin32": sin_row(3, 24),
    "sin32_4": sin_row(4, 24),
    "cos32": cos_row(3, 24),
    "erf32": atanh_erf_row(9, 4, 24),
    "log1p32": log1p_row(4, 24),
    "log1p32_5": log1p_row(5, 24),
    "exp64": exp_row(11, 53),
    "expm1_64": expm1_row(12, 53),
    "expm1_64_13": expm1_row(13, 53),
    "erf64_small": erf_row(12, 1, 53),
    "erf64_large": log_erfc_row(19, 1, 6, 3, 53),
    "log1p64": log1p_row(10, 53),
    "log1p64_11": log1p_row(11, 53),
    "pow_log_wide": log_atanh_tail_row(7, 53),
    "pow_log_wide_8": log_atanh_tail_row(8, 53),
    "pow_log": log_row(10, 53),
    "pow_exp": exp_row(7, 53),
    "log64": log_atanh_row(7, 53),
    "sin64": sin_row(6, 53),
    "cos64": cos_row(6, 53),
    "atan32": atan_row(5, 24),
    "atan64": atan_row(11, 53),
    "erf32_small": erf_row(5, "0.5", 24),
    "erfcx32": erfcx_row(11, 3, "10.3", 24),
    "erfcx64": erfcx_row(23, 4, 28, 53),
    "erfinv32": erfinv_row(11, 5, 24),
    "erfinv32_tail": erfinv_tail_row(11, "2.2", "4.1", 24),
    "erfinv64": erfinv_row(25, "6.25", 53),
    "erfinv64_tail": erfinv_tail_row(29, "2.5", "6.1", 53),
    "lgamma32": lgamma_row(9, 24),
    "lgamma64": lgamma_row(18, 53),
    "stirling32": stirling_row(3, 8, 24),
    "stirling64": stirling_row(7, 8, 53),
    "digamma32": digamma_row(11, 24),
    "digamma64": digamma_row(22, 53),
    "digamma32_far": digamma_far_row(3, 5, 24),
    "digamma64_far": digamma_far_row(8, 5, 53),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or FITS:
        row = FITS[name]
        coefficients, worst = fit(*row)
        digits = 9 if row[5] == 24 else 17
        print(f"{name}: error 2^{float(mp.log(worst, 2)):.2f}")
        print("  {" + ", ".join(f"{float(c):.{digits}g}" for c in coefficients) + "}")
