// Checks the rules of kernel.h in two passes: every declaration by itself, then the statements with their scopes.
#include <cctype>
#include <set>

#include "compiler/kernel/kernel.h"

namespace bitale::kernel {
namespace {

// Whether `op` takes operands of this type; see scalar_ops.def.
bool takes(ScalarOp op, DType t) {
  if (is_only_stored(t)) return op == ScalarOp::cast || op == ScalarOp::select;
  switch (op) {
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::mul:
    case ScalarOp::strong_mul:
    case ScalarOp::floordiv:
    case ScalarOp::mod:
    case ScalarOp::neg:
    case ScalarOp::abs:
    case ScalarOp::min:
    case ScalarOp::max:
      return t != DType::bool_;
    case ScalarOp::bit_and:
    case ScalarOp::bit_or:
    case ScalarOp::bit_xor:
    case ScalarOp::bit_not:
      return !is_floating(t);
    case ScalarOp::shl:
    case ScalarOp::shr:
      return is_integer(t);
    case ScalarOp::philox:
      return t == DType::i64;
    case ScalarOp::bitcast:
      return t != DType::bool_;
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::select:
    case ScalarOp::cast:
      return true;
    default:
      return is_floating(t);
  }
}

bool is_instruction(ScalarOp op) { return arity_of(op) > 0; }

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel)
      : kernel_(kernel), placed_(kernel.values.size()), open_(kernel.values.size()), vars_of_(kernel.values.size()) {}

  void run() {
    head();
    for (std::size_t i = 0; i < kernel_.values.size(); ++i) value(static_cast<ValueId>(i));
    for (const Stmt& stmt : kernel_.body) {
      const Loop* l = std::get_if<Loop>(&stmt.node);
      has_parallel_ = has_parallel_ || (l && l->kind == LoopKind::parallel);
    }
    for (const Stmt& stmt : kernel_.body) top_level(stmt);
    region(kernel_.body);
  }

