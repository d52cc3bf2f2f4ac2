// Contractions: transposes and scalar factors leave the operands, and sums of products become dots.
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

Axes free_axes(int rank, const Axes& batch, const Axes& summed) {
  Axes out;
  for (std::int64_t a = 0; a < rank; ++a)
    if (!has(batch, a) && !has(summed, a)) out.push_back(a);
  return out;
}

// Names the axes of x in terms of what x is the transpose of; false if its free axes would change their order.
bool under_transpose(const Tensor& x, Axes& batch, Axes& summed) {
  const Axes& order = params_of<AxesParams>(x).axes;
  Axes free = free_axes(x.rank(), batch, summed);
  for (Axes* axes : {&free, &batch, &summed})
    for (std::int64_t& a : *axes) a = order[static_cast<std::size_t>(a)];
  return std::is_sorted(free.begin(), free.end());
}

Tensor dot_of_transpose(const Match& m, bool first) {
  DotParams p = params_of<DotParams>(m.root());
  const Tensor &a = m.root().node().input(0), &b = m.root().node().input(1);
  if (first) return under_transpose(a, p.batch_a, p.sum_a) ? dot_general(a.node().input(0), b, p) : Tensor();
  return under_transpose(b, p.batch_b, p.sum_b) ? dot_general(a, b.node().input(0), p) : Tensor();
}

// A transpose that only swaps the free axes of both operands as blocks: the operands swap.
Tensor transposed_dot(const Match& m, const Tensor& dot) {
  if (m.uses(dot) > 1) return {};
  const auto& p = params_of<DotParams>(dot);
  const Tensor &a = m["a"], &b = m["b"];
  const auto batches = static_cast<std::int64_t>(p.batch_a.size());
  const auto free_a = static_cast<std::int64_t>(a.rank()) - batches - static_cast<std::int64_t>(p.sum_a.size());
  Axes swapped;
  for (std::int64_t k = 0; k < batches; ++k) swapped.push_back(k);
  for (std::int64_t k = batches + free_a; k < dot.rank(); ++k) swapped.push_back(k);
  for (std::int64_t k = batches; k < batches + free_a; ++k) swapped.push_back(k);
  if (params_of<AxesParams>(m.root()).axes != swapped) return {};
  return dot_general(b, a, {p.batch_b, p.batch_a, p.sum_b, p.sum_a});
}

// The factor has few elements of its own: that it is transposed costs nothing.
Tensor transposed_scaled_dot(const Match& m) {
  const Tensor product = m.root().node().input(0), &c = m["c"];
  if (m.uses(product) > 1 || (!splat_value(c) && under_broadcast(c) == c)) return {};
  const Tensor dot = transposed_dot(m, product.node().input(product.node().input(0) == c ? 1 : 0));
  return dot ? mul(dot, transpose(c, params_of<AxesParams>(m.root()).axes)) : Tensor();
}

// What a factor c of an operand is under the axes of the dot's output, if it is one value along all axes that are
// summed: a finite constant, or something repeated. `free`: where the operand's free axes begin in the output.
Tensor factor_of_output(const Tensor& c, const Axes& batch, const Axes& summed, std::size_t free, const Shape& out) {
  if (const auto v = splat_value(c)) return std::isfinite(v->as_double()) ? full(*v, out) : Tensor();
  const Tensor x = under_broadcast(c);
  if (x == c) return {};
  const std::vector<bool> repeated = repeated_axes(x, c.shape());
  Axes order;            // of c's axes that are not summed: batch axes, then free ones
  Shape narrow, placed;  // x without summed axes; and in the output
  for (std::int64_t k = 0; k < c.rank(); ++k)
    if (has(summed, k) && !repeated[static_cast<std::size_t>(k)]) return {};
  order = batch;
  for (std::int64_t k : free_axes(c.rank(), batch, summed)) order.push_back(k);
  Shape whole(static_cast<std::size_t>(c.rank() - x.rank()), Dim(1));
  whole.insert(whole.end(), x.shape().begin(), x.shape().end());
  Axes first = order;
  first.insert(first.end(), summed.begin(), summed.end());
  for (std::int64_t k : order) narrow.push_back(whole[static_cast<std::size_t>(k)]);
  placed.assign(out.size(), Dim(1));
  for (std::size_t k = 0; k < narrow.size(); ++k) placed[k < batch.size() ? k : free + k - batch.size()] = narrow[k];
  return broadcast_to(reshape(transpose(reshape(x, whole), first), placed), out);
}

