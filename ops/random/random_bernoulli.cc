#include <cmath>

#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<RandomParams>();
  args.require(p.dtype == DType::bool_, "the result is bool");
  args.require(p.p >= 0 && p.p <= 1, "p must be in [0, 1]");
  return random_type(args);
}

// The 53-bit uniform k * 2^-53 is below p where the integer k is below p * 2^53, rounded up.
Expr element(Element& e) {
  const auto limit = static_cast<std::int64_t>(std::ceil(std::ldexp(e.node().params_as<RandomParams>().p, 53)));
  return call(ScalarOp::lt, {bit_field(e, random_bits(e), 11, 53, DType::i64), e.integer(limit)});
}

void reference(const Reference& r) {
  const double p = r.node.params_as<RandomParams>().p;
  visit_bits(r, [&](std::size_t i, std::uint64_t bits) {
    r.outputs[0].view<bool>()[i] = static_cast<double>(bits / 2048u) / 9007199254740992.0 < p;
  });
}

}  // namespace

// random_bernoulli(state; draw_id, p, shape) -> bool shape: true with probability p.
const OpDef random_bernoulli_op{
    .name = "random_bernoulli",
    .doc = "RandomStream::bernoulli(p, shape): true with probability p",
    .type = type_rule,
    .element = element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples =
        [] {
          return random_samples([](const Tensor& s, std::int64_t id, Shape shape, DType) {
            return random_bernoulli(s, id, 0.3, std::move(shape));
          });
        },
    .dtypes = {DType::f32},
    .default_params = [] { return make_params(RandomParams{0, DType::bool_, {}, 0}); },
};

Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, double p, Shape shape, SourceLine line) {
  return apply1(random_bernoulli_op, make_params(RandomParams{draw_id, DType::bool_, std::move(shape), p}), {state},
                line);
}

}  // namespace bitale::ops
