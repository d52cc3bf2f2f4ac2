// random_truncated_normal: rejection (Robert, "Simulation of truncated normal variables", 1995), which is right however
// far the interval is from 0.
//
// The interval is mirrored so that its upper end is the farther one: [a, b] with b >= |a|. Proposals are exponential
// beyond a, cut off at b, where a > -1/2 (unless a < 0 and b - a < 2); else uniform where b - a < 2.5; else normal. All
// tries are made, in a loop that finds the first that is taken; each is with probability 0.59 or more, none of the 24
// with less than 1e-9, and then the first one stays, brought into the interval.
#include <cmath>
#include <limits>

#include "ops/api/checks.h"
#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

Expr less(Expr a, Expr b) { return call(ScalarOp::lt, {a, b}); }
Expr both(Expr a, Expr b) { return call(ScalarOp::bit_and, {a, b}); }
Expr inverse(Expr a) { return call(ScalarOp::bit_not, {a}); }

struct Interval {
  Expr a, b, width, tail, narrow, alpha;
};

Interval interval_of(Expr a, Expr b) {
  const Expr width = b - a, zero = like(a, 0);
  const Expr tail = both(less(like(a, -0.5), a), inverse(both(less(a, zero), less(width, like(a, 2)))));
  return {a, b, width, tail, less(width, like(a, 2.5)), (a + call(ScalarOp::sqrt, {a * a + 4.0})) * 0.5};
}

struct Try {
  Expr z, taken;
};

// Try number t: the proposal from id 2t, whether it is taken from id 2t + 1.
Try make_try(Element& e, const Interval& in, const Index& t) {
  const DType dtype = in.a.type();
  const int digits = dtype == DType::f64 ? 52 : 23;
  const Expr bits = random_bits(e, t * Dim(2)), zero = like(in.a, 0);
  const Expr v = (bit_field(e, bits, 64 - digits, digits, dtype) + 0.5) * std::ldexp(1.0, -digits);
  const Expr normal = normal_of(e, bits, dtype), uniform = in.a + in.width * v;
  const Expr beyond = in.a - call(ScalarOp::log1p, {v * call(ScalarOp::expm1, {-in.alpha * in.width})}) / in.alpha;
  const Expr z = select(in.tail, beyond, select(in.narrow, uniform, normal));
  const Expr from_alpha = z - in.alpha;
  const Expr cost = select(in.tail, from_alpha * from_alpha * 0.5, select(in.narrow, z * z * 0.5, zero));
  const Expr inside = both(call(ScalarOp::le, {in.a, z}), call(ScalarOp::le, {z, in.b}));
  return {z, both(inside, less(cost, exponential_of(e, random_bits(e, t * Dim(2) + Index(1)), dtype)))};
}

Expr element(Element& e) {
  const Expr low = e.input(1), high = e.input(2), zero = like(low, 0);
  const Expr mirrored = less(low + high, zero);
  const Interval in = interval_of(select(mirrored, -high, low), select(mirrored, -low, high));
  const Dim tries[] = {truncated_normal_tries};
  const auto [any, first] = e.reduce_pair(Combiner::arg_max, tries, [&](std::span<const Index> at) {
    return std::pair{select(make_try(e, in, at[0]).taken, like(low, 1), zero), e.value(at[0])};
  });
  const Expr z = call(ScalarOp::min, {call(ScalarOp::max, {make_try(e, in, Index(first)).z, in.a}), in.b});
  return select(call(ScalarOp::le, {low, high}), select(mirrored, -z, z),
                like(low, std::numeric_limits<double>::quiet_NaN()));
}

