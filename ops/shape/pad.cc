// Padding.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/shape.h"
#include "ops/shape/number.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef pad_modes_op;

namespace {

std::vector<ir::Sample> samples() {
  using Widths = std::vector<std::pair<Dim, Dim>>;
  std::vector<ir::Sample> list;
  const auto add = [&](const std::string& name, Extents shape, Widths widths, PadMode mode, double value = 0) {
    list.push_back(ir::sample(name, {ir::uniform(std::move(shape))},
                              [=](std::span<const Tensor> x) { return pad(x[0], widths, mode, value); }));
  };
  add("constant", {2, 3}, {{1, 0}, {2, 1}}, PadMode::constant);
  add("constant of 7", {2, 3}, {{1, 2}, {0, 1}}, PadMode::constant, 7);
  add("edge", {2, 3}, {{1, 2}, {0, 3}}, PadMode::edge);
  add("reflect", {3, 4}, {{2, 1}, {0, 3}}, PadMode::reflect);
  add("reflect, wide", {3, 2}, {{5, 7}, {4, 0}}, PadMode::reflect);
  add("symmetric", {3, 4}, {{3, 1}, {0, 2}}, PadMode::symmetric);
  add("symmetric, wide", {3, 2}, {{8, 4}, {0, 5}}, PadMode::symmetric);
  add("wrap", {3, 4}, {{3, 1}, {0, 2}}, PadMode::wrap);
  add("wrap, wide", {3, 2}, {{7, 5}, {1, 6}}, PadMode::wrap);
  list.push_back(ir::sample("by extents", {ir::uniform({3, 5})}, [](std::span<const Tensor> x) {
    const Dim n = x[0].dim(0);
    return pad(x[0], {{n - 1, n}, {n, 0}}, PadMode::reflect);
  }));
  return list;
}

// a >= b for all values of the symbols, as far as can be told.
bool known_at_least(const Dim& a, const Dim& b) {
  const auto low = (a - b).lower_bound();
  return low && *low >= 0;
}

// Padding of one axis by elements of it.
class AxisPadding {
 public:
  AxisPadding(Tensor x, std::int64_t axis, Dim before, Dim after, SourceLine line)
      : x_(std::move(x)), axis_(axis), before_(std::move(before)), after_(std::move(after)), line_(line) {}

  Tensor edge() const {
    return joined(edge_part(part(x_, 0, min(n(), Dim(1))), before_),
                  edge_part(part(x_, max(n() - 1, Dim(0)), min(n(), Dim(1))), after_));
  }

  // Mirrored; the outermost element is repeated in between if it is `twice`.
  Tensor mirrored(bool twice) const {
    const Dim skipped(twice ? 0 : 1);
    if (known_at_least(n() - skipped, before_) && known_at_least(n() - skipped, after_))
      return joined(reversed(part(x_, skipped, before_)), reversed(part(x_, n() - skipped - after_, after_)));
    const Tensor back = twice ? x_ : part(x_, min(n(), Dim(1)), max(n() - 2, Dim(0)));
    return periodic(ir::concat({x_, reversed(back)}, static_cast<int>(axis_), line_));
  }

  Tensor wrapped() const {
    if (known_at_least(n(), before_) && known_at_least(n(), after_))
      return joined(part(x_, n() - before_, before_), part(x_, 0, after_));
    return periodic(x_);
  }

 private:
  const Dim& n() const { return x_.shape()[static_cast<std::size_t>(axis_)]; }

  Shape with_extent(const Dim& extent) const {
    Shape shape = x_.shape();
    shape[static_cast<std::size_t>(axis_)] = extent;
    return shape;
  }

  Tensor part(const Tensor& t, const Dim& start, const Dim& count) const {
    Shape starts(t.shape().size(), Dim(0));
    starts[static_cast<std::size_t>(axis_)] = start;
    return ir::slice(t, starts, with_extent(count), Axes(starts.size(), 1), line_);
  }

