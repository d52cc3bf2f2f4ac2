// Kernels that several tests look at.
#pragma once

#include "compiler/kernel/builder.h"

namespace bitale::tests {

// y[r, :] = softmax(x[r, :]) for e0 rows of e1 elements.
inline kernel::Kernel softmax(DType type = DType::f32) {
  using namespace kernel;
  Builder b("softmax");
  b.kernel().comments = {"softmax at model.cc:12"};
  const int x = b.buffer("x", type, false);
  const int y = b.buffer("y", type, true);
  const Extent rows = b.extent_argument();
  const Extent columns = b.extent_argument();
  b.loop(LoopKind::parallel, rows, [&](Scalar r) {
    const auto at = [&](Scalar c) { return Index{{}, {{r.id, columns}, {c.id, Extent::constant(1)}}}; };
    const Scalar highest = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      return std::vector<Builder::Yield>{{Combiner::max, {b.load(x, at(c))}}};
    })[0];
    const Scalar total = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      return std::vector<Builder::Yield>{{Combiner::sum, {call(ScalarOp::exp, {b.load(x, at(c)) - highest})}}};
    })[0];
    b.loop(LoopKind::vector, columns,
           [&](Scalar c) { b.store(y, at(c), call(ScalarOp::exp, {b.load(x, at(c)) - highest}) / total); });
  });
  return b.finish();
}

}  // namespace bitale::tests
