// The leaves of contractions (runtime/program/abi.h) as explicit vector IR.
#pragma once

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/llvm/target.h"

namespace bitale::codegen::host {

void emit_micro(Unit& unit, const Leaf& leaf);

}  // namespace bitale::codegen::host
