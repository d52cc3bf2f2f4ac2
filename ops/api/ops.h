// Builder functions of the ops, beyond the primitives of compiler/prim/prim.h: a header per family. Each is defined
// beside its op's declaration.
//
// All take the user's source line last; all check operands while the graph is built and throw Error naming the op, the
// operands' types and lines.
#pragma once

#include "ops/api/conv.h"
#include "ops/api/elementwise.h"
#include "ops/api/index.h"
#include "ops/api/linalg.h"
#include "ops/api/nn.h"
#include "ops/api/random.h"
#include "ops/api/reduce.h"

namespace bitale::ops {

// Registers the primitives and every op listed in ops/all_ops.cc; idempotent.
void register_all();

}  // namespace bitale::ops
