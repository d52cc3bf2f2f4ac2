#include "ops/index/rules.h"

#include <cmath>
#include <vector>

#include "ops/index/index.h"

namespace bitale::ops {

using rewrite::any;
using rewrite::FreshInput;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

// What was put at the same rows before is gone.
Tensor set_again(const Match& m) {
  const Tensor& y = m["y"];
  return scatter_rows(scatter_set_op, m["x"], m["i"], y);
}

// z + (rows added to zeros), if nobody else reads the latter: the rows are added to z. Sums in another order.
Tensor add_to_scattered(const Match& m) {
  const ir::Node& root = m.root().node();
  for (int k = 0; k < 2; ++k) {
    const Tensor &t = root.input(k), &z = root.input(1 - k);
    const Tensor s = t.node().op().name == "reshape" ? t.node().input(0) : t;
    if (&s.node().op() != &scatter_add_op || m.uses(t) > 1 || m.uses(s) > 1) continue;
    const auto base = splat_value(s.node().input(0));
    if (!base || base->as_double() != 0 || std::signbit(base->as_double())) continue;
    return reshape(scatter_rows(scatter_add_op, reshape(z, s.shape()), s.node().input(1), s.node().input(2)),
                   z.shape());
  }
  return {};
}

Tensor rows_of(const FreshInput& fresh) { return sample_indices(fresh(DType::i64, {3}), 5); }

const std::vector<Rule>& table() {
  static const Pattern x = any("x"), y = any("y"), z = any("z"), i = any("i");
  static const std::vector<Rule> rules{
      {.name = "scatter-set-again",
       .pattern = op("scatter_set", {op("scatter_set", {x, i, z}), i, y}),
       .result = set_again,
       .left_sides =
           [](const FreshInput& fresh) {
             const auto block = [&](std::int64_t rows) { return fresh(DType::f64, {2, rows, 4}); };
             const Tensor rows = checked_rows(rows_of(fresh), 5, "scatter_set");
             return std::vector{
                 scatter_rows(scatter_set_op, scatter_rows(scatter_set_op, block(5), rows, block(3)), rows, block(3))};
           }},
      {.name = "add-scattered",
       .pattern = x + y,
       .result = add_to_scattered,
       .rule_class = RuleClass::stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const auto added = [&](const Tensor& to) {
               return scatter_add(to, rows_of(fresh), fresh(DType::f64, {3, 4}), 0);
             };
             const Tensor zeros = ir::zeros(DType::f64, {5, 4});
             return std::vector{fresh(DType::f64, {5, 4}) + added(zeros), added(zeros) + fresh(DType::f64, {5, 4}),
                                added(zeros) + added(zeros)};
           }},
  };
  return rules;
}

}  // namespace

std::span<const Rule* const> index_rules() {
  static const auto list = rewrite::rule_list({&table()});
  return list;
}

}  // namespace bitale::ops
