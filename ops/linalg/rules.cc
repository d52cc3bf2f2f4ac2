#include "ops/linalg/rules.h"

#include <numeric>
#include <vector>

#include "ops/api/elementwise.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"

namespace bitale::ops {

using ir::DotParams;
using rewrite::any;
using rewrite::FreshInput;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

using Axes = std::vector<std::int64_t>;

Axes leading(int count) {
  Axes axes(static_cast<std::size_t>(count));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

// A product with an inverse that nothing else reads, for every batch axis of it one of the other operand, the leading
// ones; `other` has at most one axis more than are summed. The solution needs half the work and loses less.
Tensor product_with_inverse(const Match& m, bool left) {
  const auto& p = m.root().node().params_as<DotParams>();
  const Tensor inverse = m.root().node().input(left ? 0 : 1), other = m.root().node().input(left ? 1 : 0);
  const Axes &batch = left ? p.batch_a : p.batch_b, &other_batch = left ? p.batch_b : p.batch_a;
  const Axes &summed = left ? p.sum_a : p.sum_b, &other_summed = left ? p.sum_b : p.sum_a;
  const int batches = inverse.rank() - 2;
  if (m.uses(inverse) > 1 || batch != leading(batches) || other_batch != batch || summed.size() != 1) return {};
  const int free = other.rank() - batches - 1;
  if (free > 1) return {};
  // The sum over the last axis of the inverse is a solution of a x = b, that over the other one of a^T x = b.
  const bool transposed_system = summed[0] == batches;
  const ir::Node& node = inverse.node();
  const auto solution = [&](const Tensor& b) {
    return solve_factored(node.input(0), b, {node.input(1), node.input(2)}, transposed_system);
  };
  if (free == 0) return ir::reshape(solution(ir::expand_dims(other, other.rank())), m.root().shape());
  const Tensor x = solution(other_summed[0] == batches ? other : transposed(other));
  return left ? x : transposed(x);  // the free axis of a comes first
}

// log(det a): -inf for a singular matrix and NaN for a negative determinant, as the left side.
Tensor log_of_det(const Match& m) {
  const Tensor& det = m.root().node().input(0);
  const ir::Node& node = det.node();
  const auto d = ir::apply(slogdet_op, nullptr, {node.input(0), node.input(1), node.input(2)});
  return ir::where(ir::less(0.0, d[0]), d[1], log(d[0]));
}

Tensor log_of_size_of_det(const Match& m) {
  const ir::Node& node = m.root().node().input(0).node().input(0).node();
  return ir::apply(slogdet_op, nullptr, {node.input(0), node.input(1), node.input(2)})[1];
}

Tensor fresh_regular(const FreshInput& fresh, ir::Shape shape) { return regular(fresh(DType::f64, std::move(shape))); }

std::vector<Tensor> inverse_left_sides(const FreshInput& fresh) {
  const auto b = [&](ir::Shape shape) { return fresh(DType::f64, std::move(shape)); };
  const auto a = [&] { return inverse(fresh_regular(fresh, {3, 3})); };
  return {ir::dot(a(), b({3, 2})), ir::dot(a(), b({3})), ir::dot_general(a(), b({2, 3}), {{}, {}, {1}, {1}}),
          ir::dot_general(a(), b({3, 2}), {{}, {}, {0}, {0}}),
          times(inverse(fresh_regular(fresh, {2, 3, 3})), b({2, 3, 4}))};
}

std::vector<Tensor> right_inverse_left_sides(const FreshInput& fresh) {
  const auto b = [&](ir::Shape shape) { return fresh(DType::f64, std::move(shape)); };
  const auto a = [&] { return inverse(fresh_regular(fresh, {3, 3})); };
  return {ir::dot(b({2, 3}), a()), ir::dot(b({3}), a()), ir::dot_general(b({2, 3}), a(), {{}, {}, {1}, {1}}),
          times(b({2, 4, 3}), inverse(fresh_regular(fresh, {2, 3, 3})))};
}

const std::vector<Rule>& table() {
  constexpr auto stabilising = RuleClass::stabilising;
  static const Pattern a = any("a"), b = any("b"), packed = any("packed"), rows = any("rows"), other = any("other"),
                       others = any("others");
  static const Pattern inverted = op("inverse", {a, packed, rows}), determinant = op("det", {a, packed, rows});
  static const std::vector<Rule> rules{
      {.name = "dot-inverse-left",
       .pattern = op("dot", {inverted, b}),
       .result = [](const Match& m) { return product_with_inverse(m, true); },
       .rule_class = stabilising,
       .low = -0.5,
       .high = 0.5,
       .left_sides = inverse_left_sides},
      {.name = "dot-inverse-right",
       .pattern = op("dot", {b, inverted}),
       .result = [](const Match& m) { return product_with_inverse(m, false); },
       .rule_class = stabilising,
       .low = -0.5,
       .high = 0.5,
       .left_sides = right_inverse_left_sides},
      {.name = "inverse-of-inverse",
       .pattern = op("inverse", {inverted, other, others}),
       .result = [](const Match& m) { return m["a"]; },
       .rule_class = stabilising,
       .low = -0.5,
       .high = 0.5,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{inverse(inverse(fresh_regular(fresh, {3, 3}))),
                                inverse(inverse(fresh_regular(fresh, {2, 4, 4})))};
           }},
      {.name = "log-of-det",
       .pattern = op("log", {determinant}),
       .result = log_of_det,
       .rule_class = stabilising,
       .low = -0.5,
       .high = 0.5,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{log(det(fresh_regular(fresh, {3, 3}))), log(det(fresh(DType::f64, {5, 3, 3}))),
                                log(det(ir::zeros(DType::f64, {2, 2})))};
           }},
      {.name = "log-of-abs-det",
       .pattern = op("log", {op("abs", {determinant})}),
       .result = log_of_size_of_det,
       .rule_class = stabilising,
       .low = -0.5,
       .high = 0.5,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{log(ir::abs(det(fresh_regular(fresh, {3, 3})))),
                                log(ir::abs(det(fresh(DType::f64, {5, 2, 2}))))};
           }},
  };
  return rules;
}

}  // namespace

std::span<const Rule* const> linalg_rules() {
  static const auto list = rewrite::rule_list({&table()});
  return list;
}

}  // namespace bitale::ops
