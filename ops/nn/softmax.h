// softmax and log_softmax along one axis, and what they share. Element bodies with a stable shift: the maximum along
// the axis is subtracted before exponentials are taken, so that none overflows (in place of an infinite one the largest
// number, so that what is finite beside it gets 0, not NaN); an axis of extent 0 has no elements.
#pragma once

#include "compiler/ir/op.h"
#include "ops/api/nn.h"

namespace bitale::ops {

struct SoftmaxParams {
  std::int64_t axis = 0;
  bool operator==(const SoftmaxParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axis", axis);
  }
};

extern const ir::OpDef softmax_op, log_softmax_op;

std::vector<ir::TensorType> softmax_type(const ir::TypeArgs& args);
std::vector<Tensor> batch_softmax(const ir::Batch& v);
std::vector<ir::Sample> softmax_samples(Tensor (*build)(const Tensor& x, int axis, SourceLine line));
// Sum along the op's axis, of the shape of x again.
Tensor sum_along(const Tensor& x, const SoftmaxParams& params);

// x's element minus the maximum along the axis, at the body's index; and the sum of exponentials of these along the
// axis.
struct ShiftedElement {
  ir::Expr x, sum;
};
ShiftedElement shifted_element(ir::Element& e);

// Calls f(position of the first element, stride, count) for every line along the axis.
void visit_lines(const Extents& shape, std::int64_t axis,
                 const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& f);

}  // namespace bitale::ops