double reference_value(const Reference& r, std::size_t i, double low, double high) {
  if (!(low <= high)) return std::numeric_limits<double>::quiet_NaN();
  const bool mirrored = low + high < 0;
  const double a = mirrored ? -high : low, b = mirrored ? -low : high, alpha = (a + std::sqrt(a * a + 4)) / 2;
  const double digits = r.outputs[0].dtype() == DType::f64 ? 4503599627370496.0 : 8388608.0;
  double first = 0;
  for (int t = 0; t < truncated_normal_tries; ++t) {
    const std::uint64_t bits = reference_bits(r, i, 2 * t);
    const double v = (std::floor(static_cast<double>(bits >> 12) / 4503599627370496.0 * digits) + 0.5) / digits;
    double z = 0, log_taken = 0;
    if (a > -0.5 && !(a < 0 && b - a < 2)) {
      z = a - std::log(1 - v * (1 - std::exp(-alpha * (b - a)))) / alpha;
      log_taken = -(z - alpha) * (z - alpha) / 2;
    } else if (b - a < 2.5) {
      z = a + (b - a) * v;
      log_taken = -z * z / 2;
    } else {
      z = reference_normal(bits);
    }
    if (t == 0) first = std::fmin(std::fmax(z, a), b);
    if (z >= a && z <= b && -reference_exponential(reference_bits(r, i, 2 * t + 1)) < log_taken)
      return mirrored ? -z : z;
  }
  return mirrored ? -first : first;
}

std::vector<Sample> samples() {
  const auto bound = [](Extents shape, double low, double high) {
    return SampleInput{.shape = std::move(shape), .low = low, .high = high, .differentiable = false};
  };
  const auto build = [](Shape shape) {
    return [shape](std::span<const Tensor> in) {
      return std::vector{random_truncated_normal(in[0], 5, in[1], in[2], shape, in[1].dtype())};
    };
  };
  const auto one_sided = [](std::span<const Tensor> in) {
    return std::vector{
        random_truncated_normal(in[0], 5, in[1], std::numeric_limits<double>::infinity(), {7}, in[1].dtype())};
  };
  return {
      {"around 0", {state_input({2}), bound({3, 5}, -3, -1), bound({3, 5}, 1, 3)}, build({3, 5}), 10},
      {"narrow", {state_input({2}), bound({9}, -0.4, 0), bound({9}, 0, 1)}, build({9}), 10},
      {"above 0", {state_input({2}), bound({7}, 0, 3), bound({7}, 3, 5)}, build({7}), 10},
      {"far below 0", {state_input({2}), bound({7}, -12, -9), bound({7}, -8, -7)}, build({7}), 10},
      {"one-sided", {state_input({2}), bound({7}, -4, 8)}, one_sided, 10},
      {"two states", {state_input({2, 2}), bound({}, -2, -1), bound({3}, 1, 3)}, build({3}), 10},
      {"nothing between", {state_input({2}), bound({3}, 1, 2), bound({3}, -1, 0)}, build({3})},
  };
}

}  // namespace

// random_truncated_normal(state, low, high; draw_id, shape, dtype) -> dtype shape: normal under the condition that it
// is in [low, high], which may be infinite. NaN where low > high or one is NaN. No derivatives.
const OpDef random_truncated_normal_op{
    .name = "random_truncated_normal",
    .doc = "RandomStream::truncated_normal(low, high, shape, dtype): standard normal in [low, high]; NaN if low > high",
    .type =
        [](const TypeArgs& args) {
          const DType dtype = args.params_as<RandomParams>().dtype;
          args.require(is_floating(dtype), "the result must be float");
          auto type = random_type(args, 2, truncated_normal_ids);
          for (int k : {1, 2}) args.require(args.type(k).dtype == dtype, "bounds must have the result's dtype");
          return type;
        },
    .element = element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for (std::size_t i = 0; i < static_cast<std::size_t>(r.outputs[0].size()); ++i) {
            const auto at = static_cast<std::int64_t>(i);
            store(r.outputs[0], i, reference_value(r, i, r.inputs[1].at(at), r.inputs[2].at(at)));
          }
        },
    .samples = samples,
    .default_params = [] { return make_params(RandomParams{}); },
};

Tensor random_truncated_normal(const Tensor& state, std::int64_t draw_id, const Operand& low, const Operand& high,
                               Shape shape, DType dtype, SourceLine line) {
  const Tensor a = parameter(random_truncated_normal_op, state, shape, low, dtype, line),
               b = parameter(random_truncated_normal_op, state, shape, high, dtype, line);
  return apply1(random_truncated_normal_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state, a, b},
                line);
}

}  // namespace bitale::ops
