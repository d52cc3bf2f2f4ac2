// Axes as users give them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ops {

// Sorted, unique and >= 0. Negative axes count from the end; no axes are all axes. Errors speak of `op`.
inline Axes normalised_axes(const char* op, const ir::Tensor& x, Axes axes, SourceLine line) {
  auto fail = [&](const std::string& what) {
    throw Error(std::string(op) + ": " + what + "; operands: " + describe(x) + (line ? "; at " + to_string(line) : ""));
  };
  ir::require_operand(op, x, line);
  if (axes.empty())
    for (int k = 0; k < x.rank(); ++k) axes.push_back(k);
  for (std::int64_t& a : axes) {
    if (a < -x.rank() || a >= x.rank()) fail("there is no axis " + std::to_string(a));
    if (a < 0) a += x.rank();
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) fail("an axis is named twice");
  return axes;
}

// A reduction's result with the reduced axes put back as extents of 1.
inline ir::Tensor with_kept_axes(const ir::Tensor& y, const ir::Tensor& x, const Axes& axes, bool keepdims,
                                 SourceLine line) {
  if (!keepdims) return y;
  ir::Shape shape = x.shape();
  for (std::int64_t a : axes) shape[static_cast<std::size_t>(a)] = ir::Dim(1);
  return reshape(y, shape, line);
}

}  // namespace bitale::ops
