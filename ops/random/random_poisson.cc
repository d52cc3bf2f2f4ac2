// random_poisson, in float64. Rates below 10 by inversion: the count is the number of k whose distribution is not above
// a uniform number, over the 46 k that a 53-bit number reaches. Others by PTRS (Hoermann, "The transformed rejection
// method for generating Poisson random variables", 1993), every try in a loop that finds the first that is taken; each
// is with probability 0.75 or more, none of the sixteen with less than 1e-9, and then the first one stays.
#include <cmath>
#include <numbers>

#include "ops/api/checks.h"
#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

constexpr double least_rejected = 10, largest = 9e18;
constexpr int last_inverted = 46;

Expr log(Expr x) { return call(ScalarOp::log, {x}); }
Expr less(Expr a, Expr b) { return call(ScalarOp::lt, {a, b}); }

Expr inverted(Expr rate, Expr uniform) {
  Expr probability = call(ScalarOp::exp, {-rate}), distribution = probability, count = like(rate, 0);
  for (int k = 0; k < last_inverted; ++k) {
    count = count + select(less(uniform, distribution), like(rate, 0), like(rate, 1));
    probability = probability * (rate * (1.0 / (k + 1)));
    distribution = distribution + probability;
  }
  return cast(count, DType::i64);
}

// log k! - k log k + k: exact factorials up to 9, then Stirling's series.
Expr factorial_rest(Expr k) {
  Expr factorial = like(k, 1);
  for (int j = 2; j < 10; ++j) factorial = factorial * select(less(k, like(k, j)), like(k, 1), like(k, j));
  const Expr small = log(factorial) - call(ScalarOp::strong_mul, {k, log(k)}) + k;
  const Expr r = 1.0 / k, r2 = r * r;
  const Expr series = log(k * (2 * std::numbers::pi)) * 0.5 + r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260)));
  return select(less(k, like(k, 10)), small, series);
}

// The logarithm of the probability of k: -rate h(d) - (log k! - k log k + k), d = k / rate - 1 and h(d) = (1 + d) log(1
// + d) - d, so that no large terms cancel.
Expr log_probability(Expr k, Expr rate) {
  const Expr d = (k - rate) / rate;
  return -rate * (call(ScalarOp::strong_mul, {k / rate, call(ScalarOp::log1p, {d})}) - d) - factorial_rest(k);
}

struct Try {
  Expr count, taken;
};

Try make_try(Element& e, Expr rate, const Index& t) {
  const Expr b = call(ScalarOp::sqrt, {rate}) * 2.53 + 0.931, a = b * 0.02483 - 0.059;
  const Expr inverse_alpha = 1.1328 / (b - 3.4) + 1.1239;
  const Expr bits = random_bits(e, t);
  const auto unit = [&](int first) { return (bit_field(e, bits, first, 32, DType::f64) + 0.5) * std::ldexp(1.0, -32); };
  const Expr u = unit(32) - 0.5, v = unit(0), rest = 0.5 - call(ScalarOp::abs, {u});
  const Expr k = call(ScalarOp::floor, {(a * 2.0 / rest + b) * u + rate + 0.43});
  const Expr hat = log(v * inverse_alpha / (a / (rest * rest) + b));
  const Expr taken = call(ScalarOp::le, {hat, log_probability(k, rate)});
  return {k, call(ScalarOp::bit_and, {taken, call(ScalarOp::le, {like(k, 0), k})})};
}

Expr rejected(Element& e, Expr rate) {
  const Dim tries[] = {poisson_tries};
  const auto [any, first] = e.reduce_pair(Combiner::arg_max, tries, [&](std::span<const Index> at) {
    return std::pair{select(make_try(e, rate, at[0]).taken, like(rate, 1), like(rate, 0)), e.value(at[0])};
  });
  return cast(call(ScalarOp::max, {make_try(e, rate, Index(first)).count, like(rate, 0)}), DType::i64);
}

Expr element(Element& e) {
  const Expr given = e.input(1), zero = like(given, 0), limit = like(given, least_rejected);
  const Expr rate = select(less(zero, given), given, zero);
  const Expr uniform = bit_field(e, random_bits(e, poisson_tries), 11, 53, DType::f64) * std::ldexp(1.0, -53);
  return select(less(rate, limit), inverted(call(ScalarOp::min, {rate, limit}), uniform),
                rejected(e, call(ScalarOp::min, {call(ScalarOp::max, {rate, limit}), like(rate, largest)})));
}

std::int64_t reference_small(const Reference& r, std::size_t i, double rate) {
  const double u = static_cast<double>(reference_bits(r, i, poisson_tries) >> 11) / 9007199254740992.0;
  std::int64_t k = 0;
  double p = std::exp(-rate), below = p;
  while (k < last_inverted && u >= below) {
    p *= rate / static_cast<double>(++k);
    below += p;
  }
  return k;
}

std::int64_t reference_large(const Reference& r, std::size_t i, double rate) {
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  double first = 0;
  for (int t = 0; t < poisson_tries; ++t) {
    const std::uint64_t bits = reference_bits(r, i, t);
    const double u = (static_cast<double>(bits >> 32) + 0.5) / 4294967296.0 - 0.5,
                 v = (static_cast<double>(bits & 0xffffffffu) + 0.5) / 4294967296.0, rest = 0.5 - std::fabs(u),
                 k = std::floor((2 * a / rest + b) * u + rate + 0.43);
    if (t == 0) first = std::fmax(k, 0);
    if (k >= 0 && std::log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (rest * rest) + b)) <=
                      k * std::log(rate) - rate - std::lgamma(k + 1))
      return static_cast<std::int64_t>(k);
  }
  return static_cast<std::int64_t>(first);
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
const OpDef random_poisson_op{
    .name = "random_poisson",
    .doc = "RandomStream::poisson(rate, shape): counts of events, int64; 0 where the rate is not above 0",
    .type =
        [](const TypeArgs& args) {
          args.require(args.params_as<RandomParams>().dtype == DType::i64, "the result is int64");
          auto type = random_type(args, 1, poisson_ids);
          args.require(args.type(1).dtype == DType::f64, "the rate is float64");
          return type;
        },
    .element = element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .dtypes = {DType::f64},
    .default_params = [] { return make_params(RandomParams{0, DType::i64, {}, 0}); },
};

Tensor random_poisson(const Tensor& state, std::int64_t draw_id, const Operand& rate, Shape shape, SourceLine line) {
  const Tensor rates = parameter(random_poisson_op, state, shape, rate, DType::f64, line);
  return apply1(random_poisson_op, make_params(RandomParams{draw_id, DType::i64, std::move(shape)}), {state, rates},
                line);
}

}  // namespace bitale::ops
