// Slices of movements: chains merge, and what is cut off is not made first.
#include <algorithm>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

const SliceParams& slice_of(const Match& m) { return params_of<SliceParams>(m.root()); }

// The node under the root.
const Node& below(const Match& m) { return m.root().node().input(0).node(); }

Tensor of_splat(const Match& m) {
  const auto v = splat_value(m["x"]);
  return v ? full(*v, m.root().shape()) : Tensor();
}

// x itself, if the slice is all of it.
Tensor of_all(const Match& m) {
  const auto& p = slice_of(m);
  return p.extents == m["x"].shape() ? slice(m["x"], p.starts, p.extents, p.steps) : Tensor();
}

Tensor of_slice(const Match& m) {
  const auto& outer = slice_of(m);
  const auto& inner = below(m).params_as<SliceParams>();
  SliceParams p;
  for (std::size_t k = 0; k < outer.steps.size(); ++k) {
    p.starts.push_back(inner.starts[k] + outer.starts[k] * Dim(inner.steps[k]));
    p.steps.push_back(inner.steps[k] * outer.steps[k]);
  }
  // An empty slice may start outside of what it was cut from; then the merged start may lie outside of the tensor.
  if (may_be_empty(outer.extents)) return {};
  return slice(m["x"], p.starts, outer.extents, p.steps);
}

// Slices the axes that are there; the repeated ones only change their extent.
Tensor of_broadcast(const Match& m) {
  const auto& p = slice_of(m);
  const Tensor& x = m["x"];
  const std::vector<bool> repeated = repeated_axes(x, below(m).type().shape);
  const std::size_t missing = p.steps.size() - x.shape().size();
  SliceParams inner;
  for (std::size_t k = missing; k < p.steps.size(); ++k) {
    inner.starts.push_back(repeated[k] ? Dim(0) : p.starts[k]);
    inner.extents.push_back(repeated[k] ? Dim(1) : p.extents[k]);
    inner.steps.push_back(repeated[k] ? 1 : p.steps[k]);
  }
  return broadcast_to(slice(x, inner.starts, inner.extents, inner.steps), m.root().shape());
}

// ---- flip: a slice with negative steps ----

// The slice that flips `axes` of x.
SliceParams as_slice(const Tensor& x, const Axes& axes) {
  SliceParams p{{}, x.shape(), {}};
  for (std::int64_t k = 0; k < x.rank(); ++k) {
    p.starts.push_back(has(axes, k) ? x.dim(static_cast<int>(k)) - Dim(1) : Dim(0));
    p.steps.push_back(has(axes, k) ? -1 : 1);
  }
  return p;
}

Tensor of_flip(const Match& m) {
  const auto& p = slice_of(m);
  if (may_be_empty(p.extents)) return {};
  const SliceParams q = as_slice(m["x"], below(m).params_as<AxesParams>().axes);
  SliceParams merged = p;
  for (std::size_t k = 0; k < p.steps.size(); ++k) {
    merged.starts[k] = q.starts[k] + p.starts[k] * Dim(q.steps[k]);
    merged.steps[k] = p.steps[k] * q.steps[k];
  }
  return slice(m["x"], merged.starts, merged.extents, merged.steps);
}

Tensor flip_of_slice(const Match& m) {
  const SliceParams& p = below(m).params_as<SliceParams>();
  if (may_be_empty(p.extents)) return {};
  SliceParams flipped = p;
  for (std::int64_t a : params_of<AxesParams>(m.root()).axes) {
    const auto k = static_cast<std::size_t>(a);
    flipped.starts[k] = p.starts[k] + (p.extents[k] - Dim(1)) * Dim(p.steps[k]);
    flipped.steps[k] = -p.steps[k];
  }
  return slice(m["x"], flipped.starts, flipped.extents, flipped.steps);
}

// ---- transpose and reshape: the slice is of what is under them ----

Tensor of_transpose(const Match& m) {
  const auto& p = slice_of(m);
  const Axes& axes = below(m).params_as<AxesParams>().axes;
  SliceParams inner = p;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const auto from = static_cast<std::size_t>(axes[k]);
    inner.starts[from] = p.starts[k];
    inner.extents[from] = p.extents[k];
    inner.steps[from] = p.steps[k];
  }
  return transpose(slice(m["x"], inner.starts, inner.extents, inner.steps), axes);
}

bool is_whole(const SliceParams& p, const Shape& shape, std::size_t k) {
  return p.starts[k].is(0) && p.extents[k] == shape[k] && p.steps[k] == 1;
}

