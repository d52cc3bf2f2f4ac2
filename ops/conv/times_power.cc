#include <cmath>

#include "ops/conv/lrn.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// x / base^(n/4): roots are many times cheaper than a power, and quarters are the exponents of practice.
Expr divided_by_quarters(Expr x, Expr base, int n) {
  Expr divisor;
  const auto times = [&](Expr factor) { divisor = divisor ? divisor * factor : factor; };
  for (int whole = 0; whole < n / 4; ++whole) times(base);
  if (n % 4 != 0) {
    const Expr half = call(ScalarOp::sqrt, {base});
    if (n % 4 >= 2) times(half);
    if (n % 4 != 2) times(call(ScalarOp::sqrt, {half}));
  }
  return x / divisor;
}

Expr element(Element& e) {
  constexpr int most_quarters = 16;
  const double exponent = e.node().params_as<TimesPowerParams>().exponent, quarters = -4 * exponent;
  const Expr x = e.input(0), base = e.input(1);
  if (quarters == std::floor(quarters) && quarters >= 1 && quarters <= most_quarters)
    return divided_by_quarters(x, base, static_cast<int>(quarters));
  return x * call(ScalarOp::pow, {base, e.constant(exponent, base.type())});
}

void reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>(), base = r.inputs[1].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<T>(x[i] * std::pow(static_cast<long double>(base[i]),
                                              static_cast<long double>(r.node.params_as<TimesPowerParams>().exponent)));
  });
}

// The partial derivatives, times what is passed on: linear in x.
Tensor in_x(const Tensor& d, const Node& node) {
  return times_power(d, node.input(1), node.params_as<TimesPowerParams>().exponent);
}
Tensor in_base(const Tensor& d, const Node& node) {
  const double exponent = node.params_as<TimesPowerParams>().exponent;
  return times_power(mul(d, node.input(0)), node.input(1), exponent - 1) * exponent;
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const double exponent : {-0.25, -0.5, -0.75, -1.0, -1.75, -1.3, 2.0})
    out.push_back(
        {"to the " + std::to_string(exponent).substr(0, exponent < 0 ? 5 : 4),
         {{{3, 5}}, {{3, 5}, 0.5, 4}},
         [exponent](std::span<const Tensor> in) { return std::vector{times_power(in[0], in[1], exponent)}; }});
  return out;
}

}  // namespace

// times_power(x, base; exponent) -> x * base^exponent, elementwise, for base > 0. One op, so that a sum over windows of
// it reads finished values and does not take roots again for every element of a window.
const OpDef times_power_op{
    .name = "times_power",
    .doc = "x * base^exponent for base > 0, as lrn takes it",
    .type =
        [](const TypeArgs& args) {
          args.require_count(2);
          return same_float(args);
        },
    .element = element,
    .vjp = [](const Vjp& v) { return std::vector{in_x(v.dy(), v.node), in_base(v.dy(), v.node)}; },
    .jvp =
        [](const Jvp& v) {
          return std::vector{
              accumulate(v.dx(0) ? in_x(v.dx(0), v.node) : Tensor{}, v.dx(1) ? in_base(v.dx(1), v.node) : Tensor{})};
        },
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(TimesPowerParams{}); },
};

Tensor times_power(const Tensor& x, const Tensor& base, double exponent, SourceLine line) {
  return apply1(times_power_op, make_params(TimesPowerParams{exponent}), {x, base}, line);
}

}  // namespace bitale::ops
