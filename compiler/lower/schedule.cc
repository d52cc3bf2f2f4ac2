#include "compiler/lower/schedule.h"

#include <algorithm>
#include <optional>
#include <set>

#include "compiler/kernel/builder.h"
#include "runtime/base/error.h"

namespace bitale::lower {

using ir::Dim;
using ir::Expr;
using ir::ExprNode;
using ir::Formula;
using ir::Index;
using ir::ScalarOp;
using ir::Tensor;
using kernel::LoopKind;
using kernel::ValueId;

kernel::Extent ExtentTable::extent(const Dim& dim) {
  if (dim.is_constant()) return kernel::Extent::constant(dim.value());
  const auto it = std::find(dims_.begin(), dims_.end(), dim);
  const int slot = static_cast<int>(it - dims_.begin());
  if (it == dims_.end()) dims_.push_back(dim);
  return kernel::Extent::argument(slot);
}

std::vector<Dim> strides_of(const ir::Shape& shape) {
  std::vector<Dim> strides(shape.size(), Dim(1));
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = shape[i].is(0) ? strides[i] : strides[i] * shape[i];
  return strides;
}

std::string comment_of(const ir::Node& node) {
  std::string s = node.op().name;
  const char* separator = "  ";
  for (const SourceLine& l : node.origins()) {
    s += separator + to_string(l);
    separator = ", ";
  }
  return s;
}

namespace {

// A variable of the formula as a loop to be.
struct LoopVar {
  int expr = -1;
  Dim extent;
};

// The formula with linear addresses, after merging of loops.
struct Plan {
  const Composed& c;
  const Formula& f;
  std::vector<Index> address;  // per Expr: of loads, linear in elements
  std::vector<Index> store;    // per root
  std::vector<LoopVar> loops;
  std::vector<std::vector<LoopVar>> reductions;  // variables of each reduction, outermost first
  std::vector<std::set<int>> free;               // per Expr: variables (Expr ids) it depends on
  std::vector<int> live;                         // Exprs that the roots reach, operands first

