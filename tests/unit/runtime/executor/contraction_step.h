// Contractions with constant extents and strides and one operand.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/unit/runtime/program/make.h"

namespace bitale::tests {

// Extent, and strides in a, b and the operand.
struct StepDim {
  std::int64_t extent, a = 0, b = 0, out = 0;
};

inline program::ContractionStep step_of(Make& m, const std::vector<StepDim>& batch, const std::vector<StepDim>& rows,
                                        const std::vector<StepDim>& columns, const std::vector<StepDim>& depth,
                                        DType type = DType::f32) {
  program::ContractionStep s;
  s.dtype = s.a_storage = s.b_storage = type;
  const auto group = [&](const std::vector<StepDim>& dims) {
    std::vector<program::ContractionDim> out;
    const auto slot = [&](std::int64_t v) { return v == 0 ? -1 : m.constant(v); };
    for (const StepDim& d : dims) out.push_back({m.constant(d.extent), slot(d.a), slot(d.b), {slot(d.out)}});
    return out;
  };
  s.batch = group(batch);
  s.m = group(rows);
  s.n = group(columns);
  s.k = group(depth);
  s.operands.resize(1);
  return s;
}

}  // namespace bitale::tests