 private:
  // The sentence comes in parts, which are joined only on failure.
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    if (condition) return;
    std::string sentence;
    ((sentence += parts), ...);
    throw InternalError("kernel " + kernel_.name + ": " + sentence + "\n" + to_string(kernel_));
  }

  static std::string name(ValueId v) { return "v" + std::to_string(v); }

  const Value& at(ValueId id, const std::string& user) const {
    check(id >= 0 && static_cast<std::size_t>(id) < kernel_.values.size(), user + " uses a value that does not exist");
    return kernel_.value(id);
  }

  // --- declarations

  void head() const {
    bool identifier = !kernel_.name.empty() && !std::isdigit(static_cast<unsigned char>(kernel_.name[0]));
    for (const char c : kernel_.name)
      identifier = identifier && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
    check(identifier, "the name is not a C identifier");
    bool scratch = false;
    for (const Buffer& b : kernel_.buffers) {
      check(b.scratch >= 0, "buffer ", b.name, " has a negative size");
      check(b.scratch > 0 || !scratch, "argument ", b.name, " comes after scratch");
      scratch = b.scratch > 0;
      check(b.storage == (b.dtype == DType::bool_ ? DType::u8 : b.dtype), "buffer ", b.name, " cannot store ",
            name_of(b.dtype), " as ", name_of(b.storage));
    }
  }

  void extent(const Extent& e) const {
    check(e.slot >= -1 && e.slot < kernel_.extents, "extent e", std::to_string(e.slot), " does not exist");
  }

  void value(ValueId id) const {
    const Value& v = kernel_.value(id);
    const int operands = v.op == ScalarOp::load && v.args[0] != no_value ? 1 : arity_of(v.op);
    for (int i = 0; i < 3; ++i) {
      const ValueId arg = v.args[static_cast<std::size_t>(i)];
      check((arg != no_value) == (i < operands), name(id), " has a wrong number of operands");
      check(i >= operands || (arg >= 0 && arg < id), name(id), " uses a value that does not come before it");
    }
    if (is_instruction(v.op)) instruction(id, v);
    if (v.op == ScalarOp::var) {
      check(v.type == DType::i64, "a loop variable is not int64");
      check(v.index >= 0 && v.index < kernel_.vars, "loop variable i", std::to_string(v.index), " does not exist");
    }
    if (v.op == ScalarOp::extent) {
      check(v.type == DType::i64, "an extent is not int64");
      extent(v.extent);
    }
    if (v.op == ScalarOp::load) load(id, v);
  }

  void instruction(ValueId id, const Value& v) const {
    const auto type = [&](std::size_t i) { return kernel_.value(v.args[i]).type; };
    const std::string what = name(id) + ": " + std::string(name_of(v.op));
    const bool select = rule_of(v.op) == TypeRule::select;
    if (select) check(type(0) == DType::bool_, what, " needs a bool first");
    const std::size_t first = select ? 1 : 0;
    for (std::size_t i = first; i < static_cast<std::size_t>(arity_of(v.op)); ++i)
      check(type(i) == type(first), what, " has operands of different types");
    check(takes(v.op, type(first)), what, " does not take ", name_of(type(first)));
    switch (rule_of(v.op)) {
      case TypeRule::arg:
      case TypeRule::select:
        check(v.type == type(first), what, " gives its operand's type, not ", name_of(v.type));
        break;
      case TypeRule::boolean:
        check(v.type == DType::bool_, what, " gives bool, not ", name_of(v.type));
        break;
      case TypeRule::free:
        break;
    }
    if (v.op == ScalarOp::cast)
      for (const auto& [stored, other] : {std::pair(v.type, type(0)), std::pair(type(0), v.type)})
        check(!is_only_stored(stored) || other == stored || other == computed_as(stored), what, " between ",
              name_of(stored), " and ", name_of(other));
    if (v.op == ScalarOp::bitcast)
      check(v.type != DType::bool_ && size_of(v.type) == size_of(type(0)), what, " between ", name_of(type(0)), " and ",
            name_of(v.type));
  }

  void load(ValueId id, const Value& v) const {
    const Access& a = access(v.index);
    const Buffer& b = kernel_.buffers[static_cast<std::size_t>(a.buffer)];
    check(v.type == b.dtype, name(id), " loads ", name_of(b.dtype), " as ", name_of(v.type));
    check(b.read, name(id), " loads from ", b.name, ", which is not declared read");
    check(a.guard.empty() == (v.args[0] == no_value), name(id),
          ": a load has a fill value if and only if it is guarded");
    if (v.args[0] != no_value)
      check(kernel_.value(v.args[0]).type == v.type, name(id), " has a fill value of another type");
  }

  const Access& access(int i) const {
    check(i >= 0 && static_cast<std::size_t>(i) < kernel_.accesses.size(), "access ", std::to_string(i),
          " does not exist");
    const Access& a = kernel_.access(i);
    check(a.buffer >= 0 && static_cast<std::size_t>(a.buffer) < kernel_.buffers.size(), "buffer ",
          std::to_string(a.buffer), " does not exist");
    return a;
  }

  // --- statements

  // With a parallel loop in the kernel each phase is on its own: what crosses phases goes through memory.
  void top_level(const Stmt& stmt) const {
    if (!has_parallel_) return;
    check(!std::holds_alternative<Store>(stmt.node), "a store beside a parallel loop");
    if (const Loop* l = std::get_if<Loop>(&stmt.node))
      check(l->reductions.empty(), "a reduction beside a parallel loop");
    if (const Let* l = std::get_if<Let>(&stmt.node); l && at(l->value, "a Let").op == ScalarOp::load) {
      const Buffer& b = kernel_.buffers[static_cast<std::size_t>(access(kernel_.value(l->value).index).buffer)];
      check(!b.written, name(l->value), " is loaded beside a parallel loop from ", b.name, ", which is written");
    }
  }

  // Checks that `id` can be used here; the loop variables that it depends on, as bits (number modulo 64).
  std::uint64_t use(ValueId id, const std::string& user) const {
    const Value& v = at(id, user);
    if (v.op == ScalarOp::constant || v.op == ScalarOp::extent) return 0;
    check(open_[static_cast<std::size_t>(id)], user, " uses ", name(id), " out of its scope");
    return vars_of_[static_cast<std::size_t>(id)];
  }

  void define(ValueId id, std::uint64_t vars, std::vector<ValueId>& scope) {
    const auto i = static_cast<std::size_t>(id);
    check(!placed_[i], name(id), " is computed twice");
    placed_[i] = open_[i] = true;
    vars_of_[i] = vars;
    scope.push_back(id);
  }

  std::uint64_t use(const Index& index, const std::string& user) const {
    std::uint64_t vars = 0;
    extent(index.constant);
    for (const Term& term : index.terms) {
      vars |= use(term.value, user);
      check(kernel_.value(term.value).type == DType::i64, user, " is indexed by a value that is not int64");
      extent(term.stride);
    }
    return vars;
  }

  std::uint64_t use(const Access& a, const std::string& user) const {
    std::uint64_t vars = use(a.index, user);
    for (const Bound& bound : a.guard) {
      vars |= use(bound.index, user);
      extent(bound.upper);
    }
    return vars;
  }

  void region(const Region& body) {
    std::vector<ValueId> scope;
    statements(body, scope);
    close(scope);
  }

  void close(const std::vector<ValueId>& scope) {
    for (const ValueId id : scope) open_[static_cast<std::size_t>(id)] = false;
  }

  void statements(const Region& body, std::vector<ValueId>& scope) {
    for (const Stmt& stmt : body) {
      if (const Let* l = std::get_if<Let>(&stmt.node)) let(l->value, scope);
      if (const Store* s = std::get_if<Store>(&stmt.node)) store(*s);
      if (const Loop* l = std::get_if<Loop>(&stmt.node)) loop(*l, scope);
    }
  }

  void let(ValueId id, std::vector<ValueId>& scope) {
    const Value& v = at(id, "a Let");
    check(is_instruction(v.op) || v.op == ScalarOp::load, "a Let of ", name(id), ", which is a ", name_of(v.op));
    std::uint64_t vars = 0;
    for (const ValueId arg : v.args)
      if (arg != no_value) vars |= use(arg, name(id));
    if (v.op == ScalarOp::load) vars |= use(access(v.index), name(id));
    define(id, vars, scope);
  }

  void store(const Store& s) const {
    const Access& a = access(s.access);
    const Buffer& b = kernel_.buffers[static_cast<std::size_t>(a.buffer)];
    const std::string user = "the store to " + b.name;
    use(s.value, user);
    check(kernel_.value(s.value).type == b.dtype, user, " is of ", name_of(kernel_.value(s.value).type));
    check(b.written, user, ", which is not declared written");
    if (s.accumulate) {
      check(b.read, user, " accumulates, and the buffer is not declared read");
      check(b.dtype != DType::bool_, user, " accumulates bool");
    }
    const std::uint64_t vars = use(a, user);
    for (const Loop* l : loops_) {
      const bool independent = l->kind == LoopKind::vector || (l->kind == LoopKind::parallel && b.scratch == 0);
      if (independent && l->extent != Extent::constant(1))
        check(vars & bit_of(l->var), user, " does not depend on the variable of a parallel or vector loop around it");
    }
  }

  std::uint64_t bit_of(ValueId var) const { return std::uint64_t{1} << (kernel_.value(var).index % 64); }

  void loop(const Loop& l, std::vector<ValueId>& outer) {
    check(at(l.var, "a loop").op == ScalarOp::var, "a loop's variable is a ", name_of(kernel_.value(l.var).op));
    check(vars_.insert(kernel_.value(l.var).index).second, "two loops share i",
          std::to_string(kernel_.value(l.var).index));
    extent(l.extent);
    check(l.kind != LoopKind::parallel || loops_.empty(), "a parallel loop inside a loop");
    for (const Loop* around : loops_)
      check(l.kind != LoopKind::vector || around->kind != LoopKind::vector, "a vector loop inside a vector loop");

    std::vector<ValueId> scope;
    define(l.var, bit_of(l.var), scope);
    loops_.push_back(&l);
    statements(l.body, scope);
    loops_.pop_back();
    std::vector<std::uint64_t> vars;
    vars.reserve(l.reductions.size());
    for (const Reduction& r : l.reductions) vars.push_back(yields(r));
    close(scope);
    for (std::size_t i = 0; i < l.reductions.size(); ++i)
      for (const ValueId result : l.reductions[i].results) define(result, vars[i], outer);
  }

  // Checks a reduction's types; what its yields depend on.
  std::uint64_t yields(const Reduction& r) const {
    const std::string user = text_of(r);
    check(r.yields.size() == (takes_pairs(r.combiner) ? 2u : 1u) && r.results.size() == r.yields.size(), user,
          " with a wrong number of values");
    std::uint64_t vars = 0;
    for (std::size_t i = 0; i < r.yields.size(); ++i) {
      vars |= use(r.yields[i], user);
      const Value& result = at(r.results[i], user);
      check(result.op == ScalarOp::result, user, " defines ", name(r.results[i]), ", which is a ", name_of(result.op));
      check(result.type == kernel_.value(r.yields[i]).type, user, " gives another type than it yields");
      check(r.results[i] > r.yields[i], name(r.results[i]), " does not come after what it reduces");
    }
    const DType t = kernel_.value(r.yields[0]).type;
    const bool logical = r.combiner == Combiner::any || r.combiner == Combiner::all;
    check(logical == (t == DType::bool_), user, " of ", name_of(t));
    if (takes_pairs(r.combiner))
      check(kernel_.value(r.yields[1]).type == DType::i64, user, " with an index that is not int64");
    return vars;
  }

  static std::string text_of(const Reduction& r) { return "the reduction " + std::string(name_of(r.combiner)); }

  const Kernel& kernel_;
  std::vector<bool> placed_, open_;     // per value: has been computed; may be used now
  std::vector<std::uint64_t> vars_of_;  // per value: bits of the loop variables that it depends on
  std::vector<const Loop*> loops_;      // around the present statement
  std::set<int> vars_;
  bool has_parallel_ = false;
};

}  // namespace

void verify(const Kernel& kernel) { Verifier(kernel).run(); }

}  // namespace bitale::kernel
