// Computes with float16 and bfloat16 in float32 (runtime/base/dtype.h): an op on operands or results of 16 bits becomes
// the op on float32, between casts. So nothing behind this pass computes in them: rules, fusion, contractions and
// library calls see float32.
//
// Before: any graph. After: of 16 bits are leaves, views, the operands and results of scans and conds, and what a cast
// makes of float32, or float32 of it; later passes may move such tensors about.
//
// At level 0 each op rounds its results, as the interpreter does. From level 1 on only results that leave the graph (or
// body), pass through a scan or cond, or are cast by the user are rounded: what one op hands to another stays float32.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

ir::Graph widen(const ir::Graph& graph, rewrite::PassContext& context);

}  // namespace bitale::passes
