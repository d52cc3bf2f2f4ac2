// What type rules of several ops require of their operands. All of these fail with the op's own message.
#pragma once

#include <algorithm>
#include <string>

#include "compiler/ir/op.h"

namespace bitale::ops {

// a >= b: an Error if it is known to be false, checked at call entry if it is not known to be true.
inline void require_at_least(const ir::TypeArgs& args, const ir::Dim& a, const ir::Dim& b, const std::string& what) {
  if (a.is_constant() && b.is_constant()) {
    args.require(a.value() >= b.value(), what + " (" + to_string(a) + " < " + to_string(b) + ")");
  } else {
    args.unify(max(a, b), a, what);
  }
}

// total / parts, which must be exact.
inline ir::Dim divide(const ir::TypeArgs& args, const ir::Dim& total, const ir::Dim& parts, const std::string& what) {
  if (const auto q = exact_quotient(total, parts)) return *q;
  const ir::Dim q = floordiv(total, parts);
  args.unify(q * parts, total, what);
  return q;
}

// Operand i is a float tensor.
inline void require_float(const ir::TypeArgs& args, int i) {
  args.require(is_floating(args.type(i).dtype), "operand " + std::to_string(i) + " must be a float tensor");
}

inline void require_integer(const ir::TypeArgs& args, int i) {
  args.require(is_integer(args.type(i).dtype), "operand " + std::to_string(i) + " must be an integer tensor");
}

inline void require_rank(const ir::TypeArgs& args, int i, int rank) {
  args.require(args.type(i).rank() == rank, "operand " + std::to_string(i) + " must have rank " + std::to_string(rank));
}

// Counts from the end if negative; in [0, rank), or an Error.
inline int normal_axis(const std::string& op, int axis, int rank, SourceLine line) {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw Error(op + ": axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank) +
              (line ? ", at " + to_string(line) : ""));
}

}  // namespace bitale::ops
