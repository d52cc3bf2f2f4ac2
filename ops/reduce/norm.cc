// Norms of vectors along axes, and the distance of the extremes.
#include <cmath>
#include <limits>

#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/reduce.h"
#include "ops/reduce/root.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef norm_op, ptp_op;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<ir::Sample> norm_samples() {
  const auto of = [](double p, Axes axes, bool keepdims = false) {
    return [=](std::span<const Tensor> x) { return norm(x[0], p, axes, keepdims); };
  };
  return {
      ir::sample("2, rows", {ir::uniform({3, 4})}, of(2, {1})),
      ir::sample("2, all (Frobenius)", {ir::uniform({3, 4})}, of(2, {})),
      ir::sample("1, columns", {ir::uniform({4, 3})}, of(1, {0})),
      ir::sample("inf, kept", {ir::uniform({3, 4})}, of(infinity, {-1}, true)),
      ir::sample("-inf", {ir::uniform({3, 4})}, of(-infinity, {1})),
      ir::sample("0", {ir::integers({3, 4}, 0, 1, DType::i32)}, of(0, {1})),
      ir::sample("3", {ir::uniform({2, 3, 4})}, of(3, {0, 2})),
      ir::sample("1.5", {ir::uniform({5})}, of(1.5, {0})),
  };
}

// sum |x|^p; an element that is 0 has no part in it or in its derivatives.
Tensor sum_of_powers(const Tensor& size, double p, const Axes& axes, SourceLine line) {
  const Tensor zero = ir::equal(size, 0, line);
  const Tensor powers = ir::where(zero, 0, pow(ir::where(zero, 1, size, line), p, line), line);
  return ir::sum(powers, axes, line);
}

}  // namespace

const OpDef norm_op{
    .name = "norm",
    .doc = "norm(x, p, axes, keepdims): (sum |x|^p)^(1/p), largest for inf, count for 0; the derivative at 0 is 0",
    .composite = true,
    .samples = norm_samples,
};

const OpDef ptp_op{
    .name = "ptp",
    .doc = "ptp(x, axes, keepdims): largest minus smallest element; NaN wins",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("rows", {ir::uniform({3, 4})}, [](auto x) { return ptp(x[0], {1}); }),
              ir::sample("all, kept", {ir::uniform({3, 4})}, [](auto x) { return ptp(x[0], {}, true); })};
        },
    .dtypes = {DType::f32, DType::f64, DType::i32},
};

Tensor norm(const Tensor& x, double p, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("norm", x, std::move(axes), line);
  if (!(p >= 0) && p != -infinity)
    reject("norm", "p must be at least 0, or an infinity, and is " + std::to_string(p), x, line);
  const Operand operand = x;
  const Tensor f = cast(x, ir::float_dtype({&operand, 1}), line);
  Tensor y;
  if (p == 2)
    y = root(ir::sum(ir::square(f, line), axes, line), 2, line);
  else if (p == infinity)
    y = ir::max(ir::abs(f, line), axes, line);
  else if (p == -infinity)
    y = ir::min(ir::abs(f, line), axes, line);
  else if (p == 0)
    y = cast(count_nonzero(f, axes, false, line), f.dtype(), line);
  else if (p == 1)
    y = ir::sum(ir::abs(f, line), axes, line);
  else
    y = root(sum_of_powers(ir::abs(f, line), p, axes, line), p, line);
  return with_kept_axes(y, x, axes, keepdims, line);
}

Tensor ptp(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("ptp", x, std::move(axes), line);
  return with_kept_axes(ir::sub(ir::max(x, axes, line), ir::min(x, axes, line), line), x, axes, keepdims, line);
}

}  // namespace bitale::ops
