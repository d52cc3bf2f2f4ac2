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
#define BITALE_SCALAR_OP(name, arity, rule, expands) {#name, arity, TypeRule::rule, (expands) != 0},
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

int cost_of(ScalarOp op) {
  switch (op) {
    case ScalarOp::constant:
    case ScalarOp::var:
    case ScalarOp::extent:
    case ScalarOp::load:
    case ScalarOp::result:
    case ScalarOp::cast:
    case ScalarOp::bitcast:
      return 0;
    case ScalarOp::div:
    case ScalarOp::sqrt:
    case ScalarOp::floordiv:
    case ScalarOp::mod:
      return 3;
    default:
      return expands(op) ? 12 : 1;
  }
}

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
  if (!is_floating(dtype)) return static_cast<double>(integer_identity_of(combiner, dtype));
  switch (combiner) {
    case Combiner::sum:
    case Combiner::any:
      return 0;
    case Combiner::prod:
    case Combiner::all:
      return 1;
    case Combiner::max:
    case Combiner::arg_max:
      return -std::numeric_limits<double>::infinity();
    case Combiner::min:
    case Combiner::arg_min:
      return std::numeric_limits<double>::infinity();
  }
  throw InternalError("identity_of: combiner out of range");
}

std::int64_t integer_identity_of(Combiner combiner, DType dtype) {
  BITALE_ASSERT(!is_floating(dtype), std::string(name_of(dtype)));
  return dispatch(dtype, [&](auto t) -> std::int64_t {
    using Limits = std::numeric_limits<typename decltype(t)::type>;
    switch (combiner) {
      case Combiner::sum:
      case Combiner::any:
        return 0;
      case Combiner::prod:
      case Combiner::all:
        return 1;
      case Combiner::max:
      case Combiner::arg_max:
        return static_cast<std::int64_t>(Limits::lowest());
      case Combiner::min:
      case Combiner::arg_min:
        return static_cast<std::int64_t>(Limits::max());
    }
    throw InternalError("integer_identity_of: combiner out of range");
  });
}

}  // namespace bitale::kernel
