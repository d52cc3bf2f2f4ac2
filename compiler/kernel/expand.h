// Instructions that a target lacks, as sequences of simpler ones: exp, log, tanh, sigmoid, erf, sin, cos, pow,
// lgamma, Philox... for float32 and float64. Written once over an abstract emitter, so that the LLVM code generator
// (vectors), the interpreter's tests and any later target share the polynomials and their stated error bounds.
//
// Bounds in ulp over all finite inputs, tested against the next wider type (tests/unit/compiler/kernel/expand_test.cc),
// with a fused fma and without; results for +-0, +-inf and NaN are those of C's <math.h>. No table look-ups, no
// library calls, no branches but those of rarely(). tanh, erf and sigmoid never leave [-1, 1].
//   float32: exp 1.5, exp2 1.5, expm1 2, log 1, log2 2, log10 2, log1p 2, tanh 3, sigmoid 3, softplus 3, erf 4 (not
//   fused: 4.5), erfc 5, erfinv 4, lgamma 7, digamma 7, sin and cos 2, tan 4, atan 2.5, atan2 3, pow 1.
//   float64: exp 1.5, exp2 1.5, expm1 2.5, log 1.5, log2 2, log10 2, log1p 2.5, tanh 3, sigmoid 3, softplus 3, erf 4,
//   erfc 6, erfinv 5, lgamma 7, digamma 7, sin and cos 3, tan 5, atan 2.5, atan2 3, pow 2.
// lgamma and digamma of negative numbers are sums of terms that cancel at their zeros: their bounds are in ulp of 1
// plus the terms' magnitudes. log2 and log10 of powers of their base are exact.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::kernel {

// What an expansion writes into. A handle means whatever the emitter says (an llvm::Value of any vector width, a
// ValueId...).
class Emitter {
 public:
  using Handle = void*;
  virtual ~Emitter() = default;
  virtual Handle constant(double value, DType type) = 0;
  virtual Handle integer(std::int64_t value, DType type) = 0;
  // op is one that does not expand; operand and result types as in scalar_ops.def; `type` is the result's.
  virtual Handle emit(ScalarOp op, DType type, std::span<const Handle> args) = 0;
  virtual DType type_of(Handle value) = 0;
  // x * 2^n, rounded once, for integral n of x's type, |n| <= 252 (float64: 2044) and 0.25 <= |x| <= 4. Targets with an
  // instruction for it override both; where scales() is false, expansions use shorter sequences of their own where they
  // can.
  virtual Handle scale_by_power(Handle x, Handle n);
  virtual bool scales() const { return false; }
  // `common`, replaced in the lanes where `condition` holds by what `rare.emit` makes of `args` (as many values; args
  // and values are all of one float type). A target with branches skips the rare code where no lane needs it.
  struct Rare {
    const char* name;                                                                 // the same for the same code
    std::function<std::vector<Handle>(Emitter&, std::span<const Handle> args)> emit;  // sees nothing but its arguments
  };
  virtual std::vector<Handle> rarely(Handle condition, const std::vector<Handle>& common,
                                     const std::vector<Handle>& args, const Rare& rare);
  // Whether fma rounds once. The bounds hold either way; it makes some sequences shorter.
  virtual bool fuses() const { return false; }
};

// The expansion of `op` (one with expands() true) on operands of float type (int64 for philox).
Emitter::Handle expand(Emitter& emitter, ScalarOp op, std::span<const Emitter::Handle> args);

}  // namespace bitale::kernel
