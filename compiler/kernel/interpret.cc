#include "compiler/kernel/interpret.h"

#include <cstddef>
#include <cstring>

#include "runtime/base/float16.h"

namespace bitale::kernel {
namespace {

// Scratch is filled with this byte at the start of every parallel iteration: floats that were never written are NaN.
constexpr int poison = 0xff;

Lane identity(Combiner combiner, DType type) {
  if (is_floating(type)) return {.real = identity_of(combiner, type)};
  return {.integer = integer_identity_of(combiner, type)};
}

ScalarOp op_of(Combiner combiner) {
  switch (combiner) {
    case Combiner::sum:
      return ScalarOp::add;
    case Combiner::prod:
      return ScalarOp::mul;
    case Combiner::max:
      return ScalarOp::max;
    case Combiner::min:
      return ScalarOp::min;
    case Combiner::any:
      return ScalarOp::bit_or;
    case Combiner::all:
      return ScalarOp::bit_and;
    case Combiner::arg_max:
    case Combiner::arg_min:
      break;
  }
  throw InternalError("interpret: no instruction combines with " + std::string(name_of(combiner)));
}

template <class T>
bool first_wins(Combiner combiner, T a, std::int64_t index_a, T b, std::int64_t index_b) {
  const bool nan_a = a != a, nan_b = b != b;
  if (nan_a != nan_b) return nan_a;
  if (nan_a || a == b) return index_a < index_b;
  return combiner == Combiner::arg_max ? a > b : a < b;
}

class Interpreter {
 public:
  Interpreter(const Kernel& kernel, std::span<void* const> buffers, std::span<const std::int64_t> extents)
      : kernel_(kernel), extents_(extents), lanes_(kernel.values.size()) {
    BITALE_ASSERT(static_cast<int>(buffers.size()) == kernel.arguments(), "wrong number of buffers for " + kernel.name);
    BITALE_ASSERT(static_cast<int>(extents.size()) >= kernel.extents, "wrong number of extents for " + kernel.name);
    for (const Buffer& b : kernel.buffers) {
      if (b.scratch > 0) scratch_.emplace_back(static_cast<std::size_t>(b.scratch) * size_of(b.storage));
      bases_.push_back(b.scratch > 0 ? scratch_.back().data() : buffers[bases_.size()]);
    }
    for (std::size_t i = 0; i < kernel.values.size(); ++i) {
      const Value& v = kernel.values[i];
      if (v.op == ScalarOp::constant) lanes_[i] = {v.real, v.integer};
      if (v.op == ScalarOp::extent) lanes_[i].integer = size(v.extent);
    }
  }

  void run() {
    clear_scratch();
    region(kernel_.body);
  }

 private:
  Lane& lane(ValueId v) { return lanes_[static_cast<std::size_t>(v)]; }
  std::int64_t size(const Extent& e) const {
    return e.is_constant() ? e.value : extents_[static_cast<std::size_t>(e.slot)];
  }

  std::int64_t offset(const Index& index) {
    std::int64_t sum = size(index.constant);
    for (const Term& term : index.terms) sum += lane(term.value).integer * size(term.stride);
    return sum;
  }

  bool inside(const Access& access) {
    for (const Bound& bound : access.guard) {
      const std::int64_t i = offset(bound.index);
      if (i < 0 || i >= size(bound.upper)) return false;
    }
    return true;
  }

  Lane read(const Buffer& buffer, const void* base, std::int64_t i) {
    if (is_only_stored(buffer.storage))
      return {.real = widen(buffer.storage, static_cast<const std::uint16_t*>(base)[i])};
    return dispatch(buffer.storage, [&](auto t) -> Lane {
      using T = typename decltype(t)::type;
      const T element = static_cast<const T*>(base)[i];
      if constexpr (std::is_floating_point_v<T>) return {.real = element};
      return {.integer = buffer.dtype == DType::bool_ ? element != 0 : static_cast<std::int64_t>(element)};
    });
  }