bool sums_something(const Tensor& x, const Axes& summed) {
  Shape extents;
  for (std::int64_t k : summed) extents.push_back(x.dim(static_cast<int>(k)));
  return !may_be_empty(extents);
}

// dot(x*c, b) as dot(x, b)*c, for the operand `i` that is x*c: an empty sum is 0 whatever c is, so a c that is not
// known needs something to sum.
Tensor dot_of_scaled(const Match& m, const Tensor& x, const Tensor& factor, int i) {
  const Node& root = m.root().node();
  const auto& p = params_of<DotParams>(m.root());
  if (!is_floating(m.root().dtype()) || splat_value(x)) return {};
  const Axes &batch = i == 0 ? p.batch_a : p.batch_b, &summed = i == 0 ? p.sum_a : p.sum_b;
  if (!splat_value(factor) && (!sums_something(x, summed) || !only_read_by(m, root.input(i), root))) return {};
  const std::size_t free = i == 0 ? batch.size() : root.input(0).shape().size() - p.sum_a.size();
  const Tensor c = factor_of_output(factor, batch, summed, free, m.root().shape());
  if (!c) return {};
  const Tensor dot = i == 0 ? dot_general(x, root.input(1), p) : dot_general(root.input(0), x, p);
  return mul(dot, c);
}

Tensor dot_of_product(const Match& m, int i) {
  const Tensor y = dot_of_scaled(m, m["x"], m["c"], i);
  return y ? y : dot_of_scaled(m, m["c"], m["x"], i);
}

Tensor dot_of_neg(const Match& m, bool first) {
  const auto& p = params_of<DotParams>(m.root());
  if (!is_floating(m.root().dtype())) return {};
  return neg(first ? dot_general(m["x"], m["b"], p) : dot_general(m["b"], m["x"], p));
}

// A dot with one value c everywhere: c times the sum of the other operand, repeated along the free axes of the first.
Tensor dot_of_splat(const Match& m, int i) {
  const Node& root = m.root().node();
  const auto& p = params_of<DotParams>(m.root());
  const auto v = splat_value(root.input(i));
  if (!v || !is_floating(v->dtype) || !std::isfinite(v->as_double()) || v->as_double() == 0) return {};
  const Tensor& x = root.input(1 - i);
  const Axes &batch = i == 0 ? p.batch_b : p.batch_a, &summed = i == 0 ? p.sum_b : p.sum_a;
  Axes sorted = summed, order = batch;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t k : free_axes(x.rank(), batch, summed)) order.push_back(k);
  for (std::int64_t& k : order) k -= std::lower_bound(sorted.begin(), sorted.end(), k) - sorted.begin();
  const Tensor total = transpose(sum(x, sorted), order);
  const std::size_t free = i == 0 ? m.root().shape().size() - (order.size() - batch.size()) : batch.size();
  Shape placed(m.root().shape().size(), Dim(1));
  for (std::size_t k = 0; k < order.size(); ++k)
    placed[k < batch.size() ? k : free + k - batch.size()] = total.shape()[k];
  return broadcast_to(mul(reshape(total, placed), full(*v, placed)), m.root().shape());
}

