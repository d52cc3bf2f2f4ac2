// The scans whose bodies are being written on this thread.
#pragma once

#include <span>

#include "compiler/ir/node.h"

namespace bitale::detail {

std::span<const ir::Tensor> enclosing_steps();  // the number of the step of each, outermost first

// While it lives, `number` is the innermost one.
class EnclosingStep {
 public:
  explicit EnclosingStep(const ir::Tensor& number);
  ~EnclosingStep();
  EnclosingStep(const EnclosingStep&) = delete;
  EnclosingStep& operator=(const EnclosingStep&) = delete;
};

}  // namespace bitale::detail
