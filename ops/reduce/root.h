// Roots whose derivatives are 0 at 0, for what measures sizes: norms and standard deviations.
#pragma once

#include "ops/api/elementwise.h"

namespace bitale::ops {

// x^(1/p) of x >= 0. At 0 all derivatives are 0, instead of infinite: the root is taken of 1 there.
inline Tensor root(const Tensor& x, double p, SourceLine line) {
  const Tensor zero = ir::equal(x, 0, line), safe = ir::where(zero, 1, x, line);
  return ir::where(zero, 0, p == 2 ? sqrt(safe, line) : pow(safe, 1 / p, line), line);
}

}  // namespace bitale::ops
