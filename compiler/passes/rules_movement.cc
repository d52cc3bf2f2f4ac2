// Broadcasts, reshapes, transposes and flips: chains merge, and what changes nothing goes.
#include <algorithm>

#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

// The node under the root.
const Node& below(const Match& m) { return m.root().node().input(0).node(); }

Tensor same_type(const Match& m) { return m["x"].type() == m.root().type() ? m["x"] : Tensor(); }

Tensor splat(const Match& m) {
  const auto v = splat_value(m["x"]);
  return v ? full(*v, m.root().shape()) : Tensor();
}

// Left side: a movement of a constant.
auto of_constant(Tensor (*move)(const Tensor&)) {
  return [=](const FreshInput&) { return std::vector{move(full(Literal::real(2.5, DType::f64), {2, 3}))}; };
}

// ---- broadcast_to and reshape ----

// Extents 1 in front do not matter to a broadcast.
Tensor broadcast_of_reshape(const Match& m) {
  const Shape &from = m["x"].shape(), &to = below(m).type().shape;
  const Shape &shorter = from.size() < to.size() ? from : to, &longer = from.size() < to.size() ? to : from;
  const std::size_t extra = longer.size() - shorter.size();
  if (extra == 0 || !std::equal(shorter.begin(), shorter.end(), longer.begin() + static_cast<std::ptrdiff_t>(extra)))
    return {};
  if (!std::all_of(longer.begin(), longer.begin() + static_cast<std::ptrdiff_t>(extra),
                   [](const Dim& d) { return d.is(1); }))
    return {};
  if (from.size() > m.root().shape().size()) return {};
  return broadcast_to(m["x"], m.root().shape());
}

Shape without_ones(const Shape& shape) {
  Shape s;
  for (const Dim& d : shape)
    if (!d.is(1)) s.push_back(d);
  return s;
}

// A reshape that only adds or drops extents of 1, or that is of one element repeated.
Tensor reshape_of_broadcast(const Match& m) {
  const Tensor& x = m["x"];
  const Shape &wide = below(m).type().shape, &target = m.root().shape();
  if (product(x.shape()).is(1)) return broadcast_to(reshape(x, {}), target);
  if (without_ones(wide) != without_ones(target)) return {};
  const std::vector<bool> repeated = repeated_axes(x, wide);
  Shape kept;  // x under the target's axes
  std::size_t k = 0;
  for (const Dim& d : target) {
    if (d.is(1)) {
      kept.push_back(1);
      continue;
    }
    while (wide[k].is(1)) ++k;
    kept.push_back(repeated[k] ? Dim(1) : d);
    ++k;
  }
  return broadcast_to(reshape(x, kept), target);
}

// ---- transpose ----

Tensor transpose_of_transpose(const Match& m) {
  const Axes &outer = params_of<AxesParams>(m.root()).axes, &inner = below(m).params_as<AxesParams>().axes;
  Axes axes;
  for (std::int64_t a : outer) axes.push_back(inner[static_cast<std::size_t>(a)]);
  return transpose(m["x"], axes);
}

// The order of the axes that are not 1 stays: the same elements in the same order.
Tensor transpose_of_ones(const Match& m) {
  std::int64_t last = -1;
  for (std::int64_t a : params_of<AxesParams>(m.root()).axes) {
    if (m["x"].dim(static_cast<int>(a)).is(1)) continue;
    if (a < last) return {};
    last = a;
  }
  return reshape(m["x"], m.root().shape());
}

Tensor transpose_of_broadcast(const Match& m) {
  Shape kept = m["x"].shape();
  kept.insert(kept.begin(), below(m).type().shape.size() - kept.size(), Dim(1));
  return broadcast_to(transpose(reshape(m["x"], kept), params_of<AxesParams>(m.root()).axes), m.root().shape());
}

// ---- flip ----

Tensor flip_of_flip(const Match& m) {
  const Axes &a = params_of<AxesParams>(m.root()).axes, &b = below(m).params_as<AxesParams>().axes;
  Axes once;
  for (std::int64_t k = 0; k < m.root().rank(); ++k)
    if (std::count(a.begin(), a.end(), k) != std::count(b.begin(), b.end(), k)) once.push_back(k);
  return once.empty() ? m["x"] : flip(m["x"], once);
}

Tensor flip_of_ones(const Match& m) {
  Axes left;
  for (std::int64_t k : params_of<AxesParams>(m.root()).axes)
    if (!m["x"].dim(static_cast<int>(k)).is(1)) left.push_back(k);
  if (left.size() == params_of<AxesParams>(m.root()).axes.size()) return {};
  return left.empty() ? m["x"] : flip(m["x"], left);
}

Pattern broadcast(Pattern p) { return op("broadcast_to", {std::move(p)}); }
Pattern reshaped(Pattern p) { return op("reshape", {std::move(p)}); }
Pattern transposed(Pattern p) { return op("transpose", {std::move(p)}); }
Pattern flipped(Pattern p) { return op("flip", {std::move(p)}); }

}  // namespace

