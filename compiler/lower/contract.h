// Lowering of contractions: a ContractionDef, and what runs on the finished tile, as a step and an epilogue kernel.
#pragma once

#include "compiler/ir/op.h"
#include "compiler/lower/schedule.h"
#include "runtime/program/contraction.h"

namespace bitale::lower {

// The step with Dims where the Program will have slots.
struct LoweredContraction {
  struct LoopDim {
    ir::Dim extent, a, b;
    std::vector<ir::Dim> operands;  // element strides in each epilogue operand
  };
  std::vector<LoopDim> batch, m, n, k;
  ir::Dim a_offset, b_offset;
  struct Operand {
    ir::Tensor tensor;  // a source, or the output (last)
    ir::Dim offset;
    bool unit = true;
  };
  std::vector<Operand> operands;
  ir::Tensor a, b, out;
  bool accumulating = false;
  bool swapped = false;     // the op's operands were exchanged so that n has the better strides
  kernel::Kernel epilogue;  // buffers: acc, then (base, rows) per operand; extents rows, cols, ld
  ir::Dim rows, columns;    // product of m, of n
  ir::Dim flops;
};

// `contraction` is the node's output; `epilogue` an element root of its shape (or empty), composed with `inlined`.
LoweredContraction lower_contraction(const ir::Tensor& contraction, const ir::Tensor& epilogue,
                                     const std::function<bool(const ir::Tensor&)>& inlined, const std::string& name);

}  // namespace bitale::lower
