// What the composites of ops/nn check and write their samples with.
#pragma once

#include <algorithm>
#include <string>

#include "compiler/prim/samples.h"
#include "ops/api/checks.h"
#include "ops/api/nn.h"
#include "runtime/base/error.h"

namespace bitale::ops {

[[noreturn]] inline void fail(const std::string& op, const std::string& what, std::initializer_list<Tensor> operands,
                              SourceLine line) {
  std::string text = op + ": " + what + "; operands: ";
  bool first = true;
  for (const Tensor& t : operands) {
    text += (first ? "" : ", ") + describe(t);
    first = false;
  }
  throw Error(text + (line ? "; at " + to_string(line) : ""));
}

// x as a float tensor: bools and integers are taken as default_float.
inline Tensor as_float(const char* op, const Tensor& x, SourceLine line) {
  ir::require_operand(op, x, line);
  const Operand operand = x;
  return cast(x, ir::float_dtype({&operand, 1}), line);
}

// Both as float tensors of one shape.
inline std::pair<Tensor, Tensor> as_floats(const ir::OpDef& op, const Operand& a, const Operand& b, SourceLine line) {
  const Operand operands[] = {a, b};
  const DType dtype = ir::float_dtype(operands), dtypes[] = {dtype, dtype};
  const auto both = broadcast_operands(op, operands, dtypes, line);
  return {both[0], both[1]};
}

// Axes as users name them: sorted, unique and >= 0; at least one.
inline Axes normal_axes(const char* op, const Tensor& x, Axes axes, SourceLine line) {
  if (axes.empty()) fail(op, "axes are missing", {x}, line);
  for (std::int64_t& a : axes) a = normal_axis(op, static_cast<int>(a), x.rank(), line);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) fail(op, "an axis is named twice", {x}, line);
  return axes;
}

inline Tensor axis_to_end(const Tensor& x, int axis, SourceLine line) {
  std::vector<std::int64_t> axes;
  for (int k = 0; k < x.rank(); ++k)
    if (k != axis) axes.push_back(k);
  axes.push_back(axis);
  return axis == x.rank() - 1 ? x : transpose(x, axes, line);
}

// Mean of (x - mean)^2 over normal axes, of which `mean` is the mean of x. Its derivative is that of a function of x.
Tensor variance_about(const Tensor& x, const Tensor& mean, const Axes& axes, SourceLine line = {});

// standardise of a float tensor over normal axes, with the statistics.
struct Standardised {
  Tensor y, mean, variance;
};
Standardised standardised(const Tensor& x, const Axes& axes, double epsilon, SourceLine line);

// Integers that are drawn for a sample, as labels in [0, classes) and, every third one, in [-classes, 0).
Tensor sample_labels(const Tensor& integers, std::int64_t classes);

}  // namespace bitale::ops
