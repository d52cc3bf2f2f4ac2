// random_poisson, in float64. Small rates by inversion, others by PTRS (Hoermann, "The transformed rejection method for
// generating Poisson random variables", 1993), every try in a loop that finds the first that is taken; each is with
// probability 0.75 or more, none of the sixteen with less than 1e-9, and then the first one stays.
#include <cmath>

#include "ops/api/checks.h"
#include "ops/random/counting.h"

namespace bitale::ops {

using namespace ir;

namespace {

constexpr double largest = 9e18;

Expr log(Expr x) { return call(ScalarOp::log, {x}); }
Expr less(Expr a, Expr b) { return call(ScalarOp::lt, {a, b}); }

Hat hat_of(Expr rate) {
  const Expr b = call(ScalarOp::sqrt, {rate}) * 2.53 + 0.931;
  return {b * 0.02483 - 0.059, b, rate + 0.43};
}

Expr rejected(Element& e, Expr rate) {
  const Hat hat = hat_of(rate);
  const Expr inverse_alpha = 1.1328 / (hat.b - 3.4) + 1.1239, none = like(rate, 0);
  const Expr count = first_taken(e, poisson_tries, hat, [&](const Proposal<Expr>& p) {
    const Expr taken =
        call(ScalarOp::le, {log(p.height * inverse_alpha), -deviation(p.count, rate) - stirling_rest(p.count)});
    return call(ScalarOp::bit_and, {taken, call(ScalarOp::le, {none, p.count})});
  });
  return cast(call(ScalarOp::max, {count, none}), DType::i64);
}

Expr element(Element& e) {
  const Expr given = e.input(1), zero = like(given, 0), limit = like(given, least_rejected);
  const Expr rate = select(less(zero, given), given, zero);
  const Expr uniform = uniform_of(e, random_bits(e, poisson_tries));
  const Expr low = call(ScalarOp::min, {rate, limit});
  const Expr few = inverted(call(ScalarOp::exp, {-low}), uniform, [&](int) { return low; });
  return select(less(rate, limit), cast(few, DType::i64),
                rejected(e, call(ScalarOp::min, {call(ScalarOp::max, {rate, limit}), like(rate, largest)})));
}

std::int64_t reference_small(const Reference& r, std::size_t i, double rate) {
  const double uniform = reference_uniform(reference_bits(r, i, poisson_tries));
  return static_cast<std::int64_t>(reference_inverted(std::exp(-rate), uniform, [&](int) { return rate; }));
}

std::int64_t reference_large(const Reference& r, std::size_t i, double rate) {
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double count = reference_first_taken(
      r, i, poisson_tries, {-0.059 + 0.02483 * b, b, rate + 0.43}, [&](const Proposal<double>& p) {
        return p.count >= 0 && std::log(p.height * (1.1239 + 1.1328 / (b - 3.4))) <=
                                   p.count * std::log(rate) - rate - std::lgamma(p.count + 1);
      });
  return static_cast<std::int64_t>(std::fmax(count, 0));
}

void reference(const Reference& r) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(r.outputs[0].size()); ++i) {
    const double given = r.inputs[1].view<double>()[i], rate = given > 0 ? std::fmin(given, largest) : 0;
    r.outputs[0].view<std::int64_t>()[i] =
        rate < least_rejected ? reference_small(r, i, rate) : reference_large(r, i, rate);
  }
}

std::vector<Sample> samples() {
  const auto rate = [](Extents shape, double low, double high) {
    return SampleInput{.shape = std::move(shape), .low = low, .high = high, .differentiable = false};
  };
  const auto build = [](Shape shape) {
    return [shape](std::span<const Tensor> in) { return std::vector{random_poisson(in[0], 5, in[1], shape)}; };
  };
  return {
      {"small rates", {state_input({2}), rate({3, 5}, 0, 10)}, build({3, 5})},
      {"large rates", {state_input({2}), rate({11}, 10, 40)}, build({11})},
      {"very large rates", {state_input({2}), rate({7}, 1e3, 1e6)}, build({7})},
      {"broadcast", {state_input({2}), rate({}, 8, 12)}, build({2, 3})},
      {"two states", {state_input({2, 2}), rate({3}, 5, 20)}, build({3})},
      {"no events", {state_input({2}), rate({3}, -2, 0)}, build({3})},
  };
}

}  // namespace

// random_poisson(state, float64 rate; draw_id, shape) -> int64 shape: k with probability rate^k exp(-rate) / k!. Rates
// that are negative or NaN count as 0, those beyond 9e18 as that.
const OpDef random_poisson_op = count_draw({
    .name = "random_poisson",
    .doc = "RandomStream::poisson(rate, shape): counts of events, int64; 0 where the rate is not above 0",
    .ids = poisson_ids,
    .element = element,
    .reference = reference,
    .samples = samples,
});

Tensor random_poisson(const Tensor& state, std::int64_t draw_id, const Operand& rate, Shape shape, SourceLine line) {
  return draw_counts(random_poisson_op, state, draw_id, {&rate, 1}, std::move(shape), line);
}

}  // namespace bitale::ops
