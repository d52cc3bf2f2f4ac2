// Parts of axes: slices, reversal and rotation.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/index.h"
#include "ops/api/shape.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef slice_ranges_op, roll_op;

const OpDef slice_ranges_op{
    .name = "slice_ranges",
    .doc =
        "slice(x, {{start, stop, step}...}), slice(x, axis, start, stop, step): as NumPy; bounds and steps may be "
        "symbolic",
    .composite = true,
    .samples =
        [] {
          const auto of = [](std::vector<Range> ranges) {
            return [ranges](std::span<const Tensor> x) { return slice(x[0], ranges); };
          };
          return std::vector<ir::Sample>{
              ir::sample("block", {ir::uniform({5, 6})}, of({{1, 4}, {2, 99}})),
              ir::sample("from the end", {ir::uniform({5, 6})}, of({{-2, {}}, {-99, -1}})),
              ir::sample("steps", {ir::uniform({7, 6})}, of({{{}, {}, 2}, {1, {}, 3}})),
              ir::sample("backwards", {ir::uniform({7, 6})}, of({{{}, {}, -1}, {4, 0, -2}})),
              ir::sample("backwards, clipped", {ir::uniform({7, 6})}, of({{99, -99, -3}, {-2, {}, -1}})),
              ir::sample("nothing", {ir::uniform({5, 6})}, of({{3, 2}, {2, 4, -1}})),
              ir::sample("symbolic bounds", {ir::uniform({6, 3})},
                         [](auto x) { return slice(x[0], 0, {x[0].dim(1) - 1, x[0].dim(0) - x[0].dim(1)}); }),
              ir::sample("symbolic, from the end", {ir::uniform({6, 3})},
                         [](auto x) { return slice(x[0], 0, {Dim(0) - x[0].dim(1), {}, -2}); }),
              ir::sample("symbolic step", {ir::uniform({7, 3})},
                         [](auto x) { return slice(x[0], 0, {1, {}, x[0].dim(1)}); }),
          };
        },
};

const OpDef roll_op{
    .name = "roll",
    .doc =
        "roll(x, shift, axis), roll(x, shifts, axes): element i goes to i + shift, and around; shifts may be symbolic",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("right", {ir::uniform({3, 5})}, [](auto x) { return roll(x[0], {2}, {1}); }),
              ir::sample("left, around", {ir::uniform({3, 5})}, [](auto x) { return roll(x[0], {-8}, {-1}); }),
              ir::sample("two axes", {ir::uniform({3, 5, 2})}, [](auto x) { return roll(x[0], {1, -1}, {0, 1}); }),
              ir::sample("symbolic", {ir::uniform({3, 5})}, [](auto x) { return roll(x[0], {x[0].dim(0)}, {1}); })};
        },
};

namespace {

// One axis of a slice of the primitive: `count` elements from `start`.
struct Part {
  Dim start, count;
};

// v, counted from the start: v + n where v is negative.
Dim from_start(const Dim& v, const Dim& n) {
  if (v.is_constant()) return v.value() < 0 ? n + v : v;
  return v + n * min(max(Dim(0) - v, Dim(0)), Dim(1));
}

Part part_of(const Range& r, const Dim& n) {
  const bool forward = !r.step.is_constant() || r.step.value() > 0;
  const Dim low(forward ? 0 : -1), high = forward ? n : n - 1;
  const auto inside = [&](const std::optional<Dim>& bound, const Dim& otherwise) {
    return bound ? max(min(from_start(*bound, n), high), low) : otherwise;
  };
  const Dim start = inside(r.start, forward ? low : high), stop = inside(r.stop, forward ? high : low);
  const Dim distance = forward ? stop - start : start - stop;
  const Dim step = forward ? r.step : Dim(-r.step.value());
  return {start, max(ir::floordiv(distance + step - 1, step), Dim(0))};
}

// A step that is not a constant: the rows between the bounds, gathered.
Tensor every(const Tensor& x, int axis, const Range& r, SourceLine line) {
  const Tensor between = slice(x, axis, {r.start, r.stop}, line);
  const Dim count = part_of({.step = r.step}, between.dim(axis)).count;
  const Tensor places = ir::mul(ir::iota(DType::i64, {count}, 0, line), ir::extent(r.step, line), line);
  return gather(between, places, axis, line);
}

}  // namespace

Tensor slice(const Tensor& x, const std::vector<Range>& ranges, SourceLine line) {
  ir::require_operand("slice", x, line);
  if (ranges.size() > x.shape().size())
    reject("slice", "there are " + std::to_string(ranges.size()) + " ranges for fewer axes", x, line);
  Shape starts(x.shape().size(), Dim(0)), extents = x.shape();
  std::vector<std::int64_t> steps(starts.size(), 1);
  std::vector<std::size_t> symbolic;
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    if (!ranges[k].step.is_constant()) {
      symbolic.push_back(k);
      continue;
    }
    if (ranges[k].step.is(0)) reject("slice", "a step must not be 0", x, line);
    const Part part = part_of(ranges[k], x.shape()[k]);
    starts[k] = part.start;
    extents[k] = part.count;
    steps[k] = ranges[k].step.value();
  }
  Tensor y = ir::slice(x, std::move(starts), std::move(extents), std::move(steps), line);
  for (const std::size_t k : symbolic) y = every(y, static_cast<int>(k), ranges[k], line);
  return y;
}

Tensor slice(const Tensor& x, int axis, const Range& range, SourceLine line) {
  std::vector<Range> ranges(static_cast<std::size_t>(axis_of("slice", x, axis, line)) + 1);
  ranges.back() = range;
  return slice(x, ranges, line);
}

Tensor flip(const Tensor& x, Axes axes, SourceLine line) {
  return ir::flip(x, normalised_axes("flip", x, std::move(axes), line), line);
}

Tensor roll(const Tensor& x, const std::vector<Dim>& shifts, const Axes& axes, SourceLine line) {
  ir::require_operand("roll", x, line);
  if (shifts.size() != axes.size()) reject("roll", "there must be one shift for each axis", x, line);
  Tensor y = x;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axis_of("roll", x, axes[i], line);
    const Dim n = y.dim(static_cast<int>(axis)), around = max(n, Dim(1));
    const Dim shift = shifts[i] - ir::floordiv(shifts[i], around) * around;  // in [0, n)
    if (shift.is(0)) continue;
    Shape starts(y.shape().size(), Dim(0)), last = y.shape(), first = y.shape();
    last[static_cast<std::size_t>(axis)] = shift;
    first[static_cast<std::size_t>(axis)] = n - shift;
    const std::vector<std::int64_t> steps(starts.size(), 1);
    const Tensor front = ir::slice(y, starts, first, steps, line);
    starts[static_cast<std::size_t>(axis)] = n - shift;
    y = ir::concat({ir::slice(y, starts, last, steps, line), front}, static_cast<int>(axis), line);
  }
  return y;
}

}  // namespace bitale::ops
