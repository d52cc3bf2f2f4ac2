// float16 and bfloat16 as LLVM IR: their bits, i16, to float and back, on scalars or on vectors of any width; what
// runtime/base/float16.h says. Nothing here becomes a call.
#pragma once

#include "compiler/codegen/llvm/emit.h"
#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"

namespace bitale::codegen::host {

Value* widen(Ir& ir, Isa isa, DType from, Value* bits);
Value* narrow(Ir& ir, Isa isa, DType to, Value* single);

}  // namespace bitale::codegen::host
