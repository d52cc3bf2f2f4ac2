// Slices of arithmetic, reductions and products that nobody else reads: what is cut off is not computed.
#include <algorithm>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

constexpr int most_nodes = 40;  // that one firing makes

const SliceParams& slice_of(const Match& m) { return params_of<SliceParams>(m.root()); }

Tensor sliced(const Tensor& x, const SliceParams& p) { return slice(x, p.starts, p.extents, p.steps); }

// What the slice is of, if it takes less than all of it and nobody else reads it; else empty.
Tensor only_sliced(const Match& m) {
  const Tensor& x = m.root().node().input(0);
  return slice_of(m).extents != x.shape() && only_read_by(m, x, m.root().node()) ? x : Tensor();
}

bool is_elementwise(const Tensor& t) {
  const Node& n = t.node();
  return n.outputs().size() == 1 && !n.inputs().empty() && (n.op().scalar || n.op().name == "cast") && !splat_value(t);
}

// t sliced by p; goes on into elementwise operands that are read by their one reader only. `left`: nodes still to be
// made.
Tensor lifted(const Match& m, const Tensor& t, const SliceParams& p, int& left) {
  const auto count = static_cast<int>(t.node().inputs().size());
  if (left < count + 1 || !is_elementwise(t)) return sliced(t, p);
  left -= count + 1;
  std::vector<Tensor> operands;
  for (const Tensor& in : t.node().inputs())
    operands.push_back(only_read_by(m, in, t.node()) ? lifted(m, in, p, left) : sliced(in, p));
  return apply1(t.node().op(), t.node().params(), std::move(operands));
}

Tensor of_elementwise(const Match& m) {
  const Tensor x = only_sliced(m);
  if (!x || !is_elementwise(x)) return {};
  int left = most_nodes;
  return lifted(m, x, slice_of(m), left);
}

bool is_reduction(const Tensor& t) {
  static const char* const names[] = {"sum", "max", "min", "prod", "argmax", "argmin", "logsumexp"};
  return std::find(std::begin(names), std::end(names), t.node().op().name) != std::end(names);
}

// The axes that are left are sliced, those that are reduced are whole.
Tensor of_reduction(const Match& m) {
  const Tensor x = only_sliced(m);
  if (!x || !is_reduction(x)) return {};
  const auto& p = slice_of(m);
  const Tensor& in = x.node().input(0);
  SliceParams inner;
  std::size_t next = 0;
  for (std::int64_t k = 0; k < in.rank(); ++k) {
    const bool reduced = has(params_of<AxesParams>(x).axes, k);
    inner.starts.push_back(reduced ? Dim(0) : p.starts[next]);
    inner.extents.push_back(reduced ? in.dim(static_cast<int>(k)) : p.extents[next]);
    inner.steps.push_back(reduced ? 1 : p.steps[next]);
    next += !reduced;
  }
  return apply1(x.node().op(), x.node().params(), {sliced(in, inner)});
}

// An operand of a dot under the slice p of it: batch axes are the first of p, the free ones begin at `free`.
Tensor operand_of(const Tensor& x, const Axes& batch, const Axes& summed, const SliceParams& p, std::size_t free) {
  SliceParams inner;
  for (std::int64_t k = 0; k < x.rank(); ++k) {
    const auto at = std::find(batch.begin(), batch.end(), k);
    const bool whole = has(summed, k);
    const std::size_t from = whole ? 0 : at != batch.end() ? static_cast<std::size_t>(at - batch.begin()) : free++;
    inner.starts.push_back(whole ? Dim(0) : p.starts[from]);
    inner.extents.push_back(whole ? x.dim(static_cast<int>(k)) : p.extents[from]);
    inner.steps.push_back(whole ? 1 : p.steps[from]);
  }
  return sliced(x, inner);
}

Tensor of_dot(const Match& m) {
  const Tensor x = only_sliced(m);
  if (!x) return {};
  const auto& p = params_of<DotParams>(x);
  const Tensor &a = x.node().input(0), &b = x.node().input(1);
  const std::size_t free_b = a.shape().size() - p.sum_a.size();
  return dot_general(operand_of(a, p.batch_a, p.sum_a, slice_of(m), p.batch_a.size()),
                     operand_of(b, p.batch_b, p.sum_b, slice_of(m), free_b), p);
}

Pattern slice_under(Pattern p) { return rewrite::op("slice", {std::move(p)}); }

}  // namespace

const std::vector<Rule>& lift_rules() {
  constexpr auto f64 = DType::f64;
  static const Pattern x = rewrite::any("x");
  static const std::vector<Rule> rules{
      {.name = "slice-elementwise",
       .pattern = slice_under(x),
       .result = of_elementwise,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor a = fresh(f64, {4, 3}), b = fresh(f64, {4, 3});
             const Tensor row = broadcast_to(fresh(f64, {3}), {4, 3});
             return std::vector{slice(neg(a), {1, 0}, {2, 3}, {1, 1}),
                                slice(add(mul(a, a), mul(row, 2.5)), {3, 1}, {2, 1}, {-2, 1}),
                                slice(where(less(a, b), a, row), {0, 0}, {1, 1}, {1, 1}),
                                slice(cast(fresh(DType::i32, {5}), f64), {2}, {0}, {1})};
           }},
      {.name = "slice-reduction",
       .pattern = slice_under(x),
       .result = of_reduction,
       .left_sides =
           [](const FreshInput& fresh) {
             const auto cube = [&] { return fresh(f64, {2, 3, 4}); };
             return std::vector{
                 slice(sum(cube(), {1}), {1, 0}, {1, 2}, {1, 2}), slice(max(cube(), {2}), {0, 2}, {2, 1}, {1, 1}),
                 slice(min(cube(), {0, 2}), {2}, {2}, {-1}),      slice(argmax(cube(), {0}), {1, 1}, {2, 3}, {1, 1}),
                 slice(argmin(cube(), {0, 1}), {0}, {1}, {1}),    slice(sum(fresh(f64, {3, 0}), {1}), {1}, {1}, {1})};
           }},
      {.name = "slice-dot",
       .pattern = slice_under(rewrite::node("dot")),
       .result = of_dot,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor batched = dot_general(fresh(f64, {3, 2, 4}), fresh(f64, {4, 5, 2}), {{1}, {2}, {2}, {0}});
             return std::vector{slice(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5})), {2, 0}, {1, 5}, {1, 1}),
                                slice(dot(fresh(f64, {3, 4}), fresh(f64, {4, 5})), {0, 4}, {3, 2}, {1, -3}),
                                slice(dot(fresh(f64, {3, 4}), fresh(f64, {4})), {1}, {1}, {1}),
                                slice(batched, {1, 0, 1}, {1, 2, 2}, {1, 2, 1}),
                                slice(dot(fresh(f64, {3, 0}), fresh(f64, {0, 5})), {1, 1}, {2, 2}, {1, 1})};
           }},
  };
  return rules;
}

}  // namespace bitale::passes
