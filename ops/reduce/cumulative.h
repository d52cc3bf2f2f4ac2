// Ops along one axis in which each element depends on the one before it. They are library calls over [outer, n, inner].
//
// All derivatives are recurrences h[k] = a[k] * h[k-1] + b[k] again (linear_recurrence), in the other direction for
// vjps, so that they are differentiable as often as wanted, and right where elements are zero.
#pragma once

#include "ops/api/reduce.h"

namespace bitale::ops {

struct CumulativeParams {
  std::int64_t axis = 0;
  bool reverse = false;  // from the last element to the first
  bool operator==(const CumulativeParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axis", axis);
    v("reverse", reverse);
  }
};

// The extents of the library call: what lies outside of the axis, the axis, what lies inside of it.
std::vector<Dim> cumulative_extents(const ir::Node& node);

// Along the axis: out[k] = x[k-1], and `first` (0 or 1) where k is 0; `after`: out[k] = x[k+1], `first` at the end.
Tensor neighbour(const Tensor& x, std::int64_t axis, bool after, int first);

// True at one end of the axis.
Tensor at_end(const Tensor& x, std::int64_t axis, bool last);

}  // namespace bitale::ops
