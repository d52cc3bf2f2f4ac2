// Derivatives of digamma. For x > 0 the sum over 1 / (x + k)^(n+1), whose tail is Euler and Maclaurin's; for negative x
// by reflection: (-1)^n polygamma(n, 1 - x) - polygamma(n, x) is the n-th derivative of pi cot(pi x).
#include <cmath>
#include <limits>
#include <numbers>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"
#include "ops/elementwise/unary.h"

namespace bitale::ops {

using ir::Expr;
using ir::Node;
using ir::OpDef;
using ir::ScalarOp;

extern const OpDef polygamma_op;

namespace {

constexpr std::int64_t largest_order = 60;

struct PolygammaParams {
  std::int64_t order = 1;
  bool operator==(const PolygammaParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("order", order);
  }
};

Expr power(Expr x, int n) {
  if (n == 1) return x;
  const Expr half = power(x, n / 2);
  return n % 2 == 0 ? half * half : half * half * x;
}

// The sum of 1 / (x + k)^s over k >= 0, for x > 0 and integral s > 1.
Expr hurwitz_zeta(Expr x, int s) {
  const int summed = 8 + s;
  constexpr double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};
  const Expr inverse = 1 / (x + summed);
  const Expr w = inverse * inverse;
  const Expr first = power(inverse, s);
  Expr series = ir::like(x, 0);
  for (int j = 7; j > 0; --j) {  // B(2j) / (2j)! * s (s + 1)...(s + 2j - 2) / z^(2j - 1), less a factor 1 / z
    double factor = bernoulli[j - 1];
    for (int i = 1; i <= 2 * j; ++i) factor /= i;
    for (int i = 0; i < 2 * j - 1; ++i) factor *= s + i;
    series = series * w + factor;
  }
  Expr sum = power(inverse, s - 1) / (s - 1) + first * (series * inverse + 0.5);
  for (int k = summed; k-- > 0;) sum = sum + power(1 / (x + k), s);
  return sum;
}

// The n-th derivative of cot(x), by c = cot(x): a polynomial, since that of c is -(1 + c^2).
Expr cot_derivative(Expr c, int n) {
  std::vector<double> p{0, 1};
  for (int i = 0; i < n; ++i) {
    std::vector<double> next(p.size() + 1, 0.0);
    for (std::size_t k = 1; k < p.size(); ++k) {
      next[k - 1] -= static_cast<double>(k) * p[k];
      next[k + 1] -= static_cast<double>(k) * p[k];
    }
    p = next;
  }
  Expr sum = ir::like(c, p.back());
  for (std::size_t k = p.size() - 1; k-- > 0;) sum = sum * c + p[k];
  return sum;
}

Expr polygamma_formula(Expr x, int n) {
  const Expr negative = ir::call(ScalarOp::lt, {x, ir::like(x, 0)});
  const Expr of_positive = std::tgamma(n + 1.0) * hurwitz_zeta(ir::select(negative, 1 - x, x), n + 1);  // of one sign
  const Expr f = x - ir::call(ScalarOp::round, {x});
  const Expr cot = 1 / ir::call(ScalarOp::tan, {std::numbers::pi * f});
  const Expr reflected = -of_positive - std::pow(std::numbers::pi, n + 1) * cot_derivative(cot, n);
  // At the poles of an even order the two sides differ in sign.
  const Expr pole = ir::call(ScalarOp::eq, {f, ir::like(x, 0)});
  const double at_pole =
      n % 2 == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return ir::select(negative, ir::select(pole, ir::like(x, at_pole), reflected),
                    n % 2 == 0 ? -of_positive : of_positive);
}

}  // namespace

const OpDef polygamma_op = [] {
  OpDef def = ir::elementwise({
      .name = "polygamma",
      .doc = "polygamma(n, x): the n-th derivative of digamma, n = 0..60",
      .type = ir::same_float,
      .body = {},
      .partials = {{[](const Node& n) { return polygamma(n.params_as<PolygammaParams>().order + 1, n.input(0)); },
                    true}},
      .samples =
          [] {
            std::vector<ir::Sample> list;
            for (const int n : {1, 2, 5}) {
              const auto build = [n](auto x) { return polygamma(n, x[0]); };
              list.push_back(ir::sample("order " + std::to_string(n), {ir::uniform({3, 4}, 0.5, 6)}, build));
              list.push_back(
                  ir::sample("order " + std::to_string(n) + ", negative", {ir::uniform({5}, -1.8, -1.2)}, build));
            }
            return list;
          },
  });
  def.scalar = nullptr;
  def.element = [](ir::Element& e) {
    return polygamma_formula(e.input(0), static_cast<int>(e.params_as<PolygammaParams>().order));
  };
  def.default_params = [] { return ir::make_params(PolygammaParams{}); };
  return def;
}();

Tensor polygamma(std::int64_t n, const Tensor& x, SourceLine line) {
  ir::require_operand("polygamma", x, line);
  if (n < 0 || n > largest_order)
    throw Error("polygamma: the order must be 0 to " + std::to_string(largest_order) + ", and is " + std::to_string(n) +
                (line ? ", at " + to_string(line) : ""));
  if (n == 0) return digamma(x, line);
  const Operand operand = x;
  const DType dtype = ir::float_dtype({&operand, 1});
  return ir::apply1(polygamma_op, ir::make_params(PolygammaParams{n}), {ir::cast(x, dtype, line)}, line);
}

}  // namespace bitale::ops
