// OpDef: everything there is to know about an op, in one declaration.
//
// An op lowers in exactly one way: `element` (a formula for one element of the output: elementwise ops, index maps,
// reductions, windows), `contraction` (a sum of products), `view` (the same elements under another shape), `library`
// (a call of runtime/library), or the bodies in its parameters. Leaves (inputs, Shared, constants, arguments) have none
// of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/element.h"
#include "compiler/ir/node.h"

namespace bitale::ir {

// What a type rule sees.
class TypeArgs {
 public:
  TypeArgs(const OpDef& op, Params params, std::span<const Tensor> inputs, SourceLine line)
      : op_(op), params_(std::move(params)), inputs_(inputs), line_(line) {}

  int count() const { return static_cast<int>(inputs_.size()); }
  const Tensor& input(int i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const TensorType& type(int i) const { return input(i).type(); }
  template <class P>
  const P& params_as() const {
    return static_cast<const ParamsOf<P>&>(*params_).value;
  }

  // Throws Error: "dot: <what>", the operands with their types and lines, and where it was asked for.
  [[noreturn]] void fail(const std::string& what) const;
  void require(bool condition, const std::string& what) const {
    if (!condition) fail(what);
  }
  void require_count(int n) const;

  // The one extent that a and b both are. Constants that differ fail with `what`; otherwise the pair is checked at call
  // entry.
  Dim unify(const Dim& a, const Dim& b, const std::string& what) const;

  std::vector<DimEquality> equalities() const { return equalities_; }

 private:
  const OpDef& op_;
  Params params_;
  std::span<const Tensor> inputs_;
  SourceLine line_;
  mutable std::vector<DimEquality> equalities_;
};
using TypeRule = std::function<std::vector<TensorType>(const TypeArgs&)>;

// Reverse mode: given the cotangents of the outputs, those of the inputs. An empty Tensor means zero, on both sides;
// integer inputs get one.
struct Vjp {
  const Node& node;
  std::span<const Tensor> dys;  // one per output

  const Tensor& dy(int i = 0) const { return dys[static_cast<std::size_t>(i)]; }
  const Tensor& in(int i) const { return node.input(i); }
  Tensor out(int i = 0) const { return {NodePtr(&node), i}; }
};
using VjpRule = std::function<std::vector<Tensor>(const Vjp&)>;

// Forward mode: given the tangents of the inputs, those of the outputs. An empty Tensor means zero.
struct Jvp {
  const Node& node;
  std::span<const Tensor> dxs;  // one per input

  const Tensor& dx(int i) const { return dxs[static_cast<std::size_t>(i)]; }
  const Tensor& in(int i) const { return node.input(i); }
  Tensor out(int i = 0) const { return {NodePtr(&node), i}; }
};
using JvpRule = std::function<std::vector<Tensor>(const Jvp&)>;

// The op over one more leading axis of extent `size`: inputs[i] has it where batched[i]; every output must.
struct Batch {
  const Node& node;
  std::span<const Tensor> inputs;
  std::vector<bool> batched;
  Dim size;
};
using BatchRule = std::function<std::vector<Tensor>(const Batch&)>;

// A sum of products over an affine iteration space:
//   out[out map] += a[a map] * b[b map]  for all iteration points, out starting from zero; a and b are inputs 0 and 1.
// Every address is in bounds for all points (padding is explicit in the graph). If several points that differ in a dim
// of the out map meet in one element (`overlapping`), they add up.
struct ContractionDef {
  struct Axis {
    Dim constant;
    std::vector<std::pair<int, Dim>> terms;  // (iteration dim, coefficient)
  };
  using Map = std::vector<Axis>;  // one per axis of the tensor

  std::vector<Dim> extents;
  Map a, b, out;
  bool overlapping = false;
};
using ContractionRule = std::function<ContractionDef(const Node&)>;

// Naive C++ that shares nothing with the body.
struct Reference {
  const Node& node;
  std::span<const Array> inputs;
  std::span<Array> outputs;                                      // of the right dtype and shape, uninitialised
  const std::function<std::int64_t(const DimSymbol&)>& symbols;  // of dims in parameters
};
using ReferenceRule = std::function<void(const Reference&)>;

// Test inputs: shapes are chosen by the sample; values are drawn by the range.
struct SampleInput {
  Extents shape;
  double low = -1, high = 1;                  // uniform; integers in [low, high] for integer dtypes
  std::optional<DType> dtype = std::nullopt;  // fixed, else the dtype under test
  bool differentiable = true;
};
struct Sample {
  std::string name;
  std::vector<SampleInput> inputs;
  std::function<std::vector<Tensor>(std::span<const Tensor>)> build;
  double tolerance = 1;  // factor on the test's tolerances
};

enum class Leaf : std::uint8_t { none, input, shared, constant, argument };  // argument: of a body, see body.h

struct OpDef {
  std::string name = {};
  // One line for docs/ops.md: how users call it, then what it is and what it does at its edges.
  std::string doc = {};
  // No node has this op: a builder writes it in terms of others. Has a name, a line, samples and nothing else.
  bool composite = false;
  TypeRule type = {};
  std::function<Expr(Element&)> element = {};
  ContractionRule contraction = {};
  bool view = false;
  bool stored = false;  // its result is an array in memory, whoever reads it
  std::string library =
      {};  // name of the runtime's library call (its buffers: inputs, then outputs), and its arguments
  std::function<std::vector<Dim>(const Node&)> library_extents = {};
  std::function<std::vector<std::int64_t>(const Node&)> library_integers = {};
  std::function<Dim(const Node&)> library_flops = {};  // 2 per multiply-add; none: they are not counted
  bool library_in_place = false;                       // the call may write its one result over its first operand
  bool has_bodies = false;  // in its parameters (body.h), which lowering makes a loop or a branch of
  Leaf leaf = Leaf::none;
  // What it runs lives in this process alone: programs with it are not cached.
  bool process_local = false;
  std::function<std::string(const Node&)> label = {};  // what steps and messages call a node, if not by the op's name

  // Elementwise ops: the output's element from the inputs' at the same index. Implies `element`.
  std::function<Expr(std::span<const Expr>)> scalar = {};
  bool commutative = false;

  VjpRule vjp = {};
  JvpRule jvp = {};
  BatchRule batch = {};
  ReferenceRule reference = {};
  std::function<std::vector<Sample>()> samples = {};
  std::vector<DType> dtypes = {};               // the samples are tested on; empty: float32 and float64
  std::function<Params()> default_params = {};  // for parsing
};

template <class P>
const P& Element::params_as() const {
  return node_.params_as<P>();
}

// The ops there are: registered once, from ops/all_ops.cc, in families (the chapters of docs/ops.md). Registering more
// under a family's name adds to it.
struct OpFamily {
  std::string name;
  std::vector<const OpDef*> ops;
};
void register_ops(std::string_view family, std::span<const OpDef* const> ops);
const OpDef* find_op(std::string_view name);
std::vector<const OpDef*> all_ops();
std::vector<OpFamily> op_families();

}  // namespace bitale::ir
