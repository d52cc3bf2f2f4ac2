#include <cmath>

#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

// As many of the highest bits as the dtype's significand has: every value is exact, and 1 is never reached.
Expr element(Element& e) {
  const DType dtype = e.node().type().dtype;
  const int bits = dtype == DType::f64 ? 53 : 24;
  return bit_field(e, random_bits(e), 64 - bits, bits, dtype) * std::ldexp(1.0, -bits);
}

void reference(const Reference& r) {
  visit_bits(r, [&](std::size_t i, std::uint64_t bits) {
    if (r.outputs[0].dtype() == DType::f32)
      r.outputs[0].view<float>()[i] = static_cast<float>(bits / 1099511627776u) / 16777216.0f;
    else
      r.outputs[0].view<double>()[i] = static_cast<double>(bits / 2048u) / 9007199254740992.0;
  });
}

}  // namespace

// random_uniform(state; draw_id, shape, dtype) -> dtype shape: uniform on [0, 1), from 24 bits (float32) or 53
// (float64). Errors of all three: a state that is not int64 [..., 2], a draw id or number of elements out of range, a
// dtype not float (bernoulli: p outside [0, 1]).
const OpDef random_uniform_op{
    .name = "random_uniform",
    .doc = "RandomStream::uniform(shape, dtype): uniform in [0, 1), Philox 4x32-10; rounding to 16 bits may make it 1",
    .type = random_float_type,
    .element = element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples =
        [] {
          return random_samples([](const Tensor& s, std::int64_t id, Shape shape, DType dtype) {
            return random_uniform(s, id, std::move(shape), dtype);
          });
        },
    .dtypes = {DType::f32},
    .default_params = [] { return make_params(RandomParams{}); },
};

Tensor random_uniform(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype, SourceLine line) {
  return apply1(random_uniform_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state}, line);
}

}  // namespace bitale::ops
