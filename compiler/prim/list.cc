#include "compiler/prim/list.h"

#include <array>

#include "compiler/prim/prim.h"

namespace bitale::ir {

std::span<const OpDef* const> primitives() {
#define OP(name) &name##_op,
  static const std::array list{BITALE_PRIMITIVES(OP)};
#undef OP
  return list;
}

}  // namespace bitale::ir
