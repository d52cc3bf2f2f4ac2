// Evaluates nodes whose operands are all constants: elementwise ops of `full`s at any extents, any other op where
// operands and results have at most 64 KiB and the result is not larger than the operands (constants must not bloat a
// Program).
//
// Before: any graph. After: no elementwise node has only `full` operands. Values are those of the interpreter: floats
// computed in double and rounded to the dtype at every node.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph constant_fold(const ir::Graph& graph, rewrite::PassContext& context);

}  // namespace bitale::passes
