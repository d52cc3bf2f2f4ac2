#include "tests/unit/compiler/values.h"

#include <cmath>
#include <limits>

namespace bitale::tests {

Array draw(DType dtype, const Extents& shape, double low, double high, std::mt19937_64& random, Draw how) {
  std::uniform_real_distribution<double> uniform(low, high);
  constexpr double inf = std::numeric_limits<double>::infinity();
  constexpr double special[] = {std::numeric_limits<double>::quiet_NaN(), inf, -inf, 0.0, -0.0, 1.0};
  Array a(DType::f64, shape);
  for (double& v : a.view<double>()) {
    v = uniform(random);
    if (!is_floating(dtype))
      v = dtype == DType::bool_ ? static_cast<double>(random() & 1) : std::floor(v);
    else if (how == Draw::hostile && random() % 3 == 0)
      v = special[random() % std::size(special)];
  }
  return a.cast(dtype);
}

Array vector(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Array::of<double>(values, {n});
}

Array scalar(double value) { return Array::scalar(value); }

std::vector<ir::Tensor> leaves_of(std::span<const ir::Tensor> outputs) {
  std::vector<ir::Tensor> leaves;
  for (const ir::NodePtr& node : ir::topological(outputs))
    if (node->op().leaf == ir::Leaf::input) leaves.emplace_back(node, 0);
  return leaves;
}

std::vector<Array> values_of(std::span<const ir::Tensor> outputs, const ad::Bindings& leaves) {
  std::vector<eval::Binding> bindings;
  for (const auto& [tensor, value] : leaves) bindings.push_back({tensor, value});
  return eval::evaluate(outputs, bindings);
}

Array value_of(const ir::Tensor& output, const ad::Bindings& leaves) { return values_of({&output, 1}, leaves)[0]; }

std::string difference(const Array& a, const Array& b, rewrite::RuleClass rule_class, double tolerance) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape())
    return std::string(name_of(a.dtype())) + shape_text(a.shape()) + " and " + std::string(name_of(b.dtype())) +
           shape_text(b.shape());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double x = a.at(i), y = b.at(i);
    bool same = x == y && std::signbit(x) == std::signbit(y);
    if (rule_class == rewrite::RuleClass::exact)
      same = same || (std::isnan(x) && std::isnan(y));
    else
      same = same || !std::isfinite(x) || std::abs(x - y) <= tolerance * std::max(1.0, std::abs(x));
    if (!same) return "[" + std::to_string(i) + "]: " + std::to_string(x) + " and " + std::to_string(y);
  }
  return "";
}

}  // namespace bitale::tests
