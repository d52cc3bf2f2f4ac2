// Regions: tensors that are put into zeros (pad), side by side (concat), or in the place of others (set_subtensor,
// which selects by a padded mask, and inc_subtensor, which adds what is padded).
#include <algorithm>
#include <cmath>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

const PadParams& pad_of(const Tensor& t) { return params_of<PadParams>(t); }

// A slice that takes what a pad put there.
bool same_region(const SliceParams& s, const Shape& extents, const PadParams& p) {
  return s.starts == p.starts && s.steps == p.steps && s.extents == extents;
}

// [start, start + (extent - 1) * step] of the one and of the other have nothing in common along some axis.
bool disjoint(const SliceParams& s, const Shape& extents, const PadParams& p) {
  for (std::size_t k = 0; k < s.steps.size(); ++k) {
    const Dim first = s.starts[k], last = first + (s.extents[k] - Dim(1)) * Dim(s.steps[k]);
    const Dim begin = p.starts[k], end = begin + (extents[k] - Dim(1)) * Dim(p.steps[k]);
    const bool forwards = s.steps[k] > 0, padded_forwards = p.steps[k] > 0;
    const Dim &low = forwards ? first : last, &high = forwards ? last : first;
    const Dim &from = padded_forwards ? begin : end, &to = padded_forwards ? end : begin;
    if (at_least(low, to + Dim(1)) || at_least(from, high + Dim(1))) return true;
  }
  return false;
}

bool positive_zero(const Tensor& t) {
  const auto v = splat_value(t);
  return v && v->as_double() == 0 && !std::signbit(v->as_double());
}

// ---- pad ----

Tensor pad_nothing(const Match& m) {
  const auto& p = pad_of(m.root());
  return p.shape == m["x"].shape() ? pad(m["x"], p.starts, p.shape, p.steps) : Tensor();
}

Tensor pad_zeros(const Match& m) { return positive_zero(m.root().node().input(0)) ? zeros_like(m.root()) : Tensor(); }

Tensor pad_of_pad(const Match& m) {
  const PadParams &outer = pad_of(m.root()), &inner = pad_of(m.root().node().input(0));
  if (may_be_empty(m["x"].shape())) return {};  // what it starts at need not lie inside then
  PadParams p = outer;
  for (std::size_t k = 0; k < p.steps.size(); ++k) {
    p.starts[k] = outer.starts[k] + inner.starts[k] * Dim(outer.steps[k]);
    p.steps[k] = inner.steps[k] * outer.steps[k];
  }
  return pad(m["x"], p.starts, p.shape, p.steps);
}

// x itself, a part of it, or zeros; or less of it, padded, where nobody reads the rest. Along an axis on which the
// slice is all of the pad nothing changes.
Tensor slice_of_pad(const Match& m) {
  const auto& p = params_of<SliceParams>(m.root());
  const Tensor padded = m.root().node().input(0);
  const Tensor& x = m["x"];
  const PadParams& q = pad_of(padded);
  if (same_region(p, x.shape(), q)) return x;
  if (!may_be_empty(p.extents) && disjoint(p, x.shape(), q)) return zeros_like(m.root());
  SliceParams inner{Shape(x.shape().size(), Dim(0)), x.shape(), std::vector<std::int64_t>(x.shape().size(), 1)};
  PadParams outer{q.starts, p.extents, q.steps};
  bool inside = true;
  for (std::size_t k = 0; k < p.steps.size(); ++k) {
    const bool whole = p.starts[k].is(0) && p.steps[k] == 1 && p.extents[k] == q.shape[k];
    if (whole) {
      inside = inside && q.shape[k] == x.shape()[k];
      continue;
    }
    if (p.starts[k] == q.starts[k] && p.steps[k] == q.steps[k] && p.extents[k] == x.shape()[k]) {
      outer.starts[k] = 0;
      outer.steps[k] = 1;
      continue;
    }
    const bool known = p.starts[k].is_constant() && p.extents[k].is_constant() && q.starts[k].is_constant() &&
                       x.shape()[k].is_constant();
    if (!known || p.steps[k] != 1 || q.steps[k] != 1) return {};
    const std::int64_t begin = std::max(p.starts[k].value(), q.starts[k].value());
    const std::int64_t end =
        std::min(p.starts[k].value() + p.extents[k].value(), q.starts[k].value() + x.shape()[k].value());
    if (begin >= end) return {};
    inner.starts[k] = begin - q.starts[k].value();
    inner.extents[k] = end - begin;
    outer.starts[k] = begin - p.starts[k].value();
    inside = inside && Dim(end - begin) == p.extents[k];
  }
  if (!inside && (inner.extents == x.shape() || !only_read_by(m, padded, m.root().node()))) return {};
  return pad(slice(x, inner.starts, inner.extents, inner.steps), outer.starts, outer.shape, outer.steps);
}