  Tensor reversed(const Tensor& t) const { return ir::flip(t, {axis_}, line_); }

  // The reshape checks, when it is called, that a symbolic axis has an element.
  Tensor edge_part(const Tensor& outermost, const Dim& width) const {
    return ir::broadcast_to(ir::reshape(outermost, with_extent(1), line_), with_extent(width), line_);
  }

  Tensor joined(const Tensor& front, const Tensor& back) const {
    std::vector<Tensor> parts;
    if (!before_.is(0)) parts.push_back(front);
    parts.push_back(x_);
    if (!after_.is(0)) parts.push_back(back);
    return ir::concat(std::move(parts), static_cast<int>(axis_), line_);
  }

  // What lies around x in endless copies of `period`, which begins with x. The slice stays inside of the copies,
  // whatever the extents; the reshape checks that it is all there, which it is if the axis has an element.
  Tensor periodic(const Tensor& period) const {
    const Dim length = max(period.dim(static_cast<int>(axis_)), Dim(1)), whole = before_ + n() + after_;
    const auto copies = [&](const Dim& count) { return ir::floordiv(count + length - 1, length); };
    const Dim ahead = copies(before_), start = max(ahead * length - before_, Dim(0));
    std::vector<Dim> counts(x_.shape().size(), Dim(1));
    counts[static_cast<std::size_t>(axis_)] = ahead + copies(n() + after_);
    const Tensor tiled = tile(period, counts, line_);
    return ir::reshape(slice(tiled, static_cast<int>(axis_), Range{start, start + whole}, line_), with_extent(whole),
                       line_);
  }

  Tensor x_;
  std::int64_t axis_;
  Dim before_, after_;
  SourceLine line_;
};

Tensor pad_with_value(const Tensor& x, const std::vector<std::pair<Dim, Dim>>& widths, double value, SourceLine line) {
  Shape starts, shape;
  for (std::size_t k = 0; k < widths.size(); ++k) {
    starts.push_back(widths[k].first);
    shape.push_back(widths[k].first + x.shape()[k] + widths[k].second);
  }
  const std::vector<std::int64_t> steps(starts.size(), 1);
  const Tensor padded = ir::pad(x, starts, shape, steps, line);
  if (value == 0) return padded;
  const Tensor inside = ir::pad(ir::full(ir::Literal::integer(1, DType::bool_), x.shape(), line), starts, shape, steps);
  return ir::where(inside, padded, number("pad", value, x.dtype(), line), line);
}

}  // namespace

const OpDef pad_modes_op{
    .name = "pad_modes",
    .doc = "pad(x, widths, mode, value): constant, edge, reflect, symmetric or wrap; any widths, as in NumPy",
    .composite = true,
    .samples = samples,
};

Tensor pad(const Tensor& x, std::vector<std::pair<Dim, Dim>> widths, PadMode mode, double value, SourceLine line) {
  ir::require_operand("pad", x, line);
  if (widths.size() == 1) widths.resize(x.shape().size(), widths[0]);
  if (widths.size() != x.shape().size()) reject("pad", "expected one pair of widths, or one per axis", x, line);
  for (const auto& [before, after] : widths)
    for (const Dim& width : {before, after})
      if (width.is_constant() && width.value() < 0) reject("pad", "a width is negative", x, line);
  if (mode == PadMode::constant) return pad_with_value(x, widths, value, line);
  Tensor y = x;
  for (std::size_t k = 0; k < widths.size(); ++k) {
    const auto& [before, after] = widths[k];
    if (before.is(0) && after.is(0)) continue;
    if (x.shape()[k].is(0))
      reject("pad", "axis " + std::to_string(k) + " is empty, and has no elements to pad with", x, line);
    const AxisPadding padding(y, static_cast<std::int64_t>(k), before, after, line);
    y = mode == PadMode::edge   ? padding.edge()
        : mode == PadMode::wrap ? padding.wrapped()
                                : padding.mirrored(mode == PadMode::symmetric);
  }
  return y;
}

}  // namespace bitale::ops
