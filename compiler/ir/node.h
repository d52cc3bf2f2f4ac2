// Node and Tensor: the graph.
//
// A Node is an application of an op: immutable, and interned at birth, so that equal op, parameters and inputs give the
// same node (common subexpressions cannot exist; equality is identity). Inputs and Shared variables are unique. Nodes
// are reference-counted; releasing a graph is iterative, however deep. Nothing iterates in pointer order: `id` is the
// order of creation.
//
// A Tensor is a handle to one output of a node, with the user's source line and name. Line and name are not part of
// identity: two equal expressions on two lines share a node, and each handle is blamed on its own line. A node keeps
// the first few lines it was built from (`origins`), for profiles and dumps.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/params.h"
#include "compiler/ir/type.h"
#include "runtime/base/source.h"

namespace bitale::ir {

struct OpDef;
class Node;

// A counted reference to a node.
class NodePtr {
 public:
  NodePtr() = default;
  explicit NodePtr(const Node* node);  // takes a reference
  NodePtr(const NodePtr& other);
  NodePtr(NodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodePtr& operator=(NodePtr other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodePtr();

  const Node* get() const { return node_; }
  const Node* operator->() const { return node_; }
  const Node& operator*() const { return *node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool operator==(const NodePtr& other) const { return node_ == other.node_; }

 private:
  friend class Interner;
  const Node* node_ = nullptr;
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(NodePtr node, int output, SourceLine line = {}, std::string name = {})
      : node_(std::move(node)), output_(output), line_(line), name_(std::move(name)) {}

  explicit operator bool() const { return static_cast<bool>(node_); }
  const Node& node() const { return *node_; }
  const NodePtr& node_ptr() const { return node_; }
  int output() const { return output_; }

  const TensorType& type() const;
  DType dtype() const { return type().dtype; }
  const Shape& shape() const { return type().shape; }
  const Dim& dim(int axis) const { return type().shape[static_cast<std::size_t>(axis)]; }
  int rank() const { return type().rank(); }

  SourceLine line() const { return line_; }
  const std::string& name() const { return name_; }
  Tensor named(std::string name) const { return {node_, output_, line_, std::move(name)}; }
  Tensor at(SourceLine line) const { return {node_, output_, line, name_}; }

  // Identity: the same output of the same node.
  bool operator==(const Tensor& other) const { return node_ == other.node_ && output_ == other.output_; }

 private:
  NodePtr node_;
  int output_ = 0;
  SourceLine line_;
  std::string name_;
};

// "w (float32[784, 500], made at model.cc:12)": how messages name an operand.
std::string describe(const Tensor& tensor);

struct DimEquality {
  Dim a, b;
};

class Node {
 public:
  static constexpr std::size_t max_origins = 4;

  const OpDef& op() const { return *op_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }
  const Tensor& input(int i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const std::vector<TensorType>& outputs() const { return outputs_; }
  const TensorType& type(int output = 0) const { return outputs_[static_cast<std::size_t>(output)]; }
  const Params& params() const { return params_; }
  template <class P>
  const P& params_as() const {
    return static_cast<const ParamsOf<P>&>(*params_).value;
  }

  std::uint64_t id() const { return id_; }  // order of creation, unique in the process
  std::uint64_t hash() const { return hash_; }
  int scope() const { return scope_; }  // the deepest open scope its value depends on; 0: none
  // Extents that the op required to be equal and that are not so by form: checked at call entry.
  const std::vector<DimEquality>& equalities() const { return equalities_; }
  std::vector<SourceLine> origins() const;  // a copy: lines may be added while others read
  void add_origin(SourceLine line) const;

 private:
  friend class Interner;
  friend class NodePtr;
  Node() = default;

  const OpDef* op_ = nullptr;
  Params params_;
  std::vector<Tensor> inputs_;
  std::vector<TensorType> outputs_;
  std::vector<DimEquality> equalities_;
  std::uint64_t id_ = 0, hash_ = 0;
  int scope_ = 0;
  mutable std::vector<SourceLine> origins_;
  mutable std::atomic<int> references_{0};
};

inline const TensorType& Tensor::type() const { return node_->type(output_); }

// Applies an op: runs its type rule (which throws Error on bad operands) and interns the node. `line` is where the user
// asked for it.
std::vector<Tensor> apply(const OpDef& op, Params params, std::vector<Tensor> inputs, SourceLine line = {});
Tensor apply1(const OpDef& op, Params params, std::vector<Tensor> inputs, SourceLine line = {});

// The same node with other inputs (and parameters); the same node again if nothing differs.
NodePtr with_inputs(const NodePtr& node, std::vector<Tensor> inputs, Params params);

// Whether an operand or a result has a dtype that is only stored (runtime/base/dtype.h); and what such a node is but
// for the rounding of its results: its op on these operands, with the dtypes that are computed with in its parameters.
bool has_stored_dtypes(const Node& node);
std::vector<Tensor> in_computed_dtypes(const Node& node, std::vector<Tensor> operands);

// Number of nodes alive, for leak tests.
std::int64_t live_nodes();

// Nodes that are made from now on have at least this id.
std::uint64_t next_node_id();

// While one is alive on this thread, nodes that apply() makes get this line if the call names none, and origins are
// copied from `from` (rewrites and derivatives pass on what they replace).
class OriginScope {
 public:
  explicit OriginScope(const Node& from);
  explicit OriginScope(SourceLine line);
  ~OriginScope();
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;

 private:
  std::vector<SourceLine> saved_;
};

}  // namespace bitale::ir
