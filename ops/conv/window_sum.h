// Sums over the neighbourhood of each element.
#pragma once

#include "compiler/ir/op.h"
#include "ops/api/conv.h"

namespace bitale::ops {

struct WindowSumParams {
  std::vector<std::int64_t> axes{0};  // ascending
  std::int64_t before = 0, after = 0;
  bool operator==(const WindowSumParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axes", axes);
    v("before", before);
    v("after", after);
  }
};

extern const ir::OpDef window_sum_op;
Tensor window_sum(const Tensor& x, WindowSumParams params, SourceLine line = {});

}  // namespace bitale::ops