  explicit Plan(const Composed& composed) : c(composed), f(composed.formula) {}
};

Index linear(const std::vector<Index>& at, const ir::Shape& shape, Formula* formula) {
  const std::vector<Dim> strides = strides_of(shape);
  Index total;
  total.formula = formula;
  for (std::size_t i = 0; i < at.size(); ++i)
    if (!shape[i].is(1)) total = total + at[i] * strides[i];
  return total;
}

Dim coefficient(const Index& index, int var) {
  for (const auto& [v, c] : index.terms)
    if (v == var) return c;
  return Dim(0);
}

template <class F>
void for_operands(const Formula& f, const ExprNode& n, F&& visit) {
  for (int a : n.args)
    if (a >= 0) visit(a);
  if (n.op == ScalarOp::result)
    for (int y : f.reduction(n.reduction).yields) visit(y);
}

void find_live(Plan& p) {
  std::vector<bool> seen(static_cast<std::size_t>(p.f.size()));
  std::vector<int> stack;
  for (Expr e : p.c.values) stack.push_back(e.id);
  for (Expr v : p.c.loops) stack.push_back(v.id);  // stores walk them all
  while (!stack.empty()) {
    const int e = stack.back();
    stack.pop_back();
    if (seen[static_cast<std::size_t>(e)]) continue;
    seen[static_cast<std::size_t>(e)] = true;
    const ExprNode& n = p.f.node(e);
    auto push = [&](int x) { stack.push_back(x); };
    for_operands(p.f, n, push);
    for (const Index& i : n.at)
      for (const auto& t : i.terms) push(t.first);
    for (const auto& b : n.guard)
      for (const auto& t : b.index.terms) push(t.first);
  }
  for (int e = 0; e < p.f.size(); ++e)
    if (seen[static_cast<std::size_t>(e)]) p.live.push_back(e);
}

// Expr ids grow from operands to users, so one pass in order suffices (a reduction's yields come before its results).
void find_free(Plan& p) {
  p.free.resize(static_cast<std::size_t>(p.f.size()));
  for (int e : p.live) {
    auto& free = p.free[static_cast<std::size_t>(e)];
    const ExprNode& n = p.f.node(e);
    if (n.op == ScalarOp::var && !p.f.range(n.var).is(1)) free.insert(e);  // the only value of the others is 0
    auto merge = [&](int x) {
      free.insert(p.free[static_cast<std::size_t>(x)].begin(), p.free[static_cast<std::size_t>(x)].end());
    };
    for_operands(p.f, n, merge);
    for (const auto& t : p.address[static_cast<std::size_t>(e)].terms) merge(t.first);
    for (const auto& b : n.guard)
      for (const auto& t : b.index.terms) merge(t.first);
    if (n.op == ScalarOp::result)
      for (int v : p.f.reduction(n.reduction).vars) free.erase(v);
  }
}

// Whether var occurs anywhere but as a term of a load's or store's address.
bool used_as_value(const Plan& p, int var) {
  for (int e : p.live) {
    const ExprNode& n = p.f.node(e);
    bool found = false;
    for_operands(p.f, n, [&](int x) { found = found || x == var; });
    for (const auto& b : n.guard) found = found || !coefficient(b.index, var).is(0);
    if (found) return true;
  }
  return std::any_of(p.c.values.begin(), p.c.values.end(), [&](Expr e) { return e.id == var; });
}

void erase_var(Index& index, int var) {
  std::erase_if(index.terms, [&](const auto& t) { return t.first == var; });
}

// Merges `outer` into `inner` (adjacent loops) if every address walks them as one loop; returns whether it did.
bool merge_pair(Plan& p, const LoopVar& outer, LoopVar& inner) {
  if (used_as_value(p, outer.expr) || used_as_value(p, inner.expr)) return false;
  auto fits = [&](const Index& i) { return coefficient(i, outer.expr) == coefficient(i, inner.expr) * inner.extent; };
  for (int e : p.live)
    if (p.f.node(e).op == ScalarOp::load && !fits(p.address[static_cast<std::size_t>(e)])) return false;
  if (!std::all_of(p.store.begin(), p.store.end(), fits)) return false;
  for (Index& i : p.address) erase_var(i, outer.expr);
  for (Index& i : p.store) erase_var(i, outer.expr);
  inner.extent = outer.extent * inner.extent;
  return true;
}

// keep: how many outermost loops are left alone.
void merge_loops(Plan& p, std::vector<LoopVar>& loops, std::size_t keep) {
  for (std::size_t i = loops.size(); i-- > keep + 1;)
    if (merge_pair(p, loops[i - 1], loops[i])) loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i) - 1);
}

// The loops of a reduction: those of extent 1 are not built, unless all are.
std::vector<LoopVar> loops_of(const Plan& p, const std::vector<int>& vars) {
  std::vector<LoopVar> loops;
  for (int v : vars)
    if (const Dim& extent = p.f.range(p.f.node(v).var); !extent.is(1)) loops.push_back({v, extent});
  if (loops.empty() && !vars.empty()) loops.push_back({vars.back(), Dim(1)});
  return loops;
}

Plan make_plan(const Composed& c, std::span<const Tensor> roots) {
  Plan p(c);
  auto* formula = const_cast<Formula*>(&c.formula);
  for (int e = 0; e < p.f.size(); ++e) {
    const ExprNode& n = p.f.node(e);
    p.address.push_back(n.op == ScalarOp::load
                            ? linear(n.at, c.sources[static_cast<std::size_t>(n.source)].shape(), formula)
                            : Index());
  }
  for (const Tensor& root : roots) {
    std::vector<Index> at;
    for (Expr v : c.loops) at.emplace_back(v);
    p.store.push_back(linear(at, root.shape(), formula));
  }
  find_live(p);
  for (std::size_t i = 0; i < c.loops.size(); ++i)
    if (!roots[0].shape()[i].is(1)) p.loops.push_back({c.loops[i].id, roots[0].shape()[i]});
  std::set<int> seen;
  for (int e : p.live) {
    const ExprNode& n = p.f.node(e);
    if (n.op != ScalarOp::result || !seen.insert(n.reduction).second) continue;
    if (static_cast<int>(p.reductions.size()) <= n.reduction)
      p.reductions.resize(static_cast<std::size_t>(n.reduction) + 1);
    p.reductions[static_cast<std::size_t>(n.reduction)] = loops_of(p, p.f.reduction(n.reduction).vars);
  }
  // The outermost loop stays on its own where there are others, to be the parallel one.
  merge_loops(p, p.loops, p.loops.size() > 1 && !p.loops[0].extent.is(1) ? 1 : 0);
  for (auto& r : p.reductions) merge_loops(p, r, 0);
  find_free(p);
  return p;
}

