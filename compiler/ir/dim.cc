#include "compiler/ir/dim.h"

#include <algorithm>
#include <atomic>

#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/base/isqrt.h"

namespace bitale::ir {

// An atom of the normal form.
struct DimAtom {
  enum class Kind : std::uint8_t { symbol, floordiv, min, max, isqrt } kind = Kind::symbol;
  DimSymbolPtr symbol;
  Dim a, b;  // isqrt: b is 0
};

struct DimTerm {
  std::int64_t factor = 1;
  std::vector<DimAtom> atoms;  // sorted, repeated for powers
};

// terms sorted, factors not 0, and not all of the expression is constant.
struct DimExpr {
  std::int64_t constant = 0;
  std::vector<DimTerm> terms;
};

namespace {

using Kind = DimAtom::Kind;

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) throw Error("extent expression overflows 64 bits");
  return sum;
}

std::int64_t checked_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) throw Error("extent expression overflows 64 bits");
  return product;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw Error("extent expression divides by zero");
  if (b == -1) return checked_multiply(a, -1);
  std::int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

int compare_atoms(const DimAtom& x, const DimAtom& y) {
  if (x.kind != y.kind) return x.kind < y.kind ? -1 : 1;
  if (x.kind == Kind::symbol) return x.symbol->id == y.symbol->id ? 0 : x.symbol->id < y.symbol->id ? -1 : 1;
  if (int c = compare(x.a, y.a)) return c;
  return compare(x.b, y.b);
}

int compare_products(const DimTerm& x, const DimTerm& y) {
  if (x.atoms.size() != y.atoms.size()) return x.atoms.size() < y.atoms.size() ? 1 : -1;  // highest degree first
  for (std::size_t i = 0; i < x.atoms.size(); ++i)
    if (int c = compare_atoms(x.atoms[i], y.atoms[i])) return c;
  return 0;
}

DimTerm multiply(const DimTerm& x, const DimTerm& y) {
  DimTerm t{checked_multiply(x.factor, y.factor), x.atoms};
  t.atoms.insert(t.atoms.end(), y.atoms.begin(), y.atoms.end());
  std::sort(t.atoms.begin(), t.atoms.end(), [](const DimAtom& a, const DimAtom& b) { return compare_atoms(a, b) < 0; });
  return t;
}

void normalise(DimExpr& e) {
  std::sort(e.terms.begin(), e.terms.end(),
            [](const DimTerm& a, const DimTerm& b) { return compare_products(a, b) < 0; });
  std::vector<DimTerm> merged;
  for (DimTerm& t : e.terms) {
    if (!merged.empty() && compare_products(merged.back(), t) == 0)
      merged.back().factor = checked_add(merged.back().factor, t.factor);
    else
      merged.push_back(std::move(t));
  }
  std::erase_if(merged, [](const DimTerm& t) { return t.factor == 0; });
  e.terms = std::move(merged);
}

}  // namespace

Dim Dim::from(DimExpr e) {
  normalise(e);
  if (e.terms.empty()) return Dim(e.constant);
  Dim d;
  d.expr_ = std::make_shared<const DimExpr>(std::move(e));
  return d;
}

namespace {

// Access to the private parts that the operators share.
DimExpr constant_expr(std::int64_t v) { return {v, {}}; }

}  // namespace

Dim Dim::symbol(std::string name, SourceLine line) {
  static std::atomic<std::uint64_t> next{1};
  return of(std::make_shared<const DimSymbol>(DimSymbol{next++, std::move(name), line}));
}

Dim Dim::of(DimSymbolPtr symbol) {
  DimExpr e;
  e.terms.push_back({1, {DimAtom{Kind::symbol, std::move(symbol), {}, {}}}});
  return from(std::move(e));
}

const DimSymbol* Dim::as_symbol() const {
  if (!expr_ || expr_->constant != 0 || expr_->terms.size() != 1) return nullptr;
  const DimTerm& t = expr_->terms[0];
  return t.factor == 1 && t.atoms.size() == 1 && t.atoms[0].kind == Kind::symbol ? t.atoms[0].symbol.get() : nullptr;
}

