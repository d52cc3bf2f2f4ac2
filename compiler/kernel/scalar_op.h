// Scalar instructions and reduction combiners; see scalar_ops.def for the list and its semantics.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/dtype.h"

namespace bitale::kernel {

enum class ScalarOp : std::uint8_t {
#define BITALE_SCALAR_OP(name, arity, rule, expands) name,
#include "compiler/kernel/scalar_ops.def"
#undef BITALE_SCALAR_OP
};

enum class TypeRule : std::uint8_t { arg, boolean, select, free };

std::string_view name_of(ScalarOp op);
int arity_of(ScalarOp op);
TypeRule rule_of(ScalarOp op);
bool expands(ScalarOp op);
int cost_of(ScalarOp op);  // for one element, in additions, roughly; what only moves or names a value is free
std::optional<ScalarOp> scalar_op_from_name(std::string_view name);

// How a loop combines what its iterations yield. arg_max and arg_min combine pairs (value, int64 index) and keep the
// smallest index among equals; a NaN value wins, the first one first. max and min propagate NaN.
enum class Combiner : std::uint8_t { sum, prod, max, min, any, all, arg_max, arg_min };

std::string_view name_of(Combiner combiner);
std::optional<Combiner> combiner_from_name(std::string_view name);
inline bool takes_pairs(Combiner c) { return c == Combiner::arg_max || c == Combiner::arg_min; }

// The value of an empty reduction: 0, 1, lowest, highest, 0, 1. For floats lowest and highest are the infinities. The
// index of an empty arg_max or arg_min is 0.
double identity_of(Combiner combiner, DType dtype);                // the highest int64 is rounded
std::int64_t integer_identity_of(Combiner combiner, DType dtype);  // of an integer type or bool, exact

}  // namespace bitale::kernel
