#include "compiler/kernel/scalar_op.h"

#include <limits>

namespace bitale::kernel {
namespace {

struct Row {
  std::string_view name;
  int arity;
  TypeRule rule;
  bool expands;
};

constexpr Row rows[] = {
#define BITALE_SCALAR_OP(name, arity, rule, expands) {#name, arity, TypeRule::rule, expands != 0},
#include "compiler/kernel/scalar_ops.def"
#undef BITALE_SCALAR_OP
};

constexpr std::string_view combiners[] = {"sum", "prod", "max", "min", "any", "all", "arg_max", "arg_min"};

const Row& row(ScalarOp op) { return rows[static_cast<std::size_t>(op)]; }

}  // namespace

std::string_view name_of(ScalarOp op) { return row(op).name; }
int arity_of(ScalarOp op) { return row(op).arity; }
TypeRule rule_of(ScalarOp op) { return row(op).rule; }
bool expands(ScalarOp op) { return row(op).expands; }

std::optional<ScalarOp> scalar_op_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(rows); ++i)
    if (rows[i].name == name) return static_cast<ScalarOp>(i);
  return std::nullopt;
}

std::string_view name_of(Combiner combiner) { return combiners[static_cast<std::size_t>(combiner)]; }

std::optional<Combiner> combiner_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(combiners); ++i)
    if (combiners[i] == name) return static_cast<Combiner>(i);
  return std::nullopt;
}

double identity_of(Combiner combiner, DType dtype) {
  return dispatch(dtype, [&](auto t) -> double {
    using T = typename decltype(t)::type;
    using Limits = std::numeric_limits<T>;
    switch (combiner) {
      case Combiner::sum: case Combiner::any: return 0;
      case Combiner::prod: case Combiner::all: return 1;
      case Combiner::max: case Combiner::arg_max:
        return Limits::has_infinity ? -static_cast<double>(Limits::infinity()) : static_cast<double>(Limits::lowest());
      case Combiner::min: case Combiner::arg_min:
        return Limits::has_infinity ? static_cast<double>(Limits::infinity()) : static_cast<double>(Limits::max());
    }
    throw InternalError("identity_of: combiner out of range");
  });
}

}  // namespace bitale::kernel