  void write(const Buffer& buffer, void* base, std::int64_t i, Lane v) {
    if (is_only_stored(buffer.storage)) {
      static_cast<std::uint16_t*>(base)[i] = narrow(buffer.storage, static_cast<float>(v.real));
      return;
    }
    dispatch(buffer.storage, [&](auto t) {
      using T = typename decltype(t)::type;
      if constexpr (std::is_floating_point_v<T>)
        static_cast<T*>(base)[i] = static_cast<T>(v.real);
      else
        static_cast<T*>(base)[i] = static_cast<T>(v.integer);
    });
  }

  void let(ValueId id) {
    const Value& v = kernel_.value(id);
    if (v.op == ScalarOp::load) {
      const Access& access = kernel_.access(v.index);
      const auto b = static_cast<std::size_t>(access.buffer);
      lane(id) = inside(access) ? read(kernel_.buffers[b], bases_[b], offset(access.index)) : lane(v.args[0]);
      return;
    }
    const auto arity = static_cast<std::size_t>(arity_of(v.op));
    Lane args[3];
    for (std::size_t i = 0; i < arity; ++i) args[i] = lane(v.args[i]);
    lane(id) = evaluate(v.op, v.type, kernel_.value(v.args[arity - 1]).type, {args, arity});
  }

  void store(const Store& s) {
    const Access& access = kernel_.access(s.access);
    if (!inside(access)) return;
    const auto b = static_cast<std::size_t>(access.buffer);
    const std::int64_t i = offset(access.index);
    Lane v = lane(s.value);
    if (s.accumulate) {
      const DType type = kernel_.buffers[b].dtype;
      const Lane sum[2] = {read(kernel_.buffers[b], bases_[b], i), v};
      v = evaluate(ScalarOp::add, type, type, sum);
    }
    write(kernel_.buffers[b], bases_[b], i, v);
  }

  void combine(const Reduction& r, bool first) {
    const DType type = kernel_.value(r.yields[0]).type;
    if (!takes_pairs(r.combiner)) {
      const Lane args[2] = {lane(r.results[0]), lane(r.yields[0])};
      lane(r.results[0]) = evaluate(op_of(r.combiner), type, type, args);
      return;
    }
    const Lane &best = lane(r.results[0]), &value = lane(r.yields[0]);
    const std::int64_t at = lane(r.results[1]).integer, index = lane(r.yields[1]).integer;
    const bool stays = is_floating(type) ? first_wins(r.combiner, best.real, at, value.real, index)
                                         : first_wins(r.combiner, best.integer, at, value.integer, index);
    if (stays && !first) return;
    lane(r.results[0]) = value;
    lane(r.results[1]).integer = index;
  }

  void loop(const Loop& l) {
    for (const Reduction& r : l.reductions) {
      lane(r.results[0]) = identity(r.combiner, kernel_.value(r.results[0]).type);
      if (takes_pairs(r.combiner)) lane(r.results[1]).integer = 0;
    }
    const std::int64_t n = size(l.extent);
    for (std::int64_t i = 0; i < n; ++i) {
      if (l.kind == LoopKind::parallel) clear_scratch();
      lane(l.var).integer = i;
      region(l.body);
      for (const Reduction& r : l.reductions) combine(r, i == 0);
    }
  }

  void region(const Region& body) {
    for (const Stmt& stmt : body) {
      if (const Let* l = std::get_if<Let>(&stmt.node))
        let(l->value);
      else if (const Store* s = std::get_if<Store>(&stmt.node))
        store(*s);
      else
        loop(std::get<Loop>(stmt.node));
    }
  }

  void clear_scratch() {
    for (auto& bytes : scratch_) std::memset(bytes.data(), poison, bytes.size());
  }

  const Kernel& kernel_;
  std::span<const std::int64_t> extents_;
  std::vector<Lane> lanes_;  // per value
  std::vector<std::vector<std::byte>> scratch_;
  std::vector<void*> bases_;  // per buffer
};

}  // namespace

void interpret(const Kernel& kernel, std::span<void* const> buffers, std::span<const std::int64_t> extents) {
  Interpreter(kernel, buffers, extents).run();
}

}  // namespace bitale::kernel
