// random_binomial, in float64. Where p is above 1/2, failures are counted. Small means by inversion, others by BTRS
// (Hoermann, "The generation of binomial random variates", 1993), every try in a loop that finds the first that is
// taken; each is with probability 0.7 or more, none of the eighteen with less than 1e-9, and then the first one stays.
#include <cmath>

#include "ops/api/checks.h"
#include "ops/random/counting.h"

namespace bitale::ops {

using namespace ir;

namespace {

constexpr double most_trials = 9007199254740992.0;

Expr log(Expr x) { return call(ScalarOp::log, {x}); }
Expr min(Expr a, Expr b) { return call(ScalarOp::min, {a, b}); }
Expr max(Expr a, Expr b) { return call(ScalarOp::max, {a, b}); }
Expr less(Expr a, Expr b) { return call(ScalarOp::lt, {a, b}); }

// p(k + 1) = p(k) (n - k) / (k + 1) p / (1 - p).
Expr counted(Expr n, Expr p, Expr uniform) {
  const Expr odds = p / (1.0 - p);
  const Expr none = call(ScalarOp::exp, {call(ScalarOp::strong_mul, {n, call(ScalarOp::log1p, {-p})})});
  return inverted(none, uniform, [&](int k) { return max(n - static_cast<double>(k), like(n, 0)) * odds; });
}

// The logarithm of the probability of k over that of the mode m.
Expr log_ratio(Expr n, Expr p, Expr k, Expr m) {
  const auto one = [&](Expr c) {
    return deviation(c, n * p) + deviation(n - c, n * (1.0 - p)) + stirling_rest(c) + stirling_rest(n - c);
  };
  return one(m) - one(k);
}

Expr rejected(Element& e, Expr n, Expr p) {
  const Expr deviates = call(ScalarOp::sqrt, {n * p * (1.0 - p)}), b = deviates * 2.53 + 1.15;
  const Hat hat{b * 0.0248 + p * 0.01 - 0.0873, b, n * p + 0.5};
  const Expr alpha = (5.1 / b + 2.83) * deviates, mode = call(ScalarOp::floor, {(n + 1.0) * p}), none = like(n, 0);
  const Expr count = first_taken(e, binomial_tries, hat, [&](const Proposal<Expr>& t) {
    const Expr inside =
        call(ScalarOp::bit_and, {call(ScalarOp::le, {none, t.count}), call(ScalarOp::le, {t.count, n})});
    const Expr k = min(max(t.count, none), n);
    return call(ScalarOp::bit_and, {inside, call(ScalarOp::le, {log(t.height * alpha), log_ratio(n, p, k, mode)})});
  });
  return min(max(count, none), n);
}

// At least `low`, which a NaN becomes.
Expr at_least(Expr x, double low) { return select(less(like(x, low), x), x, like(x, low)); }

Expr element(Element& e) {
  const Expr n = min(at_least(call(ScalarOp::floor, {e.input(1)}), 0), like(e.input(1), most_trials));
  const Expr given = min(at_least(e.input(2), 0), like(n, 1)), half = like(n, 0.5);
  const Expr p = min(given, 1.0 - given), limit = like(n, least_rejected), mean = n * p;
  const Expr uniform = uniform_of(e, random_bits(e, binomial_tries));
  // Each way of drawing gets what it can do with, whatever the other one needs.
  const Expr few = less(mean, limit), many_n = select(few, like(n, 40), n), many_p = select(few, half, p);
  const Expr count = min(select(few, counted(select(few, n, limit), p, uniform), rejected(e, many_n, many_p)), n);
  return cast(select(less(half, given), n - count, count), DType::i64);
}

double reference_few(const Reference& r, std::size_t i, double n, double p) {
  const double uniform = reference_uniform(reference_bits(r, i, binomial_tries)), odds = p / (1 - p);
  const double k = reference_inverted(std::pow(1 - p, n), uniform, [&](int c) { return std::fmax(n - c, 0) * odds; });
  return std::fmin(k, n);
}

double reference_many(const Reference& r, std::size_t i, double n, double p) {
  const double spread = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread, m = std::floor((n + 1) * p);
  const auto log_probability = [&](double k) {
    return k * std::log(p) + (n - k) * std::log1p(-p) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
  };
  const double count = reference_first_taken(
      r, i, binomial_tries, {-0.0873 + 0.0248 * b + 0.01 * p, b, n * p + 0.5}, [&](const Proposal<double>& t) {
        return t.count >= 0 && t.count <= n &&
               std::log(t.height * (2.83 + 5.1 / b) * spread) <= log_probability(t.count) - log_probability(m);
      });
  return std::fmin(std::fmax(count, 0), n);
}

void reference(const Reference& r) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(r.outputs[0].size()); ++i) {
    const double trials = std::floor(r.inputs[1].view<double>()[i]), chance = r.inputs[2].view<double>()[i];
    const double n = trials > 0 ? std::fmin(trials, most_trials) : 0, given = chance > 0 ? std::fmin(chance, 1) : 0;
    const double p = std::fmin(given, 1 - given);
    const double k = n * p < least_rejected ? reference_few(r, i, n, p) : reference_many(r, i, n, p);
    r.outputs[0].view<std::int64_t>()[i] = static_cast<std::int64_t>(given > 0.5 ? n - k : k);
  }
}

std::vector<Sample> samples() {
  const auto number = [](Extents shape, double low, double high) {
    return SampleInput{.shape = std::move(shape), .low = low, .high = high, .differentiable = false};
  };
  const auto build = [](Shape shape) {
    return [shape](std::span<const Tensor> in) { return std::vector{random_binomial(in[0], 5, in[1], in[2], shape)}; };
  };
  return {
      {"few trials", {state_input({2}), number({3, 5}, 0, 20), number({3, 5}, 0, 1)}, build({3, 5})},
      {"many trials", {state_input({2}), number({11}, 50, 900), number({11}, 0.2, 0.8)}, build({11})},
      {"rare", {state_input({2}), number({7}, 1e5, 1e6), number({7}, 0, 1e-5)}, build({7})},
      {"broadcast", {state_input({2}), number({3}, 1, 100), number({}, 0.1, 0.9)}, build({2, 3})},
      {"two states", {state_input({2, 2}), number({}, 5, 60), number({3}, 0.1, 0.9)}, build({3})},
      {"impossible", {state_input({2}), number({3}, -4, 0), number({3}, -1, 2)}, build({3})},
  };
}

}  // namespace

// random_binomial(state, float64 trials n, float64 p; draw_id, shape) -> int64 shape: k with probability
// n! / (k! (n - k)!) p^k (1 - p)^(n - k). Trials are rounded down and lie in [0, 2^53], p in [0, 1]; beyond, the
// nearest counts; NaN counts as 0.
const OpDef random_binomial_op = count_draw({
    .name = "random_binomial",
    .doc = "RandomStream::binomial(trials, p, shape): successes with probability p among so many trials, int64",
    .parameters = 2,
    .ids = binomial_ids,
    .element = element,
    .reference = reference,
    .samples = samples,
});

Tensor random_binomial(const Tensor& state, std::int64_t draw_id, const Operand& trials, const Operand& p, Shape shape,
                       SourceLine line) {
  const Operand parameters[] = {trials, p};
  return draw_counts(random_binomial_op, state, draw_id, parameters, std::move(shape), line);
}

}  // namespace bitale::ops
