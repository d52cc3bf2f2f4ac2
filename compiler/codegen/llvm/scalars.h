// Scalar instructions (kernel/scalar_ops.def) as LLVM IR, on scalars or on vectors of any width: the operands' types
// say which.
#pragma once

#include <deque>
#include <span>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/codegen/llvm/target.h"
#include "compiler/kernel/expand.h"
#include "compiler/kernel/kernel.h"
#include "runtime/device/cpu.h"

namespace bitale::codegen::host {

// The type of values (bool is i1; what is only stored is its bits) and of elements in memory (bool is stored as u8).
llvm::Type* type_of(llvm::LLVMContext& context, DType dtype);

class Scalars {
 public:
  // `ir` writes into a function of the unit.
  Scalars(Unit& unit, Ir& ir) : unit_(unit), ir_(ir), isa_(unit.isa()) {}

  llvm::Type* type_of(DType dtype) { return host::type_of(ir_.getContext(), dtype); }
  llvm::Constant* constant(const kernel::Value& v);
  llvm::Constant* identity(kernel::Combiner combiner, DType dtype);
  Value* splat(Value* scalar, int width) {
    return width == 1 ? scalar : ir_.CreateVectorSplat(static_cast<unsigned>(width), scalar);
  }

  // a where the condition holds, else b. Selects of single floats have to come from here.
  Value* pick(Value* condition, Value* a, Value* b);

  // All operands have one width.
  Value* apply(kernel::ScalarOp op, DType result, DType operand, std::span<Value* const> args);

  // Combines two partial results (pairs for arg_max and arg_min) of one width; see scalar_op.h for ties and NaN.
  Carried combine(kernel::Combiner combiner, DType dtype, const Carried& a, const Carried& b);
  std::pair<Carried, Carried> halves(const Carried& vectors);  // their lower and their upper lanes
  // The lanes of a partial result, combined in a fixed order: halves, then halves of those.
  Carried across_lanes(kernel::Combiner combiner, DType dtype, Carried partial, int width);

 private:
  class Expansion;

  Value* real(kernel::ScalarOp op, std::span<Value* const> args);
  Value* integer(kernel::ScalarOp op, DType type, std::span<Value* const> args);
  Value* divide(bool modulo, DType type, Value* a, Value* b);
  Value* compare(kernel::ScalarOp op, DType operand, Value* a, Value* b);
  Value* extreme(bool greatest, Value* a, Value* b);
  Value* scalef(Value* x, Value* n, int width);  // x * 2^n, v4
  Value* cast(DType result, DType operand, Value* v);

  Unit& unit_;
  Ir& ir_;
  Isa isa_;
};

}  // namespace bitale::codegen::host