bool Dim::operator==(const Dim& other) const { return compare(*this, other) == 0; }

int compare(const Dim& a, const Dim& b) {
  if (a.expr_ == b.expr_) return a.value_ == b.value_ ? 0 : a.value_ < b.value_ ? -1 : 1;
  if (!a.expr_ || !b.expr_) return a.expr_ ? 1 : -1;
  const DimExpr &x = *a.expr_, &y = *b.expr_;
  if (x.terms.size() != y.terms.size()) return x.terms.size() < y.terms.size() ? -1 : 1;
  for (std::size_t i = 0; i < x.terms.size(); ++i) {
    if (int c = compare_products(x.terms[i], y.terms[i])) return c;
    if (x.terms[i].factor != y.terms[i].factor) return x.terms[i].factor < y.terms[i].factor ? -1 : 1;
  }
  return x.constant == y.constant ? 0 : x.constant < y.constant ? -1 : 1;
}

std::uint64_t Dim::hash() const {
  if (!expr_) return hash_combine(1, static_cast<std::uint64_t>(value_));
  std::uint64_t h = hash_combine(2, static_cast<std::uint64_t>(expr_->constant));
  for (const DimTerm& t : expr_->terms) {
    h = hash_combine(h, static_cast<std::uint64_t>(t.factor));
    for (const DimAtom& a : t.atoms) {
      h = hash_combine(h, static_cast<std::uint64_t>(a.kind));
      h = a.kind == Kind::symbol ? hash_combine(h, a.symbol->id)
                                 : hash_combine(hash_combine(h, a.a.hash()), a.b.hash());
    }
  }
  return h;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (!a.expr_ && !b.expr_) return Dim(checked_add(a.value_, b.value_));
  DimExpr e = a.expr_ ? *a.expr_ : constant_expr(a.value_);
  const DimExpr f = b.expr_ ? *b.expr_ : constant_expr(b.value_);
  e.constant = checked_add(e.constant, f.constant);
  e.terms.insert(e.terms.end(), f.terms.begin(), f.terms.end());
  return Dim::from(std::move(e));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (!a.expr_ && !b.expr_) return Dim(checked_multiply(a.value_, b.value_));
  const DimExpr x = a.expr_ ? *a.expr_ : constant_expr(a.value_);
  const DimExpr y = b.expr_ ? *b.expr_ : constant_expr(b.value_);
  DimExpr e;
  e.constant = checked_multiply(x.constant, y.constant);
  for (const DimTerm& t : x.terms) {
    if (y.constant != 0) e.terms.push_back({checked_multiply(t.factor, y.constant), t.atoms});
    for (const DimTerm& u : y.terms) e.terms.push_back(multiply(t, u));
  }
  if (x.constant != 0)
    for (const DimTerm& u : y.terms) e.terms.push_back({checked_multiply(u.factor, x.constant), u.atoms});
  return Dim::from(std::move(e));
}

Dim operator-(const Dim& a, const Dim& b) { return a + Dim(-1) * b; }

namespace {

DimExpr atom_expr(Kind kind, const Dim& a, const Dim& b) {
  DimExpr e;
  e.terms.push_back({1, {DimAtom{kind, nullptr, a, b}}});
  return e;
}

}  // namespace

