// Standard draws by the inverse of their distribution, exact in both tails: exponential, laplace, logistic, cauchy.
#include <cmath>
#include <numbers>

#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

Expr log(Expr x) { return call(ScalarOp::log, {x}); }
Expr log1p(Expr x) { return call(ScalarOp::log1p, {x}); }
Expr signed_by(const Tail& t, Expr magnitude) { return select(t.upper, magnitude, -magnitude); }

std::function<std::vector<Sample>()> samples_of(Tensor (*draw)(const Tensor&, std::int64_t, Shape, DType, SourceLine)) {
  return [draw] {
    return random_samples([draw](const Tensor& s, std::int64_t id, Shape shape, DType dtype) {
      return draw(s, id, std::move(shape), dtype, {});
    });
  };
}

}  // namespace

// The lowest bit is the end, the others are u: 63 bits, from which a float keeps as many as it has.
Tail tail_of(Element& e, Expr bits, DType dtype) {
  const Expr u = (bit_field(e, bits, 1, 63, dtype) + 0.5) * std::ldexp(1.0, -64);
  return {u, cast(call(ScalarOp::bit_and, {bits, e.integer(1)}), DType::bool_)};
}

ReferenceTail reference_tail(std::uint64_t bits) {
  return {(static_cast<double>(bits / 2u) + 0.5) / 18446744073709551616.0, bits % 2u == 1};
}

Expr exponential_of(Element& e, Expr bits, DType dtype) {
  const Tail t = tail_of(e, bits, dtype);
  return -select(t.upper, log1p(-t.u), log(t.u));
}

double reference_exponential(std::uint64_t bits) {
  const ReferenceTail t = reference_tail(bits);
  return t.upper ? -std::log1p(-t.u) : -std::log(t.u);
}

// random_exponential(state; draw_id, shape, dtype): density exp(-x), in [2^-64, 45).
const OpDef random_exponential_op = standard_draw({
    .name = "random_exponential",
    .doc = "RandomStream::exponential(shape, dtype): exponential with mean 1",
    .body = exponential_of,
    .reference = reference_exponential,
    .samples = samples_of(random_exponential),
});

// random_laplace(state; draw_id, shape, dtype): density exp(-|x|) / 2.
const OpDef random_laplace_op = standard_draw({
    .name = "random_laplace",
    .doc = "RandomStream::laplace(location, scale, shape, dtype): Laplace, here with location 0 and scale 1",
    .body =
        [](Element& e, Expr bits, DType dtype) {
          const Tail t = tail_of(e, bits, dtype);
          return signed_by(t, -log(t.u + t.u));
        },
    .reference =
        [](std::uint64_t bits) {
          const ReferenceTail t = reference_tail(bits);
          return (t.upper ? -1 : 1) * std::log(2 * t.u);
        },
    .samples = samples_of(random_laplace),
});

// random_logistic(state; draw_id, shape, dtype): distribution 1 / (1 + exp(-x)).
const OpDef random_logistic_op = standard_draw({
    .name = "random_logistic",
    .doc = "RandomStream::logistic(location, scale, shape, dtype): logistic, here with location 0 and scale 1",
    .body =
        [](Element& e, Expr bits, DType dtype) {
          const Tail t = tail_of(e, bits, dtype);
          return signed_by(t, log1p(-t.u) - log(t.u));
        },
    .reference =
        [](std::uint64_t bits) {
          const ReferenceTail t = reference_tail(bits);
          return (t.upper ? -1 : 1) * std::log(t.u / (1 - t.u));
        },
    .samples = samples_of(random_logistic),
});

// random_cauchy(state; draw_id, shape, dtype): density 1 / (pi (1 + x^2)), which has no mean.
const OpDef random_cauchy_op = standard_draw({
    .name = "random_cauchy",
    .doc = "RandomStream::cauchy(location, scale, shape, dtype): Cauchy, here with location 0 and scale 1",
    .body =
        [](Element& e, Expr bits, DType dtype) {
          const Tail t = tail_of(e, bits, dtype);
          const Expr angle = t.u * std::numbers::pi;
          return signed_by(t, call(ScalarOp::cos, {angle}) / call(ScalarOp::sin, {angle}));
        },
    .reference =
        [](std::uint64_t bits) {
          const ReferenceTail t = reference_tail(bits);
          return (t.upper ? 1 : -1) / std::tan(std::numbers::pi * t.u);
        },
    .samples = samples_of(random_cauchy),
});

#define BITALE_STANDARD_DRAW(name)                                                                        \
  Tensor name(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype, SourceLine line) {     \
    return apply1(name##_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state}, line); \
  }
BITALE_STANDARD_DRAW(random_exponential)
BITALE_STANDARD_DRAW(random_laplace)
BITALE_STANDARD_DRAW(random_logistic)
BITALE_STANDARD_DRAW(random_cauchy)
#undef BITALE_STANDARD_DRAW

}  // namespace bitale::ops
