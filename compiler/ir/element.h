// The formula for one element: what an op's `element` body writes, and what fusion composes.
//
// An Expr is a node of a scalar DAG, interned in its Formula; an Index is an affine form over int64 Exprs with Dim
// coefficients, so that access patterns stay visible. Loop variables are Exprs of op var: first the axes of the output
// that is being computed, then those that reduce() binds.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/dim.h"
#include "compiler/kernel/scalar_op.h"

namespace bitale::ir {

class Formula;
class Node;
class Tensor;
using kernel::Combiner;
using kernel::ScalarOp;

struct Expr {
  Formula* formula = nullptr;
  int id = -1;

  explicit operator bool() const { return id >= 0; }
  DType type() const;
  bool operator==(const Expr&) const = default;
};

// constant + sum of coefficient * value; terms are kept merged, in order of value id, without zero coefficients.
struct Index {
  Dim constant;
  std::vector<std::pair<int, Dim>> terms;  // (Expr id, coefficient)
  Formula* formula = nullptr;

  Index() = default;
  Index(Dim c) : constant(std::move(c)) {}  // NOLINT: a constant index
  Index(int c) : constant(c) {}             // NOLINT
  Index(Expr value);                        // NOLINT: int64
  bool operator==(const Index& other) const { return constant == other.constant && terms == other.terms; }
};
Index operator+(const Index& a, const Index& b);
Index operator-(const Index& a, const Index& b);
Index operator*(const Index& a, const Dim& factor);
// By an extent; by the constant 0, which no element lies behind, they give 0.
Index floordiv(const Index& a, const Dim& divisor);  // stays affine where it divides exactly; else an Expr
Index mod(const Index& a, const Dim& divisor);

// 0 <= index < upper.
struct IndexBound {
  Index index;
  Dim upper;
  bool operator==(const IndexBound&) const = default;
};

// One node of the DAG.
struct ExprNode {
  ScalarOp op = ScalarOp::constant;
  DType type = DType::f32;
  std::array<int, 3> args{-1, -1, -1};
  std::int64_t integer = 0;  // constant
  double real = 0;           // constant
  Dim extent;                // extent
  int var = -1;              // var: number; its range is in Formula::ranges
  // load: element `at` of source `source`, where `guard` holds; else args[0]
  int source = -1;
  std::vector<Index> at;
  std::vector<IndexBound> guard;
  // result: of reduction `reduction`, its `part`-th value
  int reduction = -1, part = 0;
};

// A reduction over fresh loop variables: results are Exprs of op result.
struct ExprReduction {
  Combiner combiner = Combiner::sum;
  std::vector<int> vars;    // Expr ids, outermost first
  std::vector<int> yields;  // one Expr, or (value, index)
};

// A DAG of interned ExprNodes. `sources` number what is loaded from; their meaning belongs to whoever owns the formula.
class Formula {
 public:
  Expr constant(double value, DType type);
  Expr integer(std::int64_t value, DType type = DType::i64);
  Expr extent(const Dim& dim);
  Expr variable(const Dim& range);                                 // a fresh loop variable
  Expr call(ScalarOp op, DType type, std::span<const Expr> args);  // folds constants
  Expr load(int source, DType type, std::vector<Index> at, std::vector<IndexBound> guard = {}, Expr fill = {});
  std::vector<Expr> reduce(Combiner combiner, std::vector<Expr> vars, std::vector<Expr> yields);
  Expr value_of(const Index& index);  // int64

  const ExprNode& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const ExprReduction& reduction(int r) const { return reductions_[static_cast<std::size_t>(r)]; }
  const Dim& range(int var) const { return ranges_[static_cast<std::size_t>(var)]; }
  int size() const { return static_cast<int>(nodes_.size()); }
  int vars() const { return static_cast<int>(ranges_.size()); }

 private:
  int intern(ExprNode node);

  std::vector<ExprNode> nodes_;
  std::vector<ExprReduction> reductions_;
  std::vector<Dim> ranges_;
  std::vector<std::pair<std::uint64_t, int>> table_;  // open hash
};

// What an element body sees: the node, the index of the element wanted, and its inputs' elements anywhere.
class Element {
 public:
  virtual ~Element() = default;

  const Node& node() const { return node_; }
  template <class P>
  const P& params_as() const;
  int output() const { return output_; }  // which output is computed
  int rank() const { return static_cast<int>(index_.size()); }
  const Index& index(int axis) const { return index_[static_cast<std::size_t>(axis)]; }
  const std::vector<Index>& index() const { return index_; }
  Formula& formula() const { return formula_; }

  // Element of input k: at the output's own index, at another, or `fill` where a bound fails.
  Expr input(int k) { return input(k, index_); }
  Expr input(int k, std::vector<Index> at) { return input_if({}, k, std::move(at), {}); }
  virtual Expr input_if(std::vector<IndexBound> bounds, int k, std::vector<Index> at, Expr fill) = 0;

  Expr constant(double value, DType type) const { return formula_.constant(value, type); }
  Expr integer(std::int64_t value) const { return formula_.integer(value); }
  Expr extent(const Dim& dim) const { return formula_.extent(dim); }
  Expr value(const Index& index) const { return formula_.value_of(index); }

  // Reduces body over fresh variables with these extents.
  Expr reduce(Combiner combiner, std::span<const Dim> extents, const std::function<Expr(std::span<const Index>)>& body);
  // arg_max and arg_min: body gives (value, int64 index); the result is (value, index).
  std::pair<Expr, Expr> reduce_pair(Combiner combiner, std::span<const Dim> extents,
                                    const std::function<std::pair<Expr, Expr>(std::span<const Index>)>& body);

 protected:
  Element(const Node& node, int output, Formula& formula, std::vector<Index> index)
      : node_(node), output_(output), formula_(formula), index_(std::move(index)) {}

 private:
  const Node& node_;
  int output_;
  Formula& formula_;
  std::vector<Index> index_;
};

// Scalar maths for bodies. Operands of one dtype; C++ numbers take the other operand's.
Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator+(Expr a, double b);
Expr operator+(double a, Expr b);
Expr operator-(Expr a, double b);
Expr operator-(double a, Expr b);
Expr operator*(Expr a, double b);
Expr operator*(double a, Expr b);
Expr operator/(Expr a, double b);
Expr operator/(double a, Expr b);
Expr call(ScalarOp op, std::initializer_list<Expr> args);  // result type by the op's rule
Expr cast(Expr x, DType type);
Expr select(Expr condition, Expr yes, Expr no);
Expr like(Expr x, double value);  // a constant of x's dtype

}  // namespace bitale::ir
