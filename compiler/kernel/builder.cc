#include "compiler/kernel/builder.h"

#include <algorithm>
#include <utility>

#include "runtime/base/float16.h"

namespace bitale::kernel {
namespace {

DType result_type(ScalarOp op, std::span<const Scalar> args) {
  switch (rule_of(op)) {
    case TypeRule::arg:
      return args[0].type();
    case TypeRule::boolean:
      return DType::bool_;
    case TypeRule::select:
      return args[1].type();
    case TypeRule::free:
      break;
  }
  throw InternalError("builder: the result type of " + std::string(name_of(op)) + " must be given");
}

}  // namespace

ValueId Builder::add(Value v) {
  kernel_.values.push_back(v);
  return static_cast<ValueId>(kernel_.values.size() - 1);
}

int Builder::buffer(std::string name, DType dtype, bool written) {
  BITALE_ASSERT(kernel_.buffers.empty() || kernel_.buffers.back().scratch == 0, "an argument after scratch: " + name);
  const DType storage = dtype == DType::bool_ ? DType::u8 : dtype;
  kernel_.buffers.push_back({std::move(name), dtype, storage, false, written, 0});
  return static_cast<int>(kernel_.buffers.size() - 1);
}

int Builder::scratch(std::string name, DType dtype, std::int64_t elements) {
  BITALE_ASSERT(elements > 0, "scratch buffer without elements: " + name);
  const DType storage = dtype == DType::bool_ ? DType::u8 : dtype;
  kernel_.buffers.push_back({std::move(name), dtype, storage, true, true, elements});
  return static_cast<int>(kernel_.buffers.size() - 1);
}

Scalar Builder::constant(double value, DType type) {
  if (!is_floating(type)) return integer(static_cast<std::int64_t>(value), type);
  return {this, add({.op = ScalarOp::constant, .type = type, .real = rounded_to(type, value)})};
}

Scalar Builder::integer(std::int64_t value, DType type) {
  if (is_floating(type)) return constant(static_cast<double>(value), type);
  const std::int64_t wrapped =
      dispatch(type, [&](auto t) { return static_cast<std::int64_t>(static_cast<typename decltype(t)::type>(value)); });
  return {this, add({.op = ScalarOp::constant, .type = type, .integer = wrapped})};
}

Scalar Builder::extent(Extent e) {
  if (e.is_constant()) return integer(e.value);
  return {this, add({.op = ScalarOp::extent, .type = DType::i64, .extent = e})};
}

Scalar Builder::emit(ScalarOp op, DType type, std::span<const Scalar> args) {
  BITALE_ASSERT(static_cast<int>(args.size()) == arity_of(op) && !args.empty(),
                "wrong number of operands for " + std::string(name_of(op)));
  Value v{.op = op, .type = type};
  for (std::size_t i = 0; i < args.size(); ++i) {
    BITALE_ASSERT(args[i].builder == this,
                  "an operand of " + std::string(name_of(op)) + " belongs to no or another builder");
    v.args[i] = args[i].id;
  }
  const ValueId id = add(v);
  regions_.back()->push_back({Let{id}});
  return {this, id};
}

Scalar Builder::load(int buffer, Index index, std::vector<Bound> guard, Scalar fill) {
  BITALE_ASSERT(guard.empty() == (fill.id == no_value), "a load has a fill value if and only if it has a guard");
  Buffer& from = kernel_.buffers.at(static_cast<std::size_t>(buffer));
  from.read = true;
  kernel_.accesses.push_back({buffer, std::move(index), std::move(guard)});
  Value v{.op = ScalarOp::load, .type = from.dtype, .index = static_cast<int>(kernel_.accesses.size() - 1)};
  v.args[0] = fill.id;
  const ValueId id = add(v);
  regions_.back()->push_back({Let{id}});
  return {this, id};
}

void Builder::store(int buffer, Index index, Scalar value, std::vector<Bound> guard, bool accumulate) {
  Buffer& to = kernel_.buffers.at(static_cast<std::size_t>(buffer));
  to.read = to.read || accumulate;
  kernel_.accesses.push_back({buffer, std::move(index), std::move(guard)});
  regions_.back()->push_back({Store{static_cast<int>(kernel_.accesses.size() - 1), value.id, accumulate}});
}

// The regions around the open one do not grow while it is open, so pointers into them stay valid.
Loop& Builder::open(LoopKind kind, Extent extent) {
  const ValueId var = add({.op = ScalarOp::var, .type = DType::i64, .index = kernel_.vars++});
  Region& around = *regions_.back();
  around.push_back({Loop{}});
  Loop& loop = std::get<Loop>(around.back().node);
  loop.kind = kind;
  loop.var = var;
  loop.extent = extent;
  regions_.push_back(&loop.body);
  return loop;
}

void Builder::loop(LoopKind kind, Extent extent, const std::function<void(Scalar var)>& body) {
  const Loop& loop = open(kind, extent);
  body({this, loop.var});
  regions_.pop_back();
}

std::vector<Scalar> Builder::reduce(LoopKind kind, Extent extent,
                                    const std::function<std::vector<Yield>(Scalar var)>& body) {
  Loop& loop = open(kind, extent);
  const std::vector<Yield> yields = body({this, loop.var});
  regions_.pop_back();

  std::vector<Scalar> results;
  for (const Yield& yield : yields) {
    Reduction reduction{.combiner = yield.combiner};
    for (const Scalar& value : yield.values) {
      reduction.yields.push_back(value.id);
      reduction.results.push_back(add({.op = ScalarOp::result, .type = value.type()}));
      results.push_back({this, reduction.results.back()});
    }
    loop.reductions.push_back(std::move(reduction));
  }
  return results;
}

Scalar call(ScalarOp op, std::initializer_list<Scalar> args) {
  const std::span<const Scalar> span(args.begin(), args.size());
  return span[0].builder->emit(op, result_type(op, span), span);
}

Scalar call(ScalarOp op, DType type, std::initializer_list<Scalar> args) {
  return args.begin()->builder->emit(op, type, {args.begin(), args.size()});
}

Scalar operator+(Scalar a, Scalar b) { return call(ScalarOp::add, {a, b}); }
Scalar operator-(Scalar a, Scalar b) { return call(ScalarOp::sub, {a, b}); }
Scalar operator*(Scalar a, Scalar b) { return call(ScalarOp::mul, {a, b}); }
Scalar operator/(Scalar a, Scalar b) { return call(ScalarOp::div, {a, b}); }
Scalar operator-(Scalar a) { return call(ScalarOp::neg, {a}); }

}  // namespace bitale::kernel