// ---- concat ----

int axis_of(const Match& m) { return static_cast<int>(params_of<ConcatParams>(m.root()).axis); }

Tensor concat_of_one(const Match& m) {
  return m.root().node().inputs().size() == 1 ? m.root().node().input(0) : Tensor();
}

Tensor concat_without_empty(const Match& m) {
  std::vector<Tensor> parts;
  for (const Tensor& t : m.root().node().inputs())
    if (!t.dim(axis_of(m)).is(0)) parts.push_back(t);
  if (parts.empty() || parts.size() == m.root().node().inputs().size()) return {};
  return concat(std::move(parts), axis_of(m));
}

// Parts of parts; of those that nobody else reads.
Tensor concat_of_concat(const Match& m) {
  constexpr std::size_t most_parts = 256;
  const Node& root = m.root().node();
  std::vector<Tensor> parts;
  for (const Tensor& t : root.inputs()) {
    const bool flat = is_op(t, "concat") && params_of<ConcatParams>(t).axis == axis_of(m) && only_read_by(m, t, root);
    if (flat)
      parts.insert(parts.end(), t.node().inputs().begin(), t.node().inputs().end());
    else
      parts.push_back(t);
  }
  if (parts.size() == root.inputs().size() || parts.size() > most_parts) return {};
  return concat(std::move(parts), axis_of(m));
}

// `next` goes on where `t` ends: both are slices of one tensor. Empty if it does not.
Tensor joined(const Tensor& t, const Tensor& next, std::size_t axis) {
  if (!is_op(t, "slice") || !is_op(next, "slice") || !(t.node().input(0) == next.node().input(0))) return {};
  const SliceParams &a = params_of<SliceParams>(t), &b = params_of<SliceParams>(next);
  if (a.steps != b.steps) return {};
  for (std::size_t k = 0; k < a.steps.size(); ++k) {
    const bool follows = b.starts[k] == a.starts[k] + a.extents[k] * Dim(a.steps[k]);
    if (k == axis ? !follows : !(a.starts[k] == b.starts[k] && a.extents[k] == b.extents[k])) return {};
  }
  Shape extents = a.extents;
  extents[axis] = extents[axis] + b.extents[axis];
  return may_be_empty(a.extents) ? Tensor() : slice(t.node().input(0), a.starts, extents, a.steps);
}

Tensor concat_of_slices(const Match& m) {
  const auto axis = static_cast<std::size_t>(axis_of(m));
  std::vector<Tensor> parts;
  for (const Tensor& t : m.root().node().inputs()) {
    const Tensor longer = parts.empty() ? Tensor() : joined(parts.back(), t, axis);
    if (longer)
      parts.back() = longer;
    else
      parts.push_back(t);
  }
  if (parts.size() == m.root().node().inputs().size()) return {};
  return concat(std::move(parts), axis_of(m));
}

// One value everywhere.
Tensor concat_of_splats(const Match& m) {
  const auto v = splat_value(m.root().node().input(0));
  if (!v) return {};
  for (const Tensor& t : m.root().node().inputs())
    if (splat_value(t) != v) return {};
  return full(*v, m.root().shape());
}

// ---- set_subtensor: where(pad(true), pad(y), x) ----

// The region that is set, if the mask and the value say the same one.
const PadParams* region_set(const Tensor& set) {
  const Tensor &mask = set.node().input(0), &value = set.node().input(1);
  if (!is_op(mask, "pad") || !is_op(value, "pad")) return nullptr;
  const PadParams& p = pad_of(value);
  return pad_of(mask) == p && mask.node().input(0).shape() == value.node().input(0).shape() ? &p : nullptr;
}

