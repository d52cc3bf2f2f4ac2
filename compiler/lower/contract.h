// Lowering of contractions: a ContractionDef, and what runs on the finished tile, as a step and an epilogue kernel.
#pragma once

#include "compiler/ir/op.h"
#include "compiler/lower/fuse.h"
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
    ir::Tensor tensor;  // a source, or an output (those come last)
    ir::Dim offset;
    bool unit = true, written = false;
  };
  std::vector<Operand> operands;
  ir::Tensor a, b;  // of the contraction's dtype, or of 16 bits
  bool accumulating = false;
  bool sliced = false;      // n has two dims: the slices, which the epilogue reads all, and their columns
  bool swapped = false;     // the op's operands were exchanged so that n has the better strides
  kernel::Kernel epilogue;  // buffers: acc, then (base, rows) per operand; extents rows, cols, ld; if sliced, distance
  ir::Dim rows, columns;    // product of m, of n
  ir::Dim flops;
};

// Of a group of that kind; its epilogue, if any, is composed with `inlined`.
LoweredContraction lower_contraction(const Group& group, const std::function<bool(const ir::Tensor&)>& inlined,
                                     const std::string& name);

}  // namespace bitale::lower
