#include "ops/conv/window.h"

#include "runtime/base/error.h"

namespace bitale::ops {

void WindowOp::fail(const std::string& what) const {
  throw Error(std::string(name) + ": " + what + (line ? ", at " + to_string(line) : ""));
}

void WindowOp::require_images(const Tensor& x) const {
  ir::require_operand(name, x, line);
  if (x.shape().size() == axes + 2) return;
  static const char* const layouts[] = {"[n, c, w]", "[n, c, h, w]", "[n, c, d, h, w]"};
  const std::string layout = axes <= 3 ? std::string(", ") + layouts[axes - 1] : "";
  fail("images must have rank " + std::to_string(axes + 2) + layout + ", got " + describe(x));
}

void WindowOp::require_filters(const Tensor& filters) const {
  ir::require_operand(name, filters, line);
  if (filters.shape().size() != axes + 2)
    fail("filters must have rank " + std::to_string(axes + 2) + ", [out, in/groups, spatial...], got " +
         describe(filters));
}

std::vector<std::int64_t> WindowOp::per_axis(const char* option, const std::vector<std::int64_t>& values,
                                             std::int64_t otherwise) const {
  if (values.empty()) return std::vector<std::int64_t>(axes, otherwise);
  if (values.size() == 1) return std::vector<std::int64_t>(axes, values[0]);
  if (values.size() != axes)
    fail(std::string(option) + " must have 1 or " + std::to_string(axes) + " entries, got " +
         std::to_string(values.size()));
  return values;
}

Dim window_reach(const Dim& k, std::int64_t dilation) { return (k - 1) * dilation + 1; }

Dim ceildiv(const Dim& a, std::int64_t b) { return floordiv(a + (b - 1), b); }

namespace {

Shape padding_by_numbers(const WindowOp& op, const std::vector<std::int64_t>& values) {
  Shape out;
  for (std::size_t k = 0; k < op.axes; ++k)
    for (std::size_t side = 0; side < 2; ++side) {
      if (values.size() != 1 && values.size() != op.axes && values.size() != 2 * op.axes)
        op.fail("padding must have 1, " + std::to_string(op.axes) + " or " + std::to_string(2 * op.axes) +
                " entries (for all sides, per axis, before and after each axis), got " + std::to_string(values.size()));
      const std::int64_t pad = values.size() == 1         ? values[0]
                               : values.size() == op.axes ? values[k]
                                                          : values[2 * k + side];
      if (pad < 0) op.fail("padding must not be negative (slice the input instead), got " + std::to_string(pad));
      out.emplace_back(pad);
    }
  return out;
}

}  // namespace

Shape padding_of(const WindowOp& op, const Padding& padding, std::span<const Dim> image, std::span<const Dim> reach,
                 const std::vector<std::int64_t>& stride) {
  if (padding.rule == Padding::numbers) return padding_by_numbers(op, padding.values);
  Shape out;
  for (std::size_t k = 0; k < op.axes; ++k) {
    switch (padding.rule) {
      case Padding::numbers:
      case Padding::valid:
        out.insert(out.end(), {0, 0});
        break;
      case Padding::full:
        out.insert(out.end(), {reach[k] - 1, reach[k] - 1});
        break;
      case Padding::causal:
        out.insert(out.end(), {reach[k] - 1, 0});
        break;
      case Padding::same: {
        if (stride[k] < 1) op.fail("strides must be at least 1");
        const Dim all = (ceildiv(image[k], stride[k]) - 1) * stride[k] + reach[k] - image[k];
        // Never negative where the window is no smaller than the stride; said so, extents stay simple.
        const auto spare = (reach[k] - stride[k]).lower_bound();
        const Dim whole = spare && *spare >= 0 ? all : max(all, 0);
        const Dim before = floordiv(whole, 2);
        out.insert(out.end(), {before, whole - before});
        break;
      }
    }
  }
  return out;
}

}  // namespace bitale::ops
