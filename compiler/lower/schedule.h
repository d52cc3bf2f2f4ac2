// Scheduling: from composed formulas to a kernel. Adjacent loops that every access walks as one are merged, each value
// is computed in the outermost loop that has its variables, reductions become loops there, and one loop of each nest is
// chosen to run in vector lanes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/kernel/kernel.h"
#include "compiler/lower/compose.h"

namespace bitale::lower {

// A kernel and what its arguments are.
struct ScheduledKernel {
  kernel::Kernel kernel;
  std::vector<ir::Tensor> reads;   // buffer arguments that are sources, in order; then
  std::vector<ir::Tensor> writes;  // the roots
  std::vector<ir::Dim> extents;    // of the kernel's run-time extents, in order
};

// Makes Dims into kernel extents: constants stay, others become run-time arguments, each once.
class ExtentTable {
 public:
  kernel::Extent extent(const ir::Dim& dim);
  const std::vector<ir::Dim>& dims() const { return dims_; }

 private:
  std::vector<ir::Dim> dims_;
};

// One kernel that computes all roots (element nodes of one shape).
ScheduledKernel schedule(std::string name, std::span<const ir::Tensor> roots, const Composed& composed);

// Row-major element strides (an axis of extent 0 counts as 1: nothing is ever addressed then).
std::vector<ir::Dim> strides_of(const ir::Shape& shape);

// How values of a dtype lie in memory: bool as one byte.
inline DType storage_dtype(DType dtype) { return dtype == DType::bool_ ? DType::u8 : dtype; }

// Text for a kernel's comment: the op and the user's lines.
std::string comment_of(const ir::Node& node);

}  // namespace bitale::lower
