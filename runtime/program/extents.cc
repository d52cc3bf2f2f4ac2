#include "runtime/program/extents.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/isqrt.h"
#include "runtime/program/placement.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

// False where the result does not fit into 64 bits.
bool arithmetic(ExtentOp op, std::int64_t a, std::int64_t b, std::int64_t& out) {
  switch (op) {
    case ExtentOp::add:
      return !__builtin_add_overflow(a, b, &out);
    case ExtentOp::sub:
      return !__builtin_sub_overflow(a, b, &out);
    case ExtentOp::mul:
      return !__builtin_mul_overflow(a, b, &out);
    case ExtentOp::floordiv:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
      out = floor_divide(a, b);
      return true;
    case ExtentOp::min:
      out = std::min(a, b);
      return true;
    case ExtentOp::max:
      out = std::max(a, b);
      return true;
    case ExtentOp::isqrt:
      out = isqrt(a);
      return true;
    default:
      throw InternalError("an extent that is not arithmetic was evaluated as such");
  }
}

const char* symbol(ExtentOp op) {
  switch (op) {
    case ExtentOp::add:
      return "+";
    case ExtentOp::sub:
      return "-";
    case ExtentOp::mul:
      return "*";
    case ExtentOp::floordiv:
      return "/";
    case ExtentOp::min:
      return "min";
    default:
      return "max";
  }
}

// The blocked step whose tile extent a slot is.
const BlockedStep* blocked_of(const Program& program, std::size_t slot) {
  for (const Step& step : program.steps)
    if (const auto* b = std::get_if<BlockedStep>(&step.node); b && at(b->size) == slot) return b;
  return nullptr;
}

bool any_blocked(const Program& program) {
  return std::any_of(program.steps.begin(), program.steps.end(),
                     [](const Step& s) { return std::holds_alternative<BlockedStep>(s.node); });
}

std::int64_t arithmetic_of(const Program& program, std::size_t slot, std::span<const std::int64_t> extents) {
  std::int64_t value = 0;
  if (try_arithmetic(program, slot, extents, value)) return value;
  const ExtentDef& e = program.extents[slot];
  throw Error(fmt::format("extent {} of program '{}' has no 64-bit value: {} {} {}", slot, program.name,
                          extents[at(e.a)], symbol(e.op), extents[at(e.b)]));
}

// leaf(def) gives the value of an extent that is neither a constant nor arithmetic.
template <class Leaf>
std::vector<std::int64_t> evaluate(const Program& program, const Leaf& leaf) {
  std::vector<std::int64_t> values(program.extents.size());
  const bool blocked = any_blocked(program);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ExtentDef& e = program.extents[i];
    const BlockedStep* b = blocked ? blocked_of(program, i) : nullptr;
    if (b)
      values[i] = first_tile(*b, values);
    else if (e.op == ExtentOp::constant)
      values[i] = e.a;
    else if (e.op >= ExtentOp::add)
      values[i] = arithmetic_of(program, i, values);
    else
      values[i] = leaf(e);
  }
  return values;
}

void check(const Program& program, const std::vector<std::int64_t>& values) {
  for (const ExtentCheck& c : program.checks) {
    const std::int64_t a = values[at(c.a)], b = values[at(c.b)];
    if (c.kind == ExtentCheck::Kind::equal && a != b) throw Error(fmt::format("{}: {} is not {}", c.message, a, b));
    if (c.kind == ExtentCheck::Kind::at_least && a < b)
      throw Error(fmt::format("{}: {} is less than {}", c.message, a, b));
  }
}

std::int64_t axis_of(const char* what, std::span<const ShapeView> shapes, const ExtentDef& e) {
  if (at(e.a) >= shapes.size() || at(e.b) >= shapes[at(e.a)].size())
    throw Error(fmt::format("{} {} has no axis {}", what, e.a, e.b));
  return shapes[at(e.a)][at(e.b)];
}

}  // namespace

std::int64_t first_tile(const BlockedStep& step, std::span<const std::int64_t> extents) {
  return std::max<std::int64_t>(0, std::min(step.tile, extents[at(step.dim)]));
}

bool try_arithmetic(const Program& program, std::size_t slot, std::span<const std::int64_t> extents,
                    std::int64_t& value) {
  const ExtentDef& e = program.extents[slot];
  return arithmetic(e.op, extents[at(e.a)], extents[at(e.b)], value);
}

std::vector<std::int64_t> evaluate_extents(const Program& program, std::span<const ShapeView> inputs,
                                           std::span<const ShapeView> shareds, std::span<const std::int64_t> given) {
  std::vector<std::int64_t> values = evaluate(program, [&](const ExtentDef& e) -> std::int64_t {
    switch (e.op) {
      case ExtentOp::input_axis:
        return axis_of("input", inputs, e);
      case ExtentOp::shared_axis:
        return axis_of("shared variable", shareds, e);
      case ExtentOp::input_value:
        if (at(e.a) >= given.size()) throw Error(fmt::format("the value of input {} is missing", e.a));
        return given[at(e.a)];
      default:
        throw InternalError("an extent of a body in the outermost program");
    }
  });
  check(program, values);
  return values;
}

std::vector<std::int64_t> evaluate_extents(const Program& program, const CallShapes& shapes) {
  const std::vector<ShapeView> inputs(shapes.inputs.begin(), shapes.inputs.end());
  const std::vector<ShapeView> shareds(shapes.shareds.begin(), shapes.shareds.end());
  return evaluate_extents(program, inputs, shareds, shapes.values);
}

std::vector<std::int64_t> evaluate_body_extents(const Program& body, std::span<const std::int64_t> outer) {
  return evaluate(body, [&](const ExtentDef& e) -> std::int64_t {
    if (e.op == ExtentOp::iteration) return 0;
    if (e.op == ExtentOp::outer) return outer[at(e.a)];
    throw InternalError("an extent of a call in the body '" + body.name + "'");
  });
}

}  // namespace bitale::program