// For every axis of `to` the axis of `from` that it is: those in front and at the end, axes of extent 1 aside. -1:
// none.
std::vector<int> same_axes(const Shape& from, const Shape& to) {
  std::vector<int> same(to.size(), -1);
  int i = 0, j = 0, i_end = static_cast<int>(from.size()), j_end = static_cast<int>(to.size());
  const auto at = [](const Shape& s, int k) -> const Dim& { return s[static_cast<std::size_t>(k)]; };
  while (true) {
    while (i < i_end && at(from, i).is(1)) ++i;
    while (j < j_end && at(to, j).is(1)) ++j;
    if (i == i_end || j == j_end || !(at(from, i) == at(to, j))) break;
    same[static_cast<std::size_t>(j++)] = i++;
  }
  while (true) {
    while (i < i_end && at(from, i_end - 1).is(1)) --i_end;
    while (j < j_end && at(to, j_end - 1).is(1)) --j_end;
    if (i == i_end || j == j_end || !(at(from, i_end - 1) == at(to, j_end - 1))) break;
    same[static_cast<std::size_t>(--j_end)] = --i_end;
  }
  return same;
}

// The slice takes all of the axes that the reshape makes others of.
Tensor of_reshape(const Match& m) {
  const auto& p = slice_of(m);
  const Tensor& x = m["x"];
  const Shape& to = below(m).type().shape;
  const std::vector<int> same = same_axes(x.shape(), to);
  SliceParams inner{Shape(x.shape().size(), Dim(0)), x.shape(), std::vector<std::int64_t>(x.shape().size(), 1)};
  for (std::size_t k = 0; k < to.size(); ++k) {
    if (same[k] < 0 && !is_whole(p, to, k)) return {};
    if (same[k] < 0) continue;
    const auto from = static_cast<std::size_t>(same[k]);
    inner.starts[from] = p.starts[k];
    inner.extents[from] = p.extents[k];
    inner.steps[from] = p.steps[k];
  }
  // Where only a check at call entry says that the counts agree, the slice's may not.
  if (!(product(inner.extents) == product(m.root().shape()))) return {};
  return reshape(slice(x, inner.starts, inner.extents, inner.steps), m.root().shape());
}

// ---- concat ----

// What a slice along the axis takes of a part that lies in [begin, end) of it.
struct Piece {
  Dim start, extent;  // of the part
};

// A slice that lies within one part, where constants show it.
Tensor within_part(const SliceParams& p, const Node& parts, std::size_t axis) {
  if (p.steps[axis] < 0) return {};
  const Dim end = p.starts[axis] + (p.extents[axis] - Dim(1)) * Dim(p.steps[axis]);
  Dim offset(0);
  for (const Tensor& part : parts.inputs()) {
    const Dim next = offset + part.shape()[axis];
    if (at_least(p.starts[axis], offset) && at_least(next - Dim(1), end) && at_least(next, p.starts[axis])) {
      Shape starts = p.starts;
      starts[axis] = starts[axis] - offset;
      return slice(part, starts, p.extents, p.steps);
    }
    offset = next;
  }
  return {};
}

// A slice with step 1 along the axis that takes something of several parts, and all of the axis or constant bounds.
Tensor of_parts(const SliceParams& p, const Node& parts, std::size_t axis) {
  const Shape& shape = parts.type().shape;
  const bool whole = is_whole(p, shape, axis);
  if (p.steps[axis] != 1) return {};
  if (!whole && !(p.starts[axis].is_constant() && p.extents[axis].is_constant())) return {};
  std::vector<Tensor> pieces;
  std::int64_t offset = 0;
  for (const Tensor& part : parts.inputs()) {
    const Dim& extent = part.shape()[axis];
    Piece piece{0, extent};
    if (!whole) {
      if (!extent.is_constant()) return {};
      const std::int64_t begin = std::max(p.starts[axis].value() - offset, std::int64_t{0});
      const std::int64_t end = std::min(p.starts[axis].value() + p.extents[axis].value() - offset, extent.value());
      offset += extent.value();
      if (begin >= end) continue;
      piece = {begin, end - begin};
    }
    SliceParams inner = p;
    inner.starts[axis] = piece.start;
    inner.extents[axis] = piece.extent;
    pieces.push_back(slice(part, inner.starts, inner.extents, inner.steps));
  }
  if (pieces.empty() || pieces.size() > 16) return {};
  return concat(std::move(pieces), static_cast<int>(axis));
}

