// Computes with float16 and bfloat16 in float32 (runtime/base/dtype.h): an op on operands or results of 16 bits becomes
// the op on float32, between casts. So nothing behind this pass computes in them: rules, fusion and library calls see
// float32, and so do contractions but for how their operands are stored (narrow_operands.h).
//
// Before: any graph. After: of 16 bits are leaves, views, the operands and results of scans and conds, and what a cast
// makes of float32, or float32 of it; later passes may move such tensors about.
//
// At level 0 each op rounds its results, as the interpreter does. From level 1 on rounded are results that leave the
// graph (or body), pass through a scan or cond, are cast by the user, are multiplied by a contraction (directly, or
// moved about by index maps), or are left in 16 bits by what computes them, as the rows of choices say: the last two
// for all that read them, since they lie in memory in 16 bits, once. What else one op hands to another stays float32.
#pragma once

#include <span>

#include "compiler/rewrite/choice.h"
#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph widen(const ir::Graph& graph, rewrite::PassContext& context, std::span<const rewrite::ChoiceRow> rows);

}  // namespace bitale::passes
