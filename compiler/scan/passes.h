// Passes over scans.
#pragma once

#include "compiler/rewrite/pass.h"

namespace bitale::loops {

// Scans that carry the same values become one, with the results of all: a scan and the one that its gradient made of it
// to keep more. (Of those behind which as many scans lie, one behind the other; so in join_scans.) Then results that
// nobody reads go, and carries that reach nothing that is read; a carry that no step changes becomes an invariant.
ir::Graph merge_scans(const ir::Graph& graph, rewrite::PassContext& context);

// Work that no carry feeds leaves the body to be done for all steps at once, where it has a contraction or a library
// call; work on invariants alone leaves it in any case. So does work that feeds no carry: its operands are stacked
// instead. What was a product per step is one product over all of them. Loops that are to keep little are left alone.
ir::Graph push_out(const ir::Graph& graph, rewrite::PassContext& context);

// Scans that run the same steps and do not depend on each other become one, with the carries and results of all: the
// two directions of a layer, and those of its gradient. Not wanted where a carry ends a scan, and for scans that are to
// keep little or have scans in their bodies. After push_out, which moves what is read in the one or the other
// direction.
ir::Graph join_scans(const ir::Graph& graph, rewrite::PassContext& context);

// Where only the last row of what a scan stacks is read, or the last few, they come out of carries, and nothing is
// stacked. At the end: slices have been moved to what they are of by then, and products have left the loops.
ir::Graph last_rows(const ir::Graph& graph, rewrite::PassContext& context);

}  // namespace bitale::loops