Tensor slice_of_set(const Match& m) {
  const Tensor set = m.root().node().input(0);
  const PadParams* region = region_set(set);
  if (!region) return {};
  const auto& s = params_of<SliceParams>(m.root());
  const Shape& extents = m["y"].shape();
  if (same_region(s, extents, *region)) return m["y"];
  if (may_be_empty(s.extents) || !disjoint(s, extents, *region)) return {};
  return slice(m["x"], s.starts, s.extents, s.steps);
}

Tensor slice_beside_increment(const Match& m) {
  const auto& s = params_of<SliceParams>(m.root());
  for (const Tensor& t : m.root().node().input(0).node().inputs())
    if (is_op(t, "pad") && t.node().input(0) == m["y"] && !may_be_empty(s.extents) &&
        disjoint(s, m["y"].shape(), pad_of(t)))
      return slice(m["x"], s.starts, s.extents, s.steps);
  return {};
}

Tensor set_in_zeros(const Match& m) {
  return region_set(m.root()) && positive_zero(m.root().node().input(2)) ? m.root().node().input(1) : Tensor();
}

// The slice of x whose place it is set to again.
bool is_own_slice(const Tensor& t, const Tensor& x, const PadParams& region) {
  return is_op(t, "slice") && t.node().input(0) == x && same_region(params_of<SliceParams>(t), t.shape(), region);
}

Tensor set_to_itself(const Match& m) {
  const PadParams* region = region_set(m.root());
  return region && is_own_slice(m["y"], m["x"], *region) ? m["x"] : Tensor();
}

Tensor set_to_sum(const Match& m) {
  const PadParams* region = region_set(m.root());
  if (!region) return {};
  const bool first = is_own_slice(m["y"], m["x"], *region);
  if (!first && !is_own_slice(m["z"], m["x"], *region)) return {};
  return add(m["x"], pad(m[first ? "z" : "y"], region->starts, region->shape, region->steps));
}

Pattern sliced(Pattern p) { return op("slice", {std::move(p)}); }
Pattern padded(Pattern p) { return op("pad", {std::move(p)}); }
Pattern set(Pattern y, Pattern x) { return op("where", {padded(literal(1)), padded(std::move(y)), std::move(x)}); }

// Left sides.
Tensor put(const Tensor& y, const Dim& start) { return pad(y, {start, 0}, {6, 4}, {1, 1}); }
Tensor with_rows_set(const Tensor& x, const Tensor& y, const Dim& start) {
  return where(put(full(Literal::integer(1, DType::bool_), y.shape()), start), put(y, start), x);
}

const std::vector<Rule>& pad_table() {
  constexpr auto f64 = DType::f64;
  static const Pattern x = any("x");
  static const std::vector<Rule> rules{
      {.name = "pad-nothing",
       .pattern = padded(x),
       .result = pad_nothing,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             return std::vector{apply1(*find_op("pad"), make_params(PadParams{{0, 0}, t.shape(), {1, 1}}), {t})};
           }},
      {.name = "pad-zeros",
       .pattern = padded(literal(0)),
       .result = pad_zeros,
       .left_sides = [](const FreshInput&) { return std::vector{pad(zeros(f64, {2}), {1}, {4}, {1})}; }},
      {.name = "pad-pad",
       .pattern = padded(padded(x)),
       .result = pad_of_pad,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{pad(pad(fresh(f64, {2, 3}), {1, 0}, {4, 3}, {2, 1}), {0, 5}, {4, 9}, {1, -2}),
                                pad(pad(fresh(f64, {2}), {3}, {4}, {-2}), {1}, {12}, {3})};
           }},
      {.name = "slice-pad",
       .pattern = sliced(padded(x)),
       .result = slice_of_pad,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(pad(fresh(f64, {2, 3}), {1, 5}, {5, 6}, {2, -2}), {1, 5}, {2, 3}, {2, -2}),
                                slice(pad(fresh(f64, {3}), {2}, {9}, {1}), {5}, {3}, {1}),
                                slice(pad(fresh(f64, {3}), {2}, {9}, {1}), {3}, {2}, {1}),
                                slice(pad(fresh(f64, {3, 2}), {2, 0}, {9, 4}, {1, 2}), {1, 0}, {2, 4}, {1, 1})};
           }},
  };
  return rules;
}

