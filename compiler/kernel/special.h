// Functions that C++ lacks, for the interpreter: slow and exact to a few units of long double.
#pragma once

namespace bitale::kernel {

double lgamma(double x);  // as std::lgamma, but several threads may call it

// Except next to the negative zeros of digamma, where the error is one of the terms that cancel. NaN at the poles but
// 0.
long double digamma(long double x);

long double erfinv(long double x);

}  // namespace bitale::kernel
