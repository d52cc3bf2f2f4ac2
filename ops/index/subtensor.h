// An expression of indices, read against the tensor that it is of.
#pragma once

#include <vector>

#include "ops/index/index.h"

namespace bitale::ops {

// x[index] in two steps. First the region that slices and single places leave: of each axis of x, `extents` places from
// `starts` in `steps`. Without the axes of single places it is `kept`. Then, if there are integer tensors, the kept
// axes in another order: those before the tensors' axes in the result, the `taken` ones that the tensors are for, and
// those behind; the taken axes as one are read by `rows`, whose own axes stand in their place.
struct SubtensorPlan {
  Shape starts, extents;
  std::vector<std::int64_t> steps;
  Shape kept;
  std::vector<std::int64_t> order;  // of the kept axes
  Shape before, taken, after;
  Tensor rows;  // int64, in [0, product(taken)); empty without integer tensors
  Shape shape;  // of the result, new axes included

  bool whole(const Tensor& x) const;  // the region is all of x as it is
  Shape joint() const;                // before, product(taken), after
  Shape apart() const;                // before, taken, after
};

// Errors speak of `op` (what: "subtensor").
SubtensorPlan plan_subtensor(const ir::OpDef& op, const Tensor& x, const std::vector<IndexItem>& index,
                             SourceLine line);

}  // namespace bitale::ops
