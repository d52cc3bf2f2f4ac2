// Every primitive: one row. OP(add) refers to the OpDef add_op, declared in its family's file.
#pragma once

#include "compiler/ir/op.h"

// clang-format off
#define BITALE_PRIMITIVES(OP)                                                                                         \
  OP(input) OP(shared) OP(constant) OP(full) OP(extent) OP(iota)                                                      \
  OP(add) OP(sub) OP(mul) OP(div) OP(neg) OP(abs) OP(strong_mul) OP(minimum) OP(maximum)                              \
  OP(less) OP(less_equal) OP(equal) OP(not_equal) OP(logical_and) OP(logical_or) OP(logical_not) OP(where) OP(cast)   \
  OP(stop_gradient)                                                                                                   \
  OP(broadcast_to) OP(reshape) OP(transpose) OP(slice) OP(pad) OP(concat) OP(flip)                                    \
  OP(sum) OP(max) OP(min) OP(argmax) OP(argmin)                                                                       \
  OP(dot)
// clang-format on

namespace bitale::ir {

#define OP(name) extern const OpDef name##_op;
BITALE_PRIMITIVES(OP)
#undef OP

}  // namespace bitale::ir
