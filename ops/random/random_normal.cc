#include <cmath>
#include <numbers>

#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

// Box and Muller (1958): sqrt(-2 log u) * cos(2 pi v) with u in (0, 1] from the low and v in [0, 1) from the high 32
// bits.
Expr normal_of(Element& e, Expr bits, DType dtype) {
  const Expr u = (bit_field(e, bits, 0, 32, dtype) + 0.5) * std::ldexp(1.0, -32);
  const Expr v = bit_field(e, bits, 32, 32, dtype) * (2 * std::numbers::pi * std::ldexp(1.0, -32));
  return call(ScalarOp::sqrt, {call(ScalarOp::log, {u}) * -2.0}) * call(ScalarOp::cos, {v});
}

double reference_normal(std::uint64_t bits) {
  const double u = (static_cast<double>(bits % 4294967296u) + 0.5) / 4294967296.0,
               v = static_cast<double>(bits / 4294967296u) / 4294967296.0;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// random_normal(state; draw_id, shape, dtype) -> dtype shape: mean 0, variance 1, magnitudes up to 6.8.
const OpDef random_normal_op = standard_draw({
    .name = "random_normal",
    .doc = "RandomStream::normal(shape, dtype): standard normal",
    .body = normal_of,
    .reference = reference_normal,
    .samples =
        [] {
          return random_samples([](const Tensor& s, std::int64_t id, Shape shape, DType dtype) {
            return random_normal(s, id, std::move(shape), dtype);
          });
        },
});

Tensor random_normal(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype, SourceLine line) {
  return apply1(random_normal_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state}, line);
}

}  // namespace bitale::ops
