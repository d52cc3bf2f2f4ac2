// Every primitive: one row, in the list of its family. OP(add) refers to the OpDef add_op, declared in its family's
// file.
#pragma once

#include "compiler/ir/op.h"

// clang-format off
#define BITALE_PRIMITIVES(FAMILY, OP)                                                                                 \
  FAMILY("leaves", OP(input) OP(shared) OP(argument) OP(constant) OP(full) OP(extent) OP(iota))                       \
  FAMILY("elementwise",                                                                                               \
    OP(add) OP(sub) OP(mul) OP(div) OP(neg) OP(abs) OP(strong_mul) OP(minimum) OP(maximum)                            \
    OP(less) OP(less_equal) OP(equal) OP(not_equal) OP(logical_and) OP(logical_or) OP(logical_not)                    \
    OP(where) OP(cast) OP(stop_gradient))                                                                             \
  FAMILY("reduce", OP(sum) OP(max) OP(min) OP(argmax) OP(argmin))                                                     \
  FAMILY("shape", OP(broadcast_to) OP(reshape) OP(transpose) OP(slice) OP(pad) OP(concat) OP(flip)                    \
    OP(in_memory))                                                                                                    \
  FAMILY("linalg", OP(dot))
// clang-format on

namespace bitale::ir {

#define FAMILY(name, ops) ops
#define OP(name) extern const OpDef name##_op;
BITALE_PRIMITIVES(FAMILY, OP)
#undef OP
#undef FAMILY

}  // namespace bitale::ir