Dim floordiv(const Dim& a, const Dim& b) {
  if (b.is(1)) return a;
  if (a.is_constant() && b.is_constant()) return Dim(floor_divide(a.value_, b.value_));
  const auto low = b.lower_bound();
  if (low && *low > 0)
    if (auto q = exact_quotient(a, b)) return *q;
  if (b.is_constant() && b.value_ > 0 && a.expr_) {
    // Terms whose factors b divides come out: floor((b*t + r) / b) = t + floor(r / b).
    DimExpr out, rest;
    out.constant = floor_divide(a.expr_->constant, b.value_);
    rest.constant = a.expr_->constant - out.constant * b.value_;
    for (const DimTerm& t : a.expr_->terms) {
      if (t.factor % b.value_ == 0)
        out.terms.push_back({t.factor / b.value_, t.atoms});
      else
        rest.terms.push_back(t);
    }
    if (rest.terms.empty()) return Dim::from(std::move(out));
    if (!out.terms.empty() || out.constant != 0)
      return Dim::from(std::move(out)) + Dim::from(atom_expr(Kind::floordiv, Dim::from(std::move(rest)), b));
  }
  return Dim::from(atom_expr(Kind::floordiv, a, b));
}

namespace {

// The sign of a - b where it is known for all values of the symbols: -1 (a <= b), 1 (a >= b), 0 unknown.
int known_order(const Dim& a, const Dim& b) {
  const auto ab = (a - b).lower_bound();
  if (ab && *ab >= 0) return 1;
  const auto ba = (b - a).lower_bound();
  if (ba && *ba >= 0) return -1;
  return 0;
}

}  // namespace

Dim min(const Dim& a, const Dim& b) {
  if (int order = known_order(a, b)) return order < 0 ? a : b;
  return compare(a, b) <= 0 ? Dim::from(atom_expr(Kind::min, a, b)) : Dim::from(atom_expr(Kind::min, b, a));
}

Dim max(const Dim& a, const Dim& b) {
  if (int order = known_order(a, b)) return order > 0 ? a : b;
  return compare(a, b) <= 0 ? Dim::from(atom_expr(Kind::max, a, b)) : Dim::from(atom_expr(Kind::max, b, a));
}

Dim isqrt(const Dim& a) {
  if (a.is_constant()) return {bitale::isqrt(a.value_)};
  return Dim::from(atom_expr(Kind::isqrt, a, Dim()));
}