// ---- choosing the vector loops ----

// What fills lanes; half of them, if must be.
constexpr std::int64_t long_enough = 8, long_enough_for_half = 4;

bool shorter_than(const Dim& extent, std::int64_t least) { return extent.is_constant() && extent.value() < least; }

int score_access(const Index& address, int var, int weight) {
  const Dim c = coefficient(address, var);
  if (c.is(1)) return 4 * weight;
  if (c.is(0)) return 2 * weight;
  if (c.is_constant() && std::abs(c.value()) <= 4) return weight;
  return -4 * weight;
}

// How well the accesses below suit `var` in lanes: every load that depends on it, and the stores if asked.
int score(const Plan& p, int var, const std::vector<int>& exprs, bool stores) {
  int total = 0;
  for (int e : exprs) {
    const ExprNode& n = p.f.node(e);
    if (n.op != ScalarOp::load || !p.free[static_cast<std::size_t>(e)].contains(var)) continue;
    bool gathered = false;
    for (const auto& t : p.address[static_cast<std::size_t>(e)].terms)
      gathered = gathered || (t.first != var && p.free[static_cast<std::size_t>(t.first)].contains(var));
    total += gathered ? -2 : score_access(p.address[static_cast<std::size_t>(e)], var, 1);
  }
  if (stores)
    for (const Index& s : p.store) total += score_access(s, var, 2);
  return total;
}

// Exprs that are computed inside a reduction's loops.
std::vector<int> inside(const Plan& p, int reduction) {
  std::vector<int> out;
  for (int e : p.live)
    for (const LoopVar& v : p.reductions[static_cast<std::size_t>(reduction)])
      if (p.free[static_cast<std::size_t>(e)].contains(v.expr)) {
        out.push_back(e);
        break;
      }
  return out;
}

struct Lanes {
  int main = -1;                // the main loop that runs in lanes (position), or -1
  std::vector<int> reductions;  // per reduction: the position of its vector variable, or -1
};

// Reductions that depend on a main loop variable sit inside it, so at most one of the two can be the vector loop.
Lanes choose_lanes(const Plan& p) {
  Lanes lanes;
  lanes.reductions.assign(p.reductions.size(), -1);
  auto best_of = [&](const std::vector<LoopVar>& vars, const std::vector<int>& exprs, bool stores,
                     std::int64_t least = long_enough) {
    std::pair<int, int> best{-1, -1000};
    for (std::size_t i = 0; i < vars.size(); ++i) {
      if (shorter_than(vars[i].extent, least)) continue;
      const int s = score(p, vars[i].expr, exprs, stores);
      if (s >= best.second) best = {static_cast<int>(i), s};
    }
    return best;
  };
  auto main = best_of(p.loops, p.live, true);
  // Lanes that are scattered over memory are worse than fewer lanes that are not.
  if (main.first >= 0 && main.second < 0) main = best_of(p.loops, p.live, true, long_enough_for_half);
  lanes.main = main.first;
  for (std::size_t r = 0; r < p.reductions.size(); ++r) {
    if (p.reductions[r].empty()) continue;
    const std::vector<int> body = inside(p, static_cast<int>(r));
    const auto own = best_of(p.reductions[r], body, false);
    if (own.first < 0) continue;
    const bool in_main =
        lanes.main >= 0 && std::any_of(body.begin(), body.end(), [&](int e) {
          return p.free[static_cast<std::size_t>(e)].contains(p.loops[static_cast<std::size_t>(lanes.main)].expr);
        });
    if (!in_main) {
      lanes.reductions[r] = own.first;
    } else if (own.second > score(p, p.loops[static_cast<std::size_t>(lanes.main)].expr, body, false)) {
      lanes.main = -1;  // the reduction's lanes are better; the main loops stay scalar
      lanes.reductions[r] = own.first;
    }
  }
  if (lanes.main < 0) {
    // Everything inside the main nest is then free to use its own lanes.
    for (std::size_t r = 0; r < p.reductions.size(); ++r)
      if (lanes.reductions[r] < 0 && !p.reductions[r].empty())
        lanes.reductions[r] = best_of(p.reductions[r], inside(p, static_cast<int>(r)), false).first;
  }
  return lanes;
}

