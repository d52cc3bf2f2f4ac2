#include "compiler/ir/element.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/ir/node.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/hash.h"

namespace bitale::ir {

// ---- Index ----

namespace {

Formula* formula_of(const Index& a, const Index& b) { return a.formula ? a.formula : b.formula; }

void add_term(Index& out, int value, const Dim& coefficient) {
  const auto it =
      std::lower_bound(out.terms.begin(), out.terms.end(), value, [](const auto& t, int v) { return t.first < v; });
  if (it != out.terms.end() && it->first == value) {
    it->second = it->second + coefficient;
    if (it->second.is(0)) out.terms.erase(it);
  } else if (!coefficient.is(0)) {
    out.terms.insert(it, {value, coefficient});
  }
}

}  // namespace

Index::Index(Expr value) : formula(value.formula) {
  BITALE_ASSERT(value.type() == DType::i64, "an index is an int64 expression");
  const ExprNode& n = value.formula->node(value.id);
  if (n.op == ScalarOp::constant)
    constant = Dim(n.integer);
  else if (n.op == ScalarOp::extent)
    constant = n.extent;
  else
    terms.push_back({value.id, Dim(1)});
}

Index operator+(const Index& a, const Index& b) {
  Index r = a;
  r.formula = formula_of(a, b);
  r.constant = a.constant + b.constant;
  for (const auto& [v, c] : b.terms) add_term(r, v, c);
  return r;
}

Index operator*(const Index& a, const Dim& factor) {
  Index r;
  r.formula = a.formula;
  r.constant = a.constant * factor;
  for (const auto& [v, c] : a.terms) add_term(r, v, c * factor);
  return r;
}

Index operator-(const Index& a, const Index& b) { return a + b * Dim(-1); }

namespace {

// The largest value of an index whose terms are loop variables with coefficients >= 0; nullopt if that is not so.
std::optional<Dim> upper_value(const Index& a) {
  Dim top = a.constant;
  for (const auto& [v, c] : a.terms) {
    const ExprNode& n = a.formula->node(v);
    const auto low = c.lower_bound();
    if (n.op != ScalarOp::var || !low || *low < 0) return std::nullopt;
    top = top + c * (a.formula->range(n.var) - Dim(1));
  }
  return top;
}

bool nonnegative(const Index& a) {
  const auto low = a.constant.lower_bound();
  return low && *low >= 0 && upper_value(a).has_value();
}

// Splits a into divisor * q + r with r known to be in [0, divisor); nullopt if the form does not show it.
std::optional<std::pair<Index, Index>> split(const Index& a, const Dim& divisor) {
  Index q, r;
  q.formula = r.formula = a.formula;
  if (auto k = exact_quotient(a.constant, divisor))
    q.constant = *k;
  else if (a.constant.is_constant() && divisor.is_constant() && divisor.value() > 0) {
    q.constant = floordiv(a.constant, divisor);
    r.constant = a.constant - q.constant * divisor;
  } else
    r.constant = a.constant;
  for (const auto& [v, c] : a.terms) {
    if (auto k = exact_quotient(c, divisor))
      q.terms.push_back({v, *k});
    else
      r.terms.push_back({v, c});
  }
  const auto top = upper_value(r);
  if (!nonnegative(r) || !top) return std::nullopt;
  const auto room = (divisor - Dim(1) - *top).lower_bound();
  if (!room || *room < 0) return std::nullopt;
  return std::pair{q, r};
}

}  // namespace

Index floordiv(const Index& a, const Dim& divisor) {
  if (divisor.is(1)) return a;
  if (divisor.is(0)) return {0};
  if (a.terms.empty()) return {floordiv(a.constant, divisor)};
  if (auto qr = split(a, divisor)) return qr->first;
  Formula& f = *a.formula;
  const Expr args[] = {f.value_of(a), f.extent(divisor)};
  return {f.call(ScalarOp::floordiv, DType::i64, args)};
}

Index mod(const Index& a, const Dim& divisor) {
  if (divisor.is(1) || divisor.is(0)) return {0};
  if (a.terms.empty()) return {a.constant - floordiv(a.constant, divisor) * divisor};
  if (auto qr = split(a, divisor)) return qr->second;
  Formula& f = *a.formula;
  const Expr args[] = {f.value_of(a), f.extent(divisor)};
  return {f.call(ScalarOp::mod, DType::i64, args)};
}

// ---- Formula ----

DType Expr::type() const { return formula->node(id).type; }

namespace {

std::uint64_t hash_index(const Index& index) {
  std::uint64_t h = index.constant.hash();
  for (const auto& [v, c] : index.terms) h = hash_combine(hash_combine(h, static_cast<std::uint64_t>(v)), c.hash());
  return h;
}

std::uint64_t hash_node(const ExprNode& n) {
  std::uint64_t h = hash_combine(static_cast<std::uint64_t>(n.op), static_cast<std::uint64_t>(n.type));
  for (int a : n.args) h = hash_combine(h, static_cast<std::uint64_t>(a));
  h = hash_combine(h, static_cast<std::uint64_t>(n.integer));
  h = hash_combine(h, std::bit_cast<std::uint64_t>(n.real));
  h = hash_combine(h, n.extent.hash());
  h = hash_combine(h, static_cast<std::uint64_t>(n.var));
  h = hash_combine(h, static_cast<std::uint64_t>(n.source));
  for (const Index& i : n.at) h = hash_combine(h, hash_index(i));
  for (const IndexBound& b : n.guard) h = hash_combine(hash_combine(h, hash_index(b.index)), b.upper.hash());
  return hash_combine(hash_combine(h, static_cast<std::uint64_t>(n.reduction)), static_cast<std::uint64_t>(n.part));
}

bool same_node(const ExprNode& a, const ExprNode& b) {
  return a.op == b.op && a.type == b.type && a.args == b.args && a.integer == b.integer &&
         std::bit_cast<std::uint64_t>(a.real) == std::bit_cast<std::uint64_t>(b.real) && a.extent == b.extent &&
         a.var == b.var && a.source == b.source && a.at == b.at && a.guard == b.guard && a.reduction == b.reduction &&
         a.part == b.part;
}

}  // namespace

int Formula::intern(ExprNode node) {
  if (table_.empty()) table_.assign(64, {0, -1});
  const std::uint64_t h = hash_node(node);
  std::size_t i = h & (table_.size() - 1);
  while (table_[i].second >= 0) {
    if (table_[i].first == h && same_node(nodes_[static_cast<std::size_t>(table_[i].second)], node))
      return table_[i].second;
    i = (i + 1) & (table_.size() - 1);
  }
  const int id = size();
  nodes_.push_back(std::move(node));
  table_[i] = {h, id};
  if (nodes_.size() * 2 > table_.size()) {
    std::vector<std::pair<std::uint64_t, int>> old(table_.size() * 2, {0, -1});
    old.swap(table_);
    for (const auto& entry : old) {
      if (entry.second < 0) continue;
      std::size_t j = entry.first & (table_.size() - 1);
      while (table_[j].second >= 0) j = (j + 1) & (table_.size() - 1);
      table_[j] = entry;
    }
  }
  return id;
}

Expr Formula::constant(double value, DType type) {
  ExprNode n;
  n.type = type;
  if (is_floating(type))
    n.real = rounded_to(type, value);
  else
    n.integer = static_cast<std::int64_t>(value);
  return {this, intern(std::move(n))};
}

Expr Formula::integer(std::int64_t value, DType type) {
  if (is_floating(type)) return constant(static_cast<double>(value), type);
  ExprNode n;
  n.type = type;
  n.integer = value;
  return {this, intern(std::move(n))};
}

Expr Formula::extent(const Dim& dim) {
  if (dim.is_constant()) return integer(dim.value());
  ExprNode n;
  n.op = ScalarOp::extent;
  n.type = DType::i64;
  n.extent = dim;
  return {this, intern(std::move(n))};
}

Expr Formula::variable(const Dim& range) {
  ExprNode n;
  n.op = ScalarOp::var;
  n.type = DType::i64;
  n.var = vars();
  ranges_.push_back(range);
  return {this, intern(std::move(n))};
}

Expr Formula::load(int source, DType type, std::vector<Index> at, std::vector<IndexBound> guard, Expr fill) {
  ExprNode n;
  n.op = ScalarOp::load;
  n.type = type;
  n.source = source;
  n.at = std::move(at);
  for (Index& i : n.at) i.formula = this;
  n.guard = std::move(guard);
  for (IndexBound& b : n.guard) b.index.formula = this;
  if (!n.guard.empty()) {
    BITALE_ASSERT(static_cast<bool>(fill), "a guarded load has a fill value");
    n.args[0] = fill.id;
  }
  return {this, intern(std::move(n))};
}

std::vector<Expr> Formula::reduce(Combiner combiner, std::vector<Expr> vars, std::vector<Expr> yields) {
  ExprReduction r;
  r.combiner = combiner;
  for (Expr v : vars) r.vars.push_back(v.id);
  for (Expr y : yields) r.yields.push_back(y.id);
  reductions_.push_back(std::move(r));
  std::vector<Expr> out;
  for (std::size_t i = 0; i < yields.size(); ++i) {
    ExprNode n;
    n.op = ScalarOp::result;
    n.type = yields[i].type();
    n.reduction = static_cast<int>(reductions_.size()) - 1;
    n.part = static_cast<int>(i);
    out.push_back({this, intern(std::move(n))});
  }
  return out;
}

Expr Formula::value_of(const Index& index) {
  Expr total;
  for (const auto& [v, c] : index.terms) {
    Expr term{this, v};
    if (!c.is(1)) term = term * extent(c);
    total = total ? total + term : term;
  }
  if (!total) return extent(index.constant);
  return index.constant.is(0) ? total : total + extent(index.constant);
}

namespace {

DType result_type(ScalarOp op, std::span<const Expr> args) {
  switch (kernel::rule_of(op)) {
    case kernel::TypeRule::arg:
      return args[0].type();
    case kernel::TypeRule::boolean:
      return DType::bool_;
    case kernel::TypeRule::select:
      return args[1].type();
    case kernel::TypeRule::free:
      break;
  }
  throw InternalError("result type of " + std::string(name_of(op)) + " must be given");
}

void check_operands(ScalarOp op, DType type, std::span<const Expr> args) {
  BITALE_ASSERT(static_cast<int>(args.size()) == kernel::arity_of(op), "arity of " + std::string(name_of(op)));
  const std::size_t first = op == ScalarOp::select ? 1 : 0;
  if (op == ScalarOp::select) BITALE_ASSERT(args[0].type() == DType::bool_, "select takes a bool condition");
  for (std::size_t i = first; i < args.size(); ++i)
    BITALE_ASSERT(args[i].type() == args[first].type(), "operands of " + std::string(name_of(op)) + " differ in dtype");
  if (kernel::rule_of(op) == kernel::TypeRule::arg)
    BITALE_ASSERT(type == args[0].type(), "result type of " + std::string(name_of(op)));
}

}  // namespace

Expr Formula::call(ScalarOp op, DType type, std::span<const Expr> args) {
  check_operands(op, type, args);
  if (op == ScalarOp::cast && args[0].type() == type) return args[0];
  // Integer identities keep index arithmetic short; everything else is left to the graph's own folding.
  auto is_integer_constant = [&](std::size_t i, std::int64_t v) {
    const ExprNode& n = node(args[i].id);
    return n.op == ScalarOp::constant && !is_floating(n.type) && n.integer == v;
  };
  if (is_integer(type)) {
    if (op == ScalarOp::mul && (is_integer_constant(0, 0) || is_integer_constant(1, 1))) return args[0];
    if (op == ScalarOp::mul && (is_integer_constant(1, 0) || is_integer_constant(0, 1))) return args[1];
    if (op == ScalarOp::add && is_integer_constant(1, 0)) return args[0];
    if (op == ScalarOp::add && is_integer_constant(0, 0)) return args[1];
  }
  ExprNode n;
  n.op = op;
  n.type = type;
  for (std::size_t i = 0; i < args.size(); ++i) n.args[i] = args[i].id;
  return {this, intern(std::move(n))};
}

// ---- Element ----

Expr Element::reduce(Combiner combiner, std::span<const Dim> extents,
                     const std::function<Expr(std::span<const Index>)>& body) {
  std::vector<Expr> vars;
  std::vector<Index> at;
  for (const Dim& d : extents) {
    vars.push_back(formula_.variable(d));
    at.emplace_back(vars.back());
  }
  const Expr y = body(at);
  return formula_.reduce(combiner, std::move(vars), {y})[0];
}

std::pair<Expr, Expr> Element::reduce_pair(Combiner combiner, std::span<const Dim> extents,
                                           const std::function<std::pair<Expr, Expr>(std::span<const Index>)>& body) {
  std::vector<Expr> vars;
  std::vector<Index> at;
  for (const Dim& d : extents) {
    vars.push_back(formula_.variable(d));
    at.emplace_back(vars.back());
  }
  const auto [value, index] = body(at);
  const auto r = formula_.reduce(combiner, std::move(vars), {value, index});
  return {r[0], r[1]};
}

// ---- Scalar maths ----

Expr call(ScalarOp op, std::initializer_list<Expr> args) {
  const std::span<const Expr> list(args.begin(), args.size());
  return list[0].formula->call(op, result_type(op, list), list);
}

Expr cast(Expr x, DType type) { return x.formula->call(ScalarOp::cast, type, std::span<const Expr>(&x, 1)); }
Expr select(Expr condition, Expr yes, Expr no) { return call(ScalarOp::select, {condition, yes, no}); }
Expr like(Expr x, double value) { return x.formula->constant(value, x.type()); }

Expr operator+(Expr a, Expr b) { return call(ScalarOp::add, {a, b}); }
Expr operator-(Expr a, Expr b) { return call(ScalarOp::sub, {a, b}); }
Expr operator*(Expr a, Expr b) { return call(ScalarOp::mul, {a, b}); }
Expr operator/(Expr a, Expr b) { return call(ScalarOp::div, {a, b}); }
Expr operator-(Expr a) { return call(ScalarOp::neg, {a}); }
Expr operator+(Expr a, double b) { return a + like(a, b); }
Expr operator+(double a, Expr b) { return like(b, a) + b; }
Expr operator-(Expr a, double b) { return a - like(a, b); }
Expr operator-(double a, Expr b) { return like(b, a) - b; }
Expr operator*(Expr a, double b) { return a * like(a, b); }
Expr operator*(double a, Expr b) { return like(b, a) * b; }
Expr operator/(Expr a, double b) { return a / like(a, b); }
Expr operator/(double a, Expr b) { return like(b, a) / b; }

}  // namespace bitale::ir