namespace {

std::optional<std::int64_t> atom_lower_bound(const DimAtom& a) {
  if (a.kind == Kind::symbol) return 0;
  if (a.kind == Kind::isqrt) return bitale::isqrt(a.a.lower_bound().value_or(0));
  const auto x = a.a.lower_bound(), y = a.b.lower_bound();
  switch (a.kind) {
    case Kind::floordiv:
      if (x && *x >= 0 && y && *y > 0) return 0;
      if (x && a.b.is_constant() && a.b.value() > 0) return floor_divide(*x, a.b.value());
      return std::nullopt;
    case Kind::min:
      return x && y ? std::optional(std::min(*x, *y)) : std::nullopt;
    case Kind::max:
      return x && y ? std::optional(std::max(*x, *y)) : x ? x : y;
    case Kind::symbol:
    case Kind::isqrt:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> Dim::lower_bound() const {
  if (!expr_) return value_;
  std::int64_t total = expr_->constant;
  for (const DimTerm& t : expr_->terms) {
    if (t.factor < 0) return std::nullopt;
    std::int64_t p = t.factor;
    for (const DimAtom& a : t.atoms) {
      const auto low = atom_lower_bound(a);
      if (!low || *low < 0) return std::nullopt;
      if (__builtin_mul_overflow(p, *low, &p)) return std::nullopt;
    }
    if (__builtin_add_overflow(total, p, &total)) return std::nullopt;
  }
  return total;
}

namespace {

void collect_atom(const DimAtom& a, std::vector<DimSymbolPtr>& out) {
  if (a.kind == Kind::symbol) {
    out.push_back(a.symbol);
  } else {
    for (const auto& s : a.a.symbols()) out.push_back(s);
    for (const auto& s : a.b.symbols()) out.push_back(s);
  }
}

}  // namespace

std::vector<DimSymbolPtr> Dim::symbols() const {
  std::vector<DimSymbolPtr> out;
  if (!expr_) return out;
  for (const DimTerm& t : expr_->terms)
    for (const DimAtom& a : t.atoms) collect_atom(a, out);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
  out.erase(std::unique(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->id == b->id; }),
            out.end());
  return out;
}

Dim Dim::substitute(const std::function<std::optional<Dim>(const DimSymbol&)>& f) const {
  if (!expr_) return *this;
  Dim total(expr_->constant);
  for (const DimTerm& t : expr_->terms) {
    Dim p(t.factor);
    for (const DimAtom& a : t.atoms) {
      switch (a.kind) {
        case Kind::symbol: {
          const auto r = f(*a.symbol);
          p = p * (r ? *r : Dim::of(a.symbol));
          break;
        }
        case Kind::floordiv:
          p = p * floordiv(a.a.substitute(f), a.b.substitute(f));
          break;
        case Kind::min:
          p = p * min(a.a.substitute(f), a.b.substitute(f));
          break;
        case Kind::max:
          p = p * max(a.a.substitute(f), a.b.substitute(f));
          break;
        case Kind::isqrt:
          p = p * isqrt(a.a.substitute(f));
          break;
      }
    }
    total = total + p;
  }
  return total;
}

int Dim::fold(const Visitor& v) const {
  if (!expr_) return v.constant(value_);
  // In this order: that of arguments of a call is the compiler's, and hashes follow the visits.
  const auto binary = [&](char op, const DimAtom& a) {
    const int first = a.a.fold(v), second = a.b.fold(v);
    return v.binary(op, first, second);
  };
  auto atom = [&](const DimAtom& a) {
    switch (a.kind) {
      case Kind::symbol:
        return v.symbol(*a.symbol);
      case Kind::floordiv:
        return binary('/', a);
      case Kind::min:
        return binary('<', a);
      case Kind::max:
        return binary('>', a);
      case Kind::isqrt:
        return v.isqrt(a.a.fold(v));
    }
    throw InternalError("Dim::fold: atom out of range");
  };
  int total = -1;
  for (const DimTerm& t : expr_->terms) {
    int p = -1;
    for (const DimAtom& a : t.atoms) {
      const int x = atom(a);
      p = p < 0 ? x : v.binary('*', p, x);
    }
    if (t.factor != 1) p = v.binary('*', v.constant(t.factor), p);
    total = total < 0 ? p : v.binary('+', total, p);
  }
  if (expr_->constant != 0) total = v.binary('+', total, v.constant(expr_->constant));
  return total;
}

std::int64_t Dim::evaluate(const std::function<std::int64_t(const DimSymbol&)>& value) const {
  if (!expr_) return value_;
  std::vector<std::int64_t> values;
  auto push = [&](std::int64_t v) {
    values.push_back(v);
    return static_cast<int>(values.size()) - 1;
  };
  Visitor v;
  v.constant = push;
  v.symbol = [&](const DimSymbol& s) { return push(value(s)); };
  v.binary = [&](char op, int i, int j) {
    const std::int64_t a = values[static_cast<std::size_t>(i)], b = values[static_cast<std::size_t>(j)];
    switch (op) {
      case '+':
        return push(a + b);
      case '*':
        return push(a * b);
      case '/':
        return push(floor_divide(a, b));
      case '<':
        return push(std::min(a, b));
      default:
        return push(std::max(a, b));
    }
  };
  v.isqrt = [&](int i) { return push(bitale::isqrt(values[static_cast<std::size_t>(i)])); };
  return values[static_cast<std::size_t>(fold(v))];
}

std::optional<Dim> exact_quotient(const Dim& b, const Dim& a) {
  if (a == b) return Dim(1);
  if (a.is(1) || b.is(0)) return b;
  if (b.is_constant() && a.is_constant())
    return a.value() != 0 && b.value() % a.value() == 0 ? std::optional(Dim(b.value() / a.value())) : std::nullopt;
  return Dim::divide_polynomials(b, a);
}

namespace {

// x / y for single products; nullopt if it is not one.
std::optional<DimTerm> divide_products(const DimTerm& x, const DimTerm& y) {
  if (y.factor == 0 || x.factor % y.factor != 0) return std::nullopt;
  DimTerm q{x.factor / y.factor, x.atoms};
  for (const DimAtom& atom : y.atoms) {
    const auto it = std::find_if(q.atoms.begin(), q.atoms.end(),
                                 [&](const DimAtom& other) { return compare_atoms(other, atom) == 0; });
    if (it == q.atoms.end()) return std::nullopt;
    q.atoms.erase(it);
  }
  return q;
}

}  // namespace

// Polynomial division: the order of terms is graded lexicographic, so that leading terms multiply to leading terms, and
// a division that comes out takes one step per term of the quotient.
std::optional<Dim> Dim::divide_polynomials(const Dim& b, const Dim& a) {
  constexpr int max_terms = 64;
  auto leading = [](const Dim& d) { return d.expr_ ? d.expr_->terms[0] : DimTerm{d.value_, {}}; };
  const DimTerm divisor = leading(a);
  Dim rest = b, quotient(0);
  for (int step = 0; step < max_terms; ++step) {
    if (rest.is(0)) return quotient;
    const auto t = divide_products(leading(rest), divisor);
    if (!t) return std::nullopt;
    DimExpr e;
    if (t->atoms.empty())
      e.constant = t->factor;
    else
      e.terms.push_back(*t);
    const Dim term = from(std::move(e));
    quotient = quotient + term;
    rest = rest - term * a;
  }
  return std::nullopt;
}

std::string to_string(const Dim& dim) {
  if (dim.is_constant()) return std::to_string(dim.value());
  std::vector<std::string> parts;
  std::vector<int> precedence;  // 0 sum, 1 product, 2 atom
  auto push = [&](std::string s, int p) {
    parts.push_back(std::move(s));
    precedence.push_back(p);
    return static_cast<int>(parts.size()) - 1;
  };
  auto wrapped = [&](int i, int least) {
    const std::string& s = parts[static_cast<std::size_t>(i)];
    return precedence[static_cast<std::size_t>(i)] < least ? "(" + s + ")" : s;
  };
  Dim::Visitor v;
  v.constant = [&](std::int64_t c) { return push(std::to_string(c), c < 0 ? 0 : 2); };
  v.symbol = [&](const DimSymbol& s) { return push(s.name, 2); };
  v.binary = [&](char op, int a, int b) {
    switch (op) {
      case '+': {
        const std::string& right = parts[static_cast<std::size_t>(b)];
        if (right.starts_with('-')) return push(parts[static_cast<std::size_t>(a)] + " - " + right.substr(1), 0);
        return push(parts[static_cast<std::size_t>(a)] + " + " + right, 0);
      }
      case '*':
        if (parts[static_cast<std::size_t>(a)] == "-1") return push("-" + wrapped(b, 1), 0);
        if (parts[static_cast<std::size_t>(a)].starts_with('-'))
          return push(parts[static_cast<std::size_t>(a)] + "*" + wrapped(b, 1), 0);
        return push(wrapped(a, 1) + "*" + wrapped(b, 1), 1);
      case '/':
        return push("floordiv(" + parts[static_cast<std::size_t>(a)] + ", " + parts[static_cast<std::size_t>(b)] + ")",
                    2);
      case '<':
        return push("min(" + parts[static_cast<std::size_t>(a)] + ", " + parts[static_cast<std::size_t>(b)] + ")", 2);
      default:
        return push("max(" + parts[static_cast<std::size_t>(a)] + ", " + parts[static_cast<std::size_t>(b)] + ")", 2);
    }
  };
  v.isqrt = [&](int a) { return push("isqrt(" + parts[static_cast<std::size_t>(a)] + ")", 2); };
  return parts[static_cast<std::size_t>(dim.fold(v))];
}

std::string to_string(const Shape& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + to_string(shape[i]);
  return s + "]";
}

Dim product(const Shape& shape) {
  Dim p(1);
  for (const Dim& d : shape) p = p * d;
  return p;
}

}  // namespace bitale::ir
