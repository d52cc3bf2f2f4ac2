// random_gamma and random_log_gamma: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
//
// With d = a - 1/3, w = x / sqrt(9 d) and x normal, d (1 + w)^3 is taken where log u < x^2/2 + d (1 - v + log v),
// v = (1 + w)^3. That is written d (3 (log1p(w) - w) - 3 w^2 - w^3): no large terms cancel for large a. A shape a < 1
// is drawn as a + 1 and multiplied by u^(1/a).
//
// All tries are made, in a loop that finds the first that is taken. Each is with probability 0.95 or more: none of the
// eight with less than 1e-10, and then the first one stays.
#include <cmath>
#include <limits>

#include "ops/api/checks.h"
#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct Try {
  Expr w, taken;
};

// Try number t: normal from id 2t, uniform from id 2t + 1.
Try make_try(Element& e, Expr d, const Index& t) {
  const DType dtype = d.type();
  const Expr x = normal_of(e, random_bits(e, t * Dim(2)), dtype);
  const Expr u = exponential_of(e, random_bits(e, t * Dim(2) + Index(1)), dtype);
  const Expr w = x / call(ScalarOp::sqrt, {d * 9.0});
  const Expr log_density = x * x * 0.5 + d * ((call(ScalarOp::log1p, {w}) - w) * 3.0 - w * w * (w + 3.0));
  return {w, call(ScalarOp::lt, {-u, log_density})};
}

Expr element(Element& e, bool logarithm) {
  const Expr a = e.input(1), zero = like(a, 0);
  const Expr small = call(ScalarOp::lt, {a, like(a, 1)});
  const Expr d = select(small, a + 1.0, a) - 1.0 / 3;
  const Dim tries[] = {gamma_tries};
  const auto [any, first] = e.reduce_pair(Combiner::arg_max, tries, [&](std::span<const Index> at) {
    return std::pair{select(make_try(e, d, at[0]).taken, like(a, 1), zero), e.value(at[0])};
  });
  const Expr base = call(ScalarOp::max, {make_try(e, d, Index(first)).w, like(a, -1)}) + 1.0;
  const Expr shrink =
      select(small, exponential_of(e, random_bits(e, Index(2 * gamma_tries)), a.type()) / a, zero);  // -log of u^(1/a)
  const Expr value = logarithm ? call(ScalarOp::log, {d}) + call(ScalarOp::log, {base}) * 3.0 - shrink
                               : d * base * base * base * call(ScalarOp::exp, {-shrink});
  return select(call(ScalarOp::lt, {a, zero}), like(a, std::numeric_limits<double>::quiet_NaN()), value);
}

double reference_value(const Reference& r, std::size_t i, double a, bool logarithm) {
  if (a < 0) return std::numeric_limits<double>::quiet_NaN();
  const double d = (a < 1 ? a + 1 : a) - 1.0 / 3;
  double v = -1, first = 0;
  for (int t = 0; t < gamma_tries && v < 0; ++t) {
    const double x = reference_normal(reference_bits(r, i, 2 * t)), w = 1 + x / std::sqrt(9 * d), cube = w * w * w;
    if (t == 0) first = std::fmax(cube, 0);
    const double log_u = -reference_exponential(reference_bits(r, i, 2 * t + 1));
    if (w > 0 && log_u < x * x / 2 + d - d * cube + d * std::log(cube)) v = cube;
  }
  if (v < 0) v = first;
  const double shrink = a < 1 ? reference_exponential(reference_bits(r, i, 2 * gamma_tries)) / a : 0;
  return logarithm ? std::log(d * v) - shrink : d * v * std::exp(-shrink);
}

std::vector<Sample> samples(Tensor (*draw)(const Tensor&, std::int64_t, const Operand&, Shape, DType, SourceLine)) {
  const auto alpha = [](Extents shape, double low, double high) {
    return SampleInput{.shape = std::move(shape), .low = low, .high = high, .differentiable = false};
  };
  const auto build = [draw](Shape shape) {
    return [=](std::span<const Tensor> in) { return std::vector{draw(in[0], 5, in[1], shape, in[1].dtype(), {})}; };
  };
  // Small shapes divide an exponential by what may be near 0: relative errors are those of the exponent.
  return {
      {"matrix", {state_input({2}), alpha({3, 5}, 1, 9)}, build({3, 5}), 10},
      {"small shapes", {state_input({2}), alpha({11}, 0.1, 1)}, build({11}), 100},
      {"large shapes", {state_input({2}), alpha({7}, 1e3, 1e6)}, build({7}), 10},
      {"broadcast", {state_input({2}), alpha({}, 0.5, 2)}, build({2, 3}), 10},
      {"two states", {state_input({2, 2}), alpha({3}, 0.5, 2)}, build({3}), 10},
      {"negative shapes", {state_input({2}), alpha({3}, -2, -1)}, build({3})},
  };
}

OpDef gamma_op(std::string name, std::string doc, bool logarithm,
               Tensor (*draw)(const Tensor&, std::int64_t, const Operand&, Shape, DType, SourceLine)) {
  return {.name = std::move(name),
          .doc = std::move(doc),
          .type =
              [](const TypeArgs& args) {
                const DType dtype = args.params_as<RandomParams>().dtype;
                args.require(is_floating(dtype), "the result must be float");
                auto type = random_type(args, 1, gamma_ids);
                args.require(args.type(1).dtype == dtype, "the shape parameter must have the result's dtype");
                return type;
              },
          .element = [logarithm](Element& e) { return element(e, logarithm); },
          .vjp = zero_vjp,
          .jvp = zero_jvp,
          .batch = batch_elementwise,
          .reference =
              [logarithm](const Reference& r) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(r.outputs[0].size()); ++i)
                  store(r.outputs[0], i,
                        reference_value(r, i, r.inputs[1].at(static_cast<std::int64_t>(i)), logarithm));
              },
          .samples = [draw] { return samples(draw); },
          .default_params = [] { return make_params(RandomParams{}); }};
}

}  // namespace

// random_gamma(state, a; draw_id, shape, dtype) -> dtype shape: density x^(a-1) exp(-x) / Gamma(a). 0 has the value 0,
// a negative shape NaN. Derivatives in a are zero (those of the distribution are not).
const OpDef random_gamma_op = gamma_op(
    "random_gamma", "RandomStream::gamma(a, scale, shape, dtype): gamma, here with scale 1; no derivative in a", false,
    random_gamma);

// random_log_gamma: the logarithm of that, which does not underflow where a is small.
const OpDef random_log_gamma_op =
    gamma_op("random_log_gamma", "log of random_gamma, also where that underflows; under beta and dirichlet", true,
             random_log_gamma);

Tensor random_gamma(const Tensor& state, std::int64_t draw_id, const Operand& a, Shape shape, DType dtype,
                    SourceLine line) {
  const Tensor alpha = parameter(random_gamma_op, state, shape, a, dtype, line);
  return apply1(random_gamma_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state, alpha}, line);
}

Tensor random_log_gamma(const Tensor& state, std::int64_t draw_id, const Operand& a, Shape shape, DType dtype,
                        SourceLine line) {
  const Tensor alpha = parameter(random_log_gamma_op, state, shape, a, dtype, line);
  return apply1(random_log_gamma_op, make_params(RandomParams{draw_id, dtype, std::move(shape)}), {state, alpha}, line);
}

}  // namespace bitale::ops