Tensor of_concat(const Match& m) {
  const Node& parts = below(m);
  const auto axis = static_cast<std::size_t>(parts.params_as<ConcatParams>().axis);
  const Tensor one = within_part(slice_of(m), parts, axis);
  if (one) return one;
  // Several slices instead of one: only where nobody else needs what they leave out.
  return only_read_by(m, m.root().node().input(0), m.root().node()) ? of_parts(slice_of(m), parts, axis) : Tensor();
}

Pattern sliced(Pattern p) { return op("slice", {std::move(p)}); }
Pattern flipped(Pattern p) { return op("flip", {std::move(p)}); }

}  // namespace

const std::vector<Rule>& slice_rules() {
  constexpr auto f64 = DType::f64;
  static const Pattern x = any("x");
  static const std::vector<Rule> rules{
      {.name = "slice-splat",
       .pattern = sliced(x),
       .result = of_splat,
       .left_sides =
           [](const FreshInput&) {
             return std::vector{slice(full(Literal::real(2.5, f64), {2, 3}), {0, 1}, {2, 2}, {1, 1})};
           }},
      {.name = "slice-all",
       .pattern = sliced(x),
       .result = of_all,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             return std::vector{apply1(*find_op("slice"), make_params(SliceParams{{0, 0}, t.shape(), {1, 1}}), {t})};
           }},
      {.name = "slice-slice",
       .pattern = sliced(sliced(x)),
       .result = of_slice,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(slice(fresh(f64, {9, 4}), {1, 3}, {4, 4}, {2, -1}), {1, 1}, {2, 2}, {1, 2}),
                                slice(slice(fresh(f64, {9}), {8}, {9}, {-1}), {8}, {3}, {-3})};
           }},
      {.name = "slice-broadcast",
       .pattern = sliced(op("broadcast_to", {x})),
       .result = of_broadcast,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(broadcast_to(fresh(f64, {3, 1}), {2, 3, 4}), {1, 0, 0}, {1, 2, 3}, {1, 2, 1}),
                                slice(broadcast_to(fresh(f64, {}), {4}), {3}, {2}, {-2})};
           }},
      {.name = "slice-flip",
       .pattern = sliced(flipped(x)),
       .result = of_flip,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(flip(fresh(f64, {3, 5}), {1}), {0, 1}, {2, 2}, {1, 3}),
                                slice(flip(fresh(f64, {4}), {0}), {3}, {4}, {-1}),
                                slice(flip(fresh(f64, {1, 4}), {0, 1}), {0, 2}, {1, 1}, {1, -1})};
           }},
      {.name = "flip-slice",
       .pattern = flipped(sliced(x)),
       .result = flip_of_slice,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{flip(slice(fresh(f64, {3, 6}), {1, 0}, {2, 3}, {1, 2}), {1}),
                                flip(slice(fresh(f64, {6}), {5}, {2}, {-3}), {0})};
           }},
      {.name = "slice-transpose",
       .pattern = sliced(op("transpose", {x})),
       .result = of_transpose,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(transpose(fresh(f64, {2, 3, 4}), {2, 0, 1}), {3, 0, 1}, {2, 2, 1}, {-2, 1, 1}),
                                slice(transpose(fresh(f64, {0, 3})), {1, 0}, {2, 0}, {1, 1})};
           }},
      {.name = "slice-reshape",
       .pattern = sliced(op("reshape", {x})),
       .result = of_reshape,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{slice(reshape(fresh(f64, {3, 2, 4}), {3, 8}), {1, 0}, {2, 8}, {1, 1}),
                                slice(reshape(fresh(f64, {2, 3, 4}), {6, 4}), {0, 3}, {6, 2}, {1, -2}),
                                slice(reshape(fresh(f64, {4}), {1, 4, 1}), {0, 1, 0}, {1, 2, 1}, {1, 1, 1})};
           }},
      {.name = "slice-concat",
       .pattern = sliced(rewrite::node("concat")),
       .result = of_concat,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor a = fresh(f64, {3, 2}), b = fresh(f64, {4, 2}), c = fresh(f64, {1, 2});
             return std::vector{slice(concat({a, b}, 0), {0, 0}, {3, 2}, {1, 1}),
                                slice(concat({a, b}, 0), {4, 1}, {2, 1}, {2, 1}),
                                slice(concat({a, c, b}, 0), {3, 0}, {1, 2}, {1, 1}),
                                slice(concat({a, c, b}, 0), {1, 0}, {4, 2}, {1, 1}),
                                slice(concat({a, b, c}, 0), {0, 1}, {8, 1}, {1, 1})};
           }},
  };
  return rules;
}

}  // namespace bitale::passes
