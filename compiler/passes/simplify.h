// The rule tables as passes.
//
// Before: any graph. After: no rule of the table that the options leave on fires (within RewriteOptions::max_sweeps).
// Values: as the classes of the rules say. Rules that fired are counted in the context.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::passes {

// stabilising_rules(): at every level.
ir::Graph stabilise(const ir::Graph& graph, rewrite::PassContext& context);

// stabilising_rules() and algebra_rules(), the former first.
ir::Graph simplify(const ir::Graph& graph, rewrite::PassContext& context);

// Any rules: the driver's own set, with those that lie beside their ops.
ir::Graph apply_tables(const ir::Graph& graph, rewrite::PassContext& context, const rewrite::RuleSet& rules);

}  // namespace bitale::passes