// ---- emission ----

// One open loop (or the top level), its statements so far and the values computed there.
struct Scope {
  Scope* parent = nullptr;
  int var = -1;  // Expr id of the loop variable; -1 at the top
  ValueId var_value = kernel::no_value;
  kernel::Region region;
  std::map<int, ValueId> values;
  bool in_lanes = false;  // this or an enclosing loop is a vector loop
};

class Emitter {
 public:
  Emitter(const Plan& plan, const Lanes& lanes, std::string name) : p_(plan), lanes_(lanes) {
    k_.name = std::move(name);
  }

  ScheduledKernel run(std::span<const Tensor> roots) {
    for (const Tensor& s : p_.c.sources) k_.buffers.push_back(buffer("in", s, false));
    for (const Tensor& r : roots) k_.buffers.push_back(buffer("out", r, true));
    Scope top;
    nest(top, 0);
    k_.body = std::move(top.region);
    for (const ir::NodePtr& n : p_.c.nodes) k_.comments.push_back(comment_of(*n));
    k_.extents = static_cast<int>(extents_.dims().size());
    ScheduledKernel out;
    out.kernel = std::move(k_);
    out.reads = p_.c.sources;
    out.writes.assign(roots.begin(), roots.end());
    out.extents = extents_.dims();
    return out;
  }

 private:
  kernel::Buffer buffer(const char* prefix, const Tensor& t, bool written) const {
    kernel::Buffer b;
    b.name = prefix + std::to_string(k_.buffers.size());
    b.dtype = t.dtype();
    b.storage = storage_dtype(t.dtype());
    b.read = !written;
    b.written = written;
    return b;
  }

  ValueId add(const kernel::Value& v) {
    k_.values.push_back(v);
    return static_cast<ValueId>(k_.values.size()) - 1;
  }

  LoopKind kind_of(std::size_t depth) const {
    if (static_cast<int>(depth) == lanes_.main) return LoopKind::vector;
    return depth == 0 && !reduces_at_top() ? LoopKind::parallel : LoopKind::sequential;
  }

  // A reduction that no loop encloses would stand beside the parallel loop.
  bool reduces_at_top() const {
    return std::any_of(p_.live.begin(), p_.live.end(), [&](int e) {
      return p_.f.node(e).op == ScalarOp::result && p_.free[static_cast<std::size_t>(e)].empty();
    });
  }

  void nest(Scope& scope, std::size_t depth) {
    if (depth == p_.loops.size()) {
      for (std::size_t r = 0; r < p_.c.values.size(); ++r) {
        kernel::Access a;
        a.buffer = static_cast<int>(p_.c.sources.size() + r);
        a.index = index(p_.store[r], scope);
        const ValueId v = emit(p_.c.values[r].id, scope);
        k_.accesses.push_back(std::move(a));
        scope.region.push_back({kernel::Store{static_cast<int>(k_.accesses.size()) - 1, v, false}});
      }
      return;
    }
    const LoopVar& v = p_.loops[depth];
    in_loop(scope, v, kind_of(depth), [&](Scope& inner) {
      nest(inner, depth + 1);
      return std::vector<kernel::Reduction>();
    });
  }

  template <class F>
  void in_loop(Scope& scope, const LoopVar& v, LoopKind kind, F&& body) {
    kernel::Value var;
    var.op = ScalarOp::var;
    var.type = DType::i64;
    var.index = k_.vars++;
    Scope inner;
    inner.parent = &scope;
    inner.var = v.expr;
    inner.var_value = add(var);
    inner.in_lanes = scope.in_lanes || kind == LoopKind::vector;
    kernel::Loop loop;
    loop.kind = kind;
    loop.var = inner.var_value;
    loop.extent = extents_.extent(v.extent);
    loop.reductions = body(inner);
    loop.body = std::move(inner.region);
    scope.region.push_back({std::move(loop)});
  }

  // The innermost enclosing scope whose variable the expression depends on.
  Scope& home(int e, Scope& from) {
    Scope* s = &from;
    while (s->parent && !p_.free[static_cast<std::size_t>(e)].contains(s->var)) s = s->parent;
    return *s;
  }

