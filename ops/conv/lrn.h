// What lrn is made of.
#pragma once

#include "compiler/ir/op.h"
#include "ops/api/conv.h"

namespace bitale::ops {

// The sum of the elements from `before` before each to `after` after it, along every axis of the list.
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

// x * base^exponent, for base > 0.
struct TimesPowerParams {
  double exponent = 1;
  bool operator==(const TimesPowerParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("exponent", exponent);
  }
};
extern const ir::OpDef times_power_op;
Tensor times_power(const Tensor& x, const Tensor& base, double exponent, SourceLine line = {});

extern const ir::OpDef lrn_op;

}  // namespace bitale::ops