// A sum over some of a dot's axes. Over a free one, the operand that has it is summed first; one of the batch is summed
// over by the dot itself.
Tensor sum_of_dot(const Match& m) {
  const Tensor dot = m.root().node().input(0);
  if (!is_floating(dot.dtype()) || !only_read_by(m, dot, m.root().node())) return {};
  DotParams p = params_of<DotParams>(dot);
  const auto batches = static_cast<std::int64_t>(p.batch_a.size());
  const Axes free_a = free_axes(m["a"].rank(), p.batch_a, p.sum_a),
             free_b = free_axes(m["b"].rank(), p.batch_b, p.sum_b);
  const auto in_b = batches + static_cast<std::int64_t>(free_a.size());
  const Axes& summed = params_of<AxesParams>(m.root()).axes;
  for (auto k = summed.rbegin(); k != summed.rend(); ++k) {
    if (*k >= batches) continue;
    for (auto [batch, sum] : {std::pair(&p.batch_a, &p.sum_a), std::pair(&p.batch_b, &p.sum_b)}) {
      sum->push_back((*batch)[static_cast<std::size_t>(*k)]);
      batch->erase(batch->begin() + *k);
    }
  }
  Axes of_a, of_b;  // axes of the operands that are summed
  for (std::int64_t k : summed) {
    if (k < batches) continue;
    (k < in_b ? of_a : of_b)
        .push_back(k < in_b ? free_a[static_cast<std::size_t>(k - batches)]
                            : free_b[static_cast<std::size_t>(k - in_b)]);
  }
  const auto without = [](const Axes& gone, Axes& axes) {
    for (std::int64_t& k : axes) k -= std::lower_bound(gone.begin(), gone.end(), k) - gone.begin();
  };
  for (Axes* axes : {&p.batch_a, &p.sum_a}) without(of_a, *axes);
  for (Axes* axes : {&p.batch_b, &p.sum_b}) without(of_b, *axes);
  return dot_general(of_a.empty() ? m["a"] : sum(m["a"], of_a), of_b.empty() ? m["b"] : sum(m["b"], of_b), p);
}

// sum(broadcast(a) * broadcast(b)) where every summed axis is in both and each has an axis that the other has not: a
// matrix product. Axes of a broadcast product are those of its shape; an operand has an axis if it does not repeat
// along it. A small table of numbers is left alone: a kernel multiplies with it where it stands, and is not worth
// packing.
constexpr std::int64_t table_elements = 64;

bool is_table(Tensor x) {
  while (x.node().op().view) x = x.node().input(0);
  const Dim elements = product(x.shape());
  return x.node().op().leaf == ir::Leaf::constant && elements.is_constant() && elements.value() <= table_elements;
}

Tensor sum_of_products(const Match& m) {
  const Tensor product = m.root().node().input(0);
  const Axes& summed = params_of<AxesParams>(m.root()).axes;
  if (!is_floating(m.root().dtype()) || summed.empty() || m.uses(product) > 1) return {};
  const Tensor a = under_broadcast(m["a"]), b = under_broadcast(m["b"]);
  if (is_table(a) || is_table(b)) return {};
  const std::vector<bool> skip_a = repeated_axes(a, product.shape()), skip_b = repeated_axes(b, product.shape());

  DotParams p;
  Shape shape_a, shape_b;
  Axes batch, only_a, only_b;  // of the product, in the order of the dot's output
  for (std::size_t k = 0; k < product.shape().size(); ++k) {
    const bool in_a = !skip_a[k], in_b = !skip_b[k], reduced = has(summed, static_cast<std::int64_t>(k));
    if ((!in_a && !in_b) || (reduced && !(in_a && in_b))) return {};
    const auto at_a = static_cast<std::int64_t>(shape_a.size()), at_b = static_cast<std::int64_t>(shape_b.size());
    if (in_a) shape_a.push_back(product.shape()[k]);
    if (in_b) shape_b.push_back(product.shape()[k]);
    if (in_a && in_b) {
      (reduced ? p.sum_a : p.batch_a).push_back(at_a);
      (reduced ? p.sum_b : p.batch_b).push_back(at_b);
    }
    if (reduced) continue;
    (in_a && in_b ? batch : in_a ? only_a : only_b).push_back(static_cast<std::int64_t>(k));
  }
  if (only_a.empty() || only_b.empty()) return {};

  Axes made = batch;
  made.insert(made.end(), only_a.begin(), only_a.end());
  made.insert(made.end(), only_b.begin(), only_b.end());
  Axes wanted = made, order;
  std::sort(wanted.begin(), wanted.end());
  for (std::int64_t k : wanted) order.push_back(std::find(made.begin(), made.end(), k) - made.begin());
  return transpose(dot_general(reshape(a, shape_a), reshape(b, shape_b), p), order);
}