  ValueId emit(int e, Scope& from) {
    const ExprNode& n = p_.f.node(e);
    Scope& scope = home(e, from);
    if (n.op == ScalarOp::var && scope.var == e) return scope.var_value;
    if (n.op == ScalarOp::var) {
      BITALE_ASSERT(p_.f.range(n.var).is(1),
                    "variable " + std::to_string(n.var) + " of " + k_.name + " is used outside its loop");
      return zero();
    }
    if (const auto it = scope.values.find(e); it != scope.values.end()) return it->second;
    if (n.op == ScalarOp::result) {
      reduce(n.reduction, scope);
      return scope.values.at(e);
    }
    kernel::Value v;
    v.op = n.op;
    v.type = n.type;
    v.integer = n.integer;
    v.real = n.real;
    if (n.op == ScalarOp::extent) v.extent = extents_.extent(n.extent);
    for (std::size_t i = 0; i < n.args.size(); ++i)
      if (n.args[i] >= 0) v.args[i] = emit(n.args[i], scope);
    if (n.op == ScalarOp::load) v.index = access(e, n, scope);
    const ValueId id = add(v);
    scope.values[e] = id;
    if (n.op != ScalarOp::constant && n.op != ScalarOp::extent) scope.region.push_back({kernel::Let{id}});
    return id;
  }

  // The variable of a loop of extent 1, which is not built.
  ValueId zero() {
    kernel::Value v;
    v.type = DType::i64;
    return add(v);
  }

  int access(int e, const ExprNode& n, Scope& scope) {
    kernel::Access a;
    a.buffer = n.source;
    a.index = index(p_.address[static_cast<std::size_t>(e)], scope);
    for (const auto& b : n.guard) a.guard.push_back({index(b.index, scope), extents_.extent(b.upper)});
    k_.accesses.push_back(std::move(a));
    return static_cast<int>(k_.accesses.size()) - 1;
  }

  kernel::Index index(const Index& i, Scope& scope) {
    kernel::Index out;
    out.constant = extents_.extent(i.constant);
    for (const auto& [value, factor] : i.terms) {
      const ExprNode& n = p_.f.node(value);
      if (n.op == ScalarOp::var && p_.f.range(n.var).is(1)) continue;
      out.terms.push_back({emit(value, scope), extents_.extent(factor)});
    }
    return out;
  }

  // Loops over the reduction's variables inside `scope`; nested loops hand their partial results outwards.
  void reduce(int r, Scope& scope) {
    const std::vector<ValueId> results = reduce_level(r, 0, scope);
    for (int e : p_.live) {
      const ExprNode& n = p_.f.node(e);
      if (n.op == ScalarOp::result && n.reduction == r) scope.values[e] = results[static_cast<std::size_t>(n.part)];
    }
  }

  std::vector<ValueId> reduce_level(int r, std::size_t level, Scope& scope) {
    const ir::ExprReduction& reduction = p_.f.reduction(r);
    const auto& vars = p_.reductions[static_cast<std::size_t>(r)];
    if (level == vars.size()) {
      std::vector<ValueId> yields;
      for (int y : reduction.yields) yields.push_back(emit(y, scope));
      return yields;
    }
    const bool vector = lanes_.reductions[static_cast<std::size_t>(r)] == static_cast<int>(level) && !scope.in_lanes;
    std::vector<ValueId> results;
    in_loop(scope, vars[level], vector ? LoopKind::vector : LoopKind::sequential, [&](Scope& inner) {
      kernel::Reduction red;
      red.combiner = reduction.combiner;
      red.yields = reduce_level(r, level + 1, inner);
      for (std::size_t i = 0; i < red.yields.size(); ++i) {
        kernel::Value v;
        v.op = ScalarOp::result;
        v.type = k_.value(red.yields[i]).type;
        red.results.push_back(add(v));
      }
      results = red.results;
      return std::vector<kernel::Reduction>{red};
    });
    return results;
  }

  const Plan& p_;
  const Lanes& lanes_;
  kernel::Kernel k_;
  ExtentTable extents_;
};

}  // namespace

ScheduledKernel schedule(std::string name, std::span<const Tensor> roots, const Composed& composed) {
  const Plan plan = make_plan(composed, roots);
  const Lanes lanes = choose_lanes(plan);
  return Emitter(plan, lanes, std::move(name)).run(roots);
}

}  // namespace bitale::lower
