#include "compiler/prim/list.h"

#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ir {

void register_primitives() {
#define OP(name) &name##_op,
#define FAMILY(name, ops) register_ops(name, std::vector<const OpDef*>{ops});
  BITALE_PRIMITIVES(FAMILY, OP)
#undef FAMILY
#undef OP
}

}  // namespace bitale::ir
