#include "ops/random/counting.h"

#include <cmath>
#include <numbers>

namespace bitale::ops {

using namespace ir;

namespace {

Expr log(Expr x) { return call(ScalarOp::log, {x}); }
Expr less(Expr a, Expr b) { return call(ScalarOp::lt, {a, b}); }

constexpr int last_inverted = 46;

Proposal<Expr> propose(Element& e, const Hat& hat, const Index& t) {
  const Expr bits = random_bits(e, t);
  const auto unit = [&](int first) { return (bit_field(e, bits, first, 32, DType::f64) + 0.5) * std::ldexp(1.0, -32); };
  const Expr u = unit(32) - 0.5, v = unit(0), rest = 0.5 - call(ScalarOp::abs, {u});
  return {call(ScalarOp::floor, {(hat.a * 2.0 / rest + hat.b) * u + hat.centre}), v / (hat.a / (rest * rest) + hat.b)};
}

}  // namespace

OpDef count_draw(CountDraw draw) {
  return {
      .name = std::move(draw.name),
      .doc = std::move(draw.doc),
      .type =
          [parameters = draw.parameters, ids = draw.ids](const TypeArgs& args) {
            args.require(args.params_as<RandomParams>().dtype == DType::i64, "the result is int64");
            auto type = random_type(args, parameters, ids);
            for (int k = 1; k <= parameters; ++k)
              args.require(args.type(k).dtype == DType::f64, "operand " + std::to_string(k) + " is float64");
            return type;
          },
      .element = std::move(draw.element),
      .vjp = zero_vjp,
      .jvp = zero_jvp,
      .batch = batch_elementwise,
      .reference = std::move(draw.reference),
      .samples = std::move(draw.samples),
      .dtypes = {DType::f64},
      .default_params = [] { return make_params(RandomParams{0, DType::i64, {}, 0}); },
  };
}

Tensor draw_counts(const OpDef& op, const Tensor& state, std::int64_t draw_id, std::span<const Operand> parameters,
                   Shape shape, SourceLine line) {
  std::vector<Tensor> operands{state};
  for (const Operand& p : parameters) operands.push_back(parameter(op, state, shape, p, DType::f64, line));
  return apply1(op, make_params(RandomParams{draw_id, DType::i64, std::move(shape)}), operands, line);
}

Expr inverted(Expr probability_of_none, Expr uniform, const std::function<Expr(int k)>& ratio) {
  Expr probability = probability_of_none, distribution = probability, count = like(probability, 0);
  for (int k = 0; k < last_inverted; ++k) {
    count = count + select(less(uniform, distribution), like(count, 0), like(count, 1));
    probability = probability * (ratio(k) * (1.0 / (k + 1)));
    distribution = distribution + probability;
  }
  return count;
}

double reference_inverted(double probability_of_none, double uniform, const std::function<double(int k)>& ratio) {
  int count = 0;
  for (double p = probability_of_none, below = p; count < last_inverted && uniform >= below; below += p)
    p *= ratio(count) / (count + 1), ++count;
  return count;
}

// Exact factorials up to 9, then Stirling's series.
Expr stirling_rest(Expr k) {
  Expr factorial = like(k, 1);
  for (int j = 2; j < 10; ++j) factorial = factorial * select(less(k, like(k, j)), like(k, 1), like(k, j));
  const Expr small = log(factorial) - call(ScalarOp::strong_mul, {k, log(k)}) + k;
  const Expr r = 1.0 / k, r2 = r * r;
  const Expr series = log(k * (2 * std::numbers::pi)) * 0.5 + r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260)));
  return select(less(k, like(k, 10)), small, series);
}

Expr deviation(Expr k, Expr mean) {
  const Expr d = (k - mean) / mean;
  return mean * (call(ScalarOp::strong_mul, {k / mean, call(ScalarOp::log1p, {d})}) - d);
}

Expr uniform_of(Element& e, Expr bits) { return bit_field(e, bits, 11, 53, DType::f64) * std::ldexp(1.0, -53); }

double reference_uniform(std::uint64_t bits) { return static_cast<double>(bits >> 11) / 9007199254740992.0; }

Expr first_taken(Element& e, int tries, const Hat& hat, const Taken& taken) {
  const Dim extents[] = {tries};
  const auto [any, first] = e.reduce_pair(Combiner::arg_max, extents, [&](std::span<const Index> at) {
    return std::pair{select(taken(propose(e, hat, at[0])), like(hat.a, 1), like(hat.a, 0)), e.value(at[0])};
  });
  return propose(e, hat, Index(first)).count;
}

double reference_first_taken(const Reference& r, std::size_t position, int tries, const ReferenceHat& hat,
                             const std::function<bool(const Proposal<double>&)>& taken) {
  double first = 0;
  for (int t = 0; t < tries; ++t) {
    const std::uint64_t bits = reference_bits(r, position, t);
    const double u = (static_cast<double>(bits >> 32) + 0.5) / 4294967296.0 - 0.5,
                 v = (static_cast<double>(bits & 0xffffffffu) + 0.5) / 4294967296.0, rest = 0.5 - std::fabs(u);
    const double count = std::floor((2 * hat.a / rest + hat.b) * u + hat.centre);
    if (t == 0) first = count;
    if (taken({count, v / (hat.a / (rest * rest) + hat.b)})) return count;
  }
  return first;
}

}  // namespace bitale::ops