std::vector<Tensor> product_left_sides(const FreshInput& fresh) {
  constexpr auto f64 = DType::f64;
  const Tensor a = fresh(f64, {3, 4}), b = fresh(f64, {4, 5}), batch = fresh(f64, {2, 4, 5});
  const Shape matrix{3, 4, 5};
  const Tensor left = broadcast_to(reshape(a, {3, 4, 1}), matrix), right = broadcast_to(b, matrix);
  const Tensor swapped = broadcast_to(reshape(transpose(b), {5, 1, 4}), {5, 3, 4});
  return {sum(mul(left, right), {1}), sum(mul(swapped, broadcast_to(a, {5, 3, 4})), {2}),
          sum(mul(broadcast_to(reshape(fresh(f64, {2, 3, 4}), {2, 3, 4, 1}), {2, 3, 4, 5}),
                  broadcast_to(reshape(batch, {2, 1, 4, 5}), {2, 3, 4, 5})),
              {2})};
}

}  // namespace

const std::vector<Rule>& dot_rules() {
  constexpr auto f64 = DType::f64;
  constexpr auto rounding = RuleClass::stabilising;
  static const Pattern a = any("a"), b = any("b"), c = any("c"), x = any("x");
  const auto dots = [](Pattern l, Pattern r) { return op("dot", {std::move(l), std::move(r)}); };
  const auto transposed = [](Pattern p) { return op("transpose", {std::move(p)}); };
  static const std::vector<Rule> rules{
      {.name = "dot-transpose-left",
       .pattern = dots(transposed(a), b),
       .result = [](const Match& m) { return dot_of_transpose(m, true); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{
                 dot(transpose(fresh(f64, {4, 3})), fresh(f64, {4, 5})),
                 dot_general(transpose(fresh(f64, {4, 2, 3}), {1, 2, 0}), fresh(f64, {2, 4, 5}), {{0}, {0}, {2}, {1}})};
           }},
      {.name = "dot-transpose-right",
       .pattern = dots(a, transposed(b)),
       .result = [](const Match& m) { return dot_of_transpose(m, false); },
       .left_sides =
           [](const FreshInput& fresh) { return std::vector{dot(fresh(f64, {3, 4}), transpose(fresh(f64, {5, 4})))}; }},
      {.name = "transpose-dot",
       .pattern = transposed(dots(a, b)),
       .result = [](const Match& m) { return transposed_dot(m, m.root().node().input(0)); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{
                 transpose(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5}))),
                 transpose(dot_general(fresh(f64, {2, 3, 4}), fresh(f64, {2, 4, 5}), {{0}, {0}, {2}, {1}}), {0, 2, 1})};
           }},
      {.name = "transpose-scaled-dot",
       .pattern = transposed(dots(a, b) * c),
       .result = transposed_scaled_dot,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor product = dot(fresh(f64, {3, 4}), fresh(f64, {4, 5}));
             return std::vector{transpose(product * 2.5),
                                transpose(mul(product, broadcast_to(fresh(f64, {5}), {3, 5}))),
                                transpose(mul(broadcast_to(fresh(f64, {3, 1}), {3, 5}), product))};
           }},
      {.name = "dot-scaled-left",
       .pattern = dots(x * c, b),
       .result = [](const Match& m) { return dot_of_product(m, 0); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor rows = broadcast_to(fresh(f64, {3, 1}), {3, 4});
             const Tensor batched = mul(fresh(f64, {4, 2, 3}), broadcast_to(fresh(f64, {2, 3}), {4, 2, 3}));
             return std::vector{dot(mul(fresh(f64, {3, 4}), 2.5), fresh(f64, {4, 5})),
                                dot(mul(fresh(f64, {3, 4}), fresh(f64, {})), fresh(f64, {4})),
                                dot(mul(rows, fresh(f64, {3, 4})), fresh(f64, {4, 5})),
                                dot_general(batched, fresh(f64, {4, 5, 3}), {{2}, {2}, {0}, {0}})};
           }},
      {.name = "dot-scaled-right",
       .pattern = dots(b, x * c),
       .result = [](const Match& m) { return dot_of_product(m, 1); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor columns = broadcast_to(fresh(f64, {5}), {4, 5});
             return std::vector{dot(fresh(f64, {3, 4}), mul(-0.5, fresh(f64, {4, 5}))),
                                dot(fresh(f64, {3, 4}), mul(fresh(f64, {4, 5}), columns))};
           }},
      {.name = "dot-neg-left",
       .pattern = dots(-x, b),
       .result = [](const Match& m) { return dot_of_neg(m, true); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) { return std::vector{dot(neg(fresh(f64, {3, 4})), fresh(f64, {4, 5}))}; }},
      {.name = "dot-neg-right",
       .pattern = dots(b, -x),
       .result = [](const Match& m) { return dot_of_neg(m, false); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) { return std::vector{dot(fresh(f64, {3, 4}), neg(fresh(f64, {4, 5})))}; }},
      {.name = "dot-zeros",
       .pattern = dots(a, rewrite::literal(0)),
       .result = [](const Match& m) { return zeros_like(m.root()); },
       .rule_class = RuleClass::relaxed,
       .left_sides = [](const FreshInput& fresh) { return std::vector{dot(fresh(f64, {3, 4}), zeros(f64, {4, 5}))}; }},
      {.name = "dot-splat-left",
       .pattern = dots(rewrite::constant("c"), b),
       .result = [](const Match& m) { return dot_of_splat(m, 0); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{
                 dot(full(Literal::real(2.5, f64), {3, 4}), fresh(f64, {4, 5})),
                 dot_general(full(Literal::real(1, f64), {2, 3, 4}), fresh(f64, {4, 5, 2}), {{0}, {2}, {2}, {0}})};
           }},
      {.name = "dot-splat-right",
       .pattern = dots(a, rewrite::constant("c")),
       .result = [](const Match& m) { return dot_of_splat(m, 1); },
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{
                 dot(fresh(f64, {3, 4}), full(Literal::real(-0.5, f64), {4, 5})),
                 dot(fresh(f64, {3, 0}), full(Literal::real(2, f64), {0})),
                 dot_general(fresh(f64, {4, 5, 2}), full(Literal::real(1, f64), {4, 3, 2}), {{2}, {2}, {0}, {0}})};
           }},
      {.name = "sum-of-dot",
       .pattern = op("sum", {dots(a, b)}),
       .result = sum_of_dot,
       .rule_class = rounding,
       .left_sides =
           [](const FreshInput& fresh) {
             const auto batched = [&] {
               return dot_general(fresh(f64, {2, 3, 4, 1}), fresh(f64, {2, 4, 5}), {{0}, {0}, {2}, {1}});
             };
             return std::vector{sum(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5})), {0}),
                                sum(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5})), {1}),
                                sum(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5})), {0, 1}),
                                sum(batched(), {1, 3}),
                                sum(batched(), {2}),
                                sum(batched(), {0}),
                                sum(batched(), {0, 3})};
           }},
      {.name = "sum-of-products",
       .pattern = op("sum", {a * b}),
       .result = sum_of_products,
       .rule_class = rounding,
       .left_sides = product_left_sides},
  };
  return rules;
}

}  // namespace bitale::passes
