// Dim: the extent of one axis, as a normalised integer expression over named symbols.
//
// Normal form: an integer constant plus integer multiples of products of atoms; an atom is a symbol, floordiv(p, q),
// min(p, q), max(p, q) or isqrt(p) of normal forms. Equal normal forms compare equal; that is the only equality there
// is (n*2 == n+n, but floordiv(n*m, m) is only simplified where m is known not to be 0). Symbols stand for values >= 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/source.h"

namespace bitale::ir {

// A named unknown extent. Two symbols with one name are different; identity is `id`, in order of creation.
struct DimSymbol {
  std::uint64_t id = 0;
  std::string name;
  SourceLine line;
};
using DimSymbolPtr = std::shared_ptr<const DimSymbol>;

struct DimExpr;

class Dim {
 public:
  Dim() = default;                            // 0
  Dim(std::int64_t value) : value_(value) {}  // NOLINT: a constant extent
  Dim(int value) : value_(value) {}           // NOLINT

  static Dim symbol(std::string name, SourceLine line = {});
  static Dim of(DimSymbolPtr symbol);

  bool is_constant() const { return expr_ == nullptr; }
  std::int64_t value() const { return value_; }  // of a constant
  bool is(std::int64_t v) const { return is_constant() && value_ == v; }
  const DimSymbol* as_symbol() const;  // if it is exactly one symbol

  bool operator==(const Dim& other) const;
  std::uint64_t hash() const;

  // The smallest value it can have, from symbols being >= 0; nullopt if unknown.
  std::optional<std::int64_t> lower_bound() const;

  // Each symbol in it, once, in order of id.
  std::vector<DimSymbolPtr> symbols() const;

  // Replaces symbols; the function returns nullopt to keep one.
  Dim substitute(const std::function<std::optional<Dim>(const DimSymbol&)>& f) const;

  // The tree of operations, for lowering: visits operands first. Exactly one callback is called per node.
  struct Visitor {
    std::function<int(std::int64_t)> constant;
    std::function<int(const DimSymbol&)> symbol;
    std::function<int(char op, int a, int b)> binary;  // '+', '*', '/', '<' (min), '>' (max)
    std::function<int(int a)> isqrt;
  };
  int fold(const Visitor& visitor) const;

  std::int64_t evaluate(const std::function<std::int64_t(const DimSymbol&)>& value) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floordiv(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  friend Dim isqrt(const Dim& a);
  friend int compare(const Dim& a, const Dim& b);  // a total order on normal forms
  // The integer expression q with a*q = b, where polynomial division of the normal forms comes out.
  friend std::optional<Dim> exact_quotient(const Dim& b, const Dim& a);

 private:
  static Dim from(DimExpr e);
  static std::optional<Dim> divide_polynomials(const Dim& b, const Dim& a);

  std::int64_t value_ = 0;
  std::shared_ptr<const DimExpr> expr_;
};

using Shape = std::vector<Dim>;

std::string to_string(const Dim& dim);      // "2*n + 1"
std::string to_string(const Shape& shape);  // "[n, 784]"
Dim product(const Shape& shape);
Dim floordiv(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
Dim isqrt(const Dim& a);  // the largest q with q*q <= a; 0 where a < 0
int compare(const Dim& a, const Dim& b);
std::optional<Dim> exact_quotient(const Dim& b, const Dim& a);

}  // namespace bitale::ir
