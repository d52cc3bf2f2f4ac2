// Axes as users give them, and errors about them.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

// Error in the style of the type rules: "op: what; operands: ...; at line".
[[noreturn]] inline void reject(const std::string& op, const std::string& what, std::span<const ir::Tensor> operands,
                                SourceLine line) {
  ir::OpDef def;
  def.name = op;
  ir::TypeArgs(def, nullptr, operands, line).fail(what);
}
[[noreturn]] inline void reject(const std::string& op, const std::string& what, const ir::Tensor& x, SourceLine line) {
  reject(op, what, std::span(&x, 1), line);
}

// An axis of x, counted from the start; negative ones count from the end.
inline std::int64_t axis_of(const char* op, const ir::Tensor& x, std::int64_t axis, SourceLine line) {
  ir::require_operand(op, x, line);
  if (axis < -x.rank() || axis >= x.rank()) reject(op, "there is no axis " + std::to_string(axis), x, line);
  return axis < 0 ? axis + x.rank() : axis;
}

// The same for several, which must differ; their order stays.
inline Axes axes_of(const char* op, const ir::Tensor& x, Axes axes, SourceLine line) {
  for (std::int64_t& a : axes) a = axis_of(op, x, a, line);
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (std::count(axes.begin(), axes.end(), axes[i]) > 1) reject(op, "an axis is named twice", x, line);
  return axes;
}

// The same, sorted; no axes are all axes.
inline Axes normalised_axes(const char* op, const ir::Tensor& x, Axes axes, SourceLine line) {
  ir::require_operand(op, x, line);
  if (axes.empty())
    for (int k = 0; k < x.rank(); ++k) axes.push_back(k);
  axes = axes_of(op, x, std::move(axes), line);
  std::sort(axes.begin(), axes.end());
  return axes;
}

// A reduction's result with the reduced axes put back as extents of 1.
inline ir::Tensor with_kept_axes(const ir::Tensor& y, const ir::Tensor& x, const Axes& axes, bool keepdims,
                                 SourceLine line) {
  if (!keepdims) return y;
  ir::Shape shape = x.shape();
  for (std::int64_t a : axes) shape[static_cast<std::size_t>(a)] = ir::Dim(1);
  return ir::reshape(y, shape, line);
}

}  // namespace bitale::ops
