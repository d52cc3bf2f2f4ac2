// Whether the body of a loop can be dealt to threads by rows (program::LoopStep::rows): asked of its steps, one by one,
// as they are made.
#pragma once

#include <functional>

#include "compiler/lower/compose.h"
#include "compiler/lower/contract.h"

namespace bitale::lower {

class Rows {
 public:
  // is_own: whether a tensor is what the body makes or carries. Of such tensors a row may be read only where the same
  // row is computed.
  Rows(ir::Dim extent, std::function<bool(const ir::Tensor&)> is_own)
      : extent_(std::move(extent)), is_own_(std::move(is_own)) {}

  void kernel(const Composed& formula, const ScheduledKernel& kernel);
  // formula: of the epilogue; null if there is none.
  void contraction(const ir::Tensor& contraction, const LoweredContraction& lowered, const Composed* formula);
  void copy(const ir::Tensor& t) { fits_ = fits_ && has_rows(t); }
  void other() { fits_ = false; }

  bool fit() const { return fits_; }
  const ir::Dim& extent() const { return extent_; }

 private:
  bool has_rows(const ir::Tensor& t) const { return !t.shape().empty() && t.shape()[0] == extent_; }
  bool reads_own_row(const Composed& formula, const ir::Tensor& but) const;

  ir::Dim extent_;
  std::function<bool(const ir::Tensor&)> is_own_;
  bool fits_ = true;
};

}  // namespace bitale::lower