const std::vector<Rule>& movement_rules() {
  constexpr auto f64 = DType::f64;
  static const Pattern x = any("x");
  static const std::vector<Rule> rules{
      // ---- movements of one value ----
      {.name = "broadcast-splat",
       .pattern = broadcast(x),
       .result = splat,
       .left_sides = of_constant([](const Tensor& c) { return broadcast_to(c, {4, 2, 3}); })},
      {.name = "reshape-splat", .pattern = reshaped(x), .result = splat, .left_sides = of_constant([](const Tensor& c) {
                                                                           return reshape(c, {6});
                                                                         })},
      {.name = "transpose-splat",
       .pattern = transposed(x),
       .result = splat,
       .left_sides = of_constant([](const Tensor& c) { return transpose(c); })},
      {.name = "flip-splat", .pattern = flipped(x), .result = splat, .left_sides = of_constant([](const Tensor& c) {
                                                                       return flip(c, {0});
                                                                     })},
      {.name = "cast-splat",
       .pattern = op("cast", {x}),
       .result =
           [](const Match& m) {
             const auto v = splat_value(m.root());
             return v ? full(*v, m.root().shape()) : Tensor();
           },
       .left_sides = of_constant([](const Tensor& c) { return cast(c, DType::i32); })},

      // ---- broadcast_to ----
      {.name = "broadcast-same",
       .pattern = broadcast(x),
       .result = same_type,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             return std::vector{apply1(*find_op("broadcast_to"), make_params(ShapeParams{t.shape()}), {t})};
           }},
      {.name = "broadcast-broadcast",
       .pattern = broadcast(broadcast(x)),
       .result = [](const Match& m) { return broadcast_to(m["x"], m.root().shape()); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{broadcast_to(broadcast_to(fresh(f64, {3, 1}), {3, 4}), {2, 3, 4}),
                                broadcast_to(broadcast_to(fresh(f64, {}), {0, 1}), {0, 5})};
           }},
      {.name = "broadcast-reshape",
       .pattern = broadcast(reshaped(x)),
       .result = broadcast_of_reshape,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{broadcast_to(reshape(fresh(f64, {3}), {1, 3}), {2, 3}),
                                broadcast_to(reshape(fresh(f64, {1, 1, 3}), {3}), {4, 2, 3})};
           }},

      // ---- reshape ----
      {.name = "reshape-same",
       .pattern = reshaped(x),
       .result = same_type,
       .left_sides =
           [](const FreshInput& fresh) {
             const Tensor t = fresh(f64, {2, 3});
             return std::vector{apply1(*find_op("reshape"), make_params(ShapeParams{t.shape()}), {t})};
           }},
      {.name = "reshape-reshape",
       .pattern = reshaped(reshaped(x)),
       .result = [](const Match& m) { return reshape(m["x"], m.root().shape()); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{reshape(reshape(fresh(f64, {2, 3}), {6}), {3, 2}),
                                reshape(reshape(fresh(f64, {4}), {2, 2}), {4})};
           }},

      {.name = "reshape-broadcast",
       .pattern = reshaped(broadcast(x)),
       .result = reshape_of_broadcast,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{reshape(broadcast_to(fresh(f64, {}), {6}), {2, 3}),
                                reshape(broadcast_to(fresh(f64, {3}), {2, 3}), {2, 1, 3, 1}),
                                reshape(broadcast_to(fresh(f64, {3, 1}), {1, 3, 4}), {3, 4})};
           }},

      // ---- transpose ----
      {.name = "transpose-transpose",
       .pattern = transposed(transposed(x)),
       .result = transpose_of_transpose,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{transpose(transpose(fresh(f64, {2, 3, 4}), {1, 2, 0}), {1, 0, 2}),
                                transpose(transpose(fresh(f64, {2, 3})))};
           }},
      {.name = "transpose-ones",
       .pattern = transposed(x),
       .result = transpose_of_ones,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{transpose(fresh(f64, {1, 3})), transpose(fresh(f64, {2, 1, 3}), {1, 0, 2}),
                                apply1(*find_op("transpose"), make_params(AxesParams{{0, 1}}), {fresh(f64, {2, 3})})};
           }},
      {.name = "transpose-broadcast",
       .pattern = transposed(broadcast(x)),
       .result = transpose_of_broadcast,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{transpose(broadcast_to(fresh(f64, {3}), {2, 3})),
                                transpose(broadcast_to(fresh(f64, {2, 1, 3}), {2, 4, 3}), {2, 0, 1})};
           }},

      // ---- flip ----
      {.name = "flip-flip",
       .pattern = flipped(flipped(x)),
       .result = flip_of_flip,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{flip(flip(fresh(f64, {2, 3}), {0}), {0}), flip(flip(fresh(f64, {2, 3}), {0, 1}), {1})};
           }},
      {.name = "flip-ones",
       .pattern = flipped(x),
       .result = flip_of_ones,
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{flip(fresh(f64, {1, 3}), {0}), flip(fresh(f64, {1, 3}), {0, 1})};
           }},
  };
  return rules;
}

}  // namespace bitale::passes
