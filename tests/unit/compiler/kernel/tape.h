// An Emitter that records what is emitted and runs it on arrays, one lane after the other, in the arithmetic of the
// types themselves: float32 instructions round to float32, fma rounds once or (unfused) twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/kernel/expand.h"

namespace bitale::tests {

class Tape : public kernel::Emitter {
 public:
  struct Traits {
    bool fuses = true;   // what the fma instruction does, and what fuses() says
    bool scales = true;  // whether there is an instruction for scale_by_power
  };
  explicit Tape(Traits traits) : traits_(traits) {}

  Handle input(DType type) { return push({.what = What::input, .type = type}); }

  Handle constant(double value, DType type) override;
  Handle integer(std::int64_t value, DType type) override;
  Handle emit(kernel::ScalarOp op, DType type, std::span<const Handle> args) override;
  DType type_of(Handle value) override { return type_of_step(value); }
  Handle scale_by_power(Handle x, Handle n) override;
  bool scales() const override { return traits_.scales; }
  bool fuses() const override { return traits_.fuses; }

  // Elements are given and returned as bits of their type in 64-bit words. All columns have the same length.
  std::vector<std::uint64_t> run(const std::vector<std::vector<std::uint64_t>>& inputs, Handle result) const;

  // Instructions other than bitcasts, each counted once per distinct operands; what a vector unit executes per step,
  // nearly.
  int instructions() const;

 private:
  enum class What { input, constant, instruction, scale };
  struct Step {
    What what = What::instruction;
    DType type = DType::f32;
    kernel::ScalarOp op = kernel::ScalarOp::constant;
    std::vector<std::size_t> args = {};
    std::uint64_t bits = 0;
  };

  // A handle is a step's number plus one, and is never followed.
  static Handle handle_of(std::size_t i) {
    return reinterpret_cast<Handle>(i + 1);  // NOLINT(performance-no-int-to-ptr)
  }
  static std::size_t index_of(Handle h) { return reinterpret_cast<std::size_t>(h) - 1; }
  Handle push(Step step);
  DType type_of_step(Handle value) const { return steps_[index_of(value)].type; }

  Traits traits_;
  std::vector<Step> steps_;
};

}  // namespace bitale::tests