const std::vector<Rule>& concat_table() {
  constexpr auto f64 = DType::f64;
  static const Pattern parts = rewrite::node("concat");
  static const std::vector<Rule> rules{
      {.name = "concat-one",
       .pattern = parts,
       .result = concat_of_one,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{apply1(*find_op("concat"), make_params(ConcatParams{0}), {fresh(f64, {3})})};
           }},
      {.name = "concat-empty",
       .pattern = parts,
       .result = concat_without_empty,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{concat({fresh(f64, {2, 0}), fresh(f64, {2, 3}), fresh(f64, {2, 1})}, 1)};
           }},
      {.name = "concat-splats",
       .pattern = parts,
       .result = concat_of_splats,
       .left_sides =
           [](const FreshInput&) {
             const auto ones = [](std::int64_t n) { return full(Literal::real(2.5, f64), {n}); };
             return std::vector{concat({ones(2), ones(1), ones(3)}, 0)};
           }},
      {.name = "concat-concat",
       .pattern = parts,
       .result = concat_of_concat,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor pair = concat({fresh(f64, {2}), fresh(f64, {0})}, 0),
                          other = concat({fresh(f64, {1}), fresh(f64, {3})}, 0);
             return std::vector{concat({pair, fresh(f64, {2}), other}, 0)};
           }},
      {.name = "concat-slices",
       .pattern = parts,
       .result = concat_of_slices,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {5, 6});
             const auto columns = [&](std::int64_t start, std::int64_t count, std::int64_t step) {
               return slice(t, {1, start}, {3, count}, {1, step});
             };
             return std::vector{concat({columns(0, 2, 1), columns(2, 4, 1)}, 1),
                                concat({columns(5, 1, -2), columns(3, 2, -2)}, 1),
                                concat({columns(4, 2, 1), columns(0, 1, 1), columns(1, 1, 1)}, 1)};
           }},
  };
  return rules;
}

const std::vector<Rule>& set_table() {
  constexpr auto f64 = DType::f64;
  constexpr auto stabilising = RuleClass::stabilising;  // up to the sign of a zero
  static const Pattern x = any("x"), y = any("y"), z = any("z");
  static const std::vector<Rule> rules{
      {.name = "slice-of-set",
       .pattern = sliced(set(y, x)),
       .result = slice_of_set,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor changed = with_rows_set(fresh(f64, {6, 4}), fresh(f64, {2, 4}), 3);
             return std::vector{slice(changed, {3, 0}, {2, 4}, {1, 1}), slice(changed, {0, 1}, {3, 2}, {1, 1}),
                                slice(changed, {5, 0}, {1, 4}, {1, 1})};
           }},
      {.name = "slice-beside-inc",
       .pattern = sliced(x + padded(y)),
       .result = slice_beside_increment,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor changed = fresh(f64, {6, 4}) + put(fresh(f64, {2, 4}), 3);
             return std::vector{slice(changed, {2, 0}, {3, 4}, {-1, 1}), slice(changed, {5, 1}, {1, 2}, {1, 2})};
           }},
      {.name = "set-in-zeros",
       .pattern = set(y, literal(0)),
       .result = set_in_zeros,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{with_rows_set(zeros(f64, {6, 4}), fresh(f64, {3, 4}), 2)};
           }},
      {.name = "set-to-itself",
       .pattern = set(y, x),
       .result = set_to_itself,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {6, 4});
             return std::vector{with_rows_set(t, slice(t, {2, 0}, {3, 4}, {1, 1}), 2)};
           }},
      {.name = "set-to-sum",
       .pattern = set(y + z, x),
       .result = set_to_sum,
       .rule_class = stabilising,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {6, 4});
             return std::vector{with_rows_set(t, slice(t, {2, 0}, {3, 4}, {1, 1}) + fresh(f64, {3, 4}), 2),
                                with_rows_set(t, fresh(f64, {1, 4}) + slice(t, {5, 0}, {1, 4}, {1, 1}), 5)};
           }},
  };
  return rules;
}

}  // namespace

const std::vector<Rule>& region_rules() {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> all = pad_table();
    all.insert(all.end(), concat_table().begin(), concat_table().end());
    all.insert(all.end(), set_table().begin(), set_table().end());
    return all;
  }();
  return rules;
}

}  // namespace bitale::passes
