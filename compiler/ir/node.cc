#include "compiler/ir/node.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "compiler/ir/op.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"

namespace bitale::ir {
namespace {

std::mutex origins_mutex;
thread_local std::vector<SourceLine> current_origins;

}  // namespace

// The table of live nodes. Entries are weak: a node takes itself out when its last reference goes; a lookup that meets
// a node whose count has already reached zero treats it as absent.
class Interner {
 public:
  static Interner& instance() {
    static auto* interner = new Interner;  // never destroyed: nodes may outlive static destruction
    return *interner;
  }

  NodePtr intern(const OpDef& op, Params params, std::vector<Tensor> inputs, std::vector<TensorType> outputs,
                 std::vector<DimEquality> equalities, SourceLine line) {
    const std::uint64_t hash = hash_of(op, params, inputs);
    const bool unique = op.leaf == Leaf::input || op.leaf == Leaf::shared;
    Node* fresh = nullptr;
    NodePtr found;
    {
      std::lock_guard lock(mutex_);
      if (!unique) found = find(hash, op, params, inputs);
      if (!found) {
        fresh = new Node;
        fresh->op_ = &op;
        fresh->params_ = std::move(params);
        fresh->inputs_ = std::move(inputs);
        fresh->outputs_ = std::move(outputs);
        fresh->equalities_ = std::move(equalities);
        fresh->id_ = next_id_++;
        fresh->hash_ = hash;
        for (const Tensor& t : fresh->inputs_) fresh->scope_ = std::max(fresh->scope_, t.node().scope());
        table_.emplace(hash, fresh);
        found = NodePtr(fresh);
      }
    }
    if (line) found->add_origin(line);
    for (const SourceLine& l : current_origins) found->add_origin(l);
    return found;
  }

  static bool try_acquire(const Node* node) {
    int n = node->references_.load(std::memory_order_relaxed);
    while (n > 0)
      if (node->references_.compare_exchange_weak(n, n + 1, std::memory_order_acquire)) return true;
    return false;
  }

  static void acquire(const Node* node) { node->references_.fetch_add(1, std::memory_order_relaxed); }

  // Iterative: the inputs of a dying node are queued, not released recursively.
  static void release(const Node* node) {
    if (node->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    thread_local std::vector<const Node*>* pending = nullptr;
    if (pending) {
      pending->push_back(node);
      return;
    }
    std::vector<const Node*> queue{node};
    pending = &queue;
    while (!queue.empty()) {
      const Node* dead = queue.back();
      queue.pop_back();
      instance().forget(dead);
      delete dead;
    }
    pending = nullptr;
  }

  std::int64_t live() {
    std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(table_.size());
  }

  std::uint64_t next_id() {
    std::lock_guard lock(mutex_);
    return next_id_;
  }

 private:
  static std::uint64_t hash_of(const OpDef& op, const Params& params, const std::vector<Tensor>& inputs) {
    std::uint64_t h = hash_text(op.name);
    if (params) h = hash_combine(h, params->hash());
    for (const Tensor& t : inputs)
      h = hash_combine(h, hash_combine(t.node().id(), static_cast<std::uint64_t>(t.output())));
    return h;
  }

  NodePtr find(std::uint64_t hash, const OpDef& op, const Params& params, const std::vector<Tensor>& inputs) {
    const auto [first, last] = table_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Node* n = it->second;
      if (n->op_ != &op || n->inputs_ != inputs) continue;
      if (static_cast<bool>(n->params_) != static_cast<bool>(params)) continue;
      if (params && !n->params_->equal(*params)) continue;
      if (!try_acquire(n)) continue;
      NodePtr p;
      p.node_ = n;
      return p;
    }
    return {};
  }

  void forget(const Node* node) {
    std::lock_guard lock(mutex_);
    const auto [first, last] = table_.equal_range(node->hash_);
    for (auto it = first; it != last; ++it) {
      if (it->second == node) {
        table_.erase(it);
        return;
      }
    }
  }

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, const Node*> table_;
  std::uint64_t next_id_ = 1;
};

NodePtr::NodePtr(const Node* node) : node_(node) {
  if (node_) Interner::acquire(node_);
}
NodePtr::NodePtr(const NodePtr& other) : NodePtr(other.node_) {}
NodePtr::~NodePtr() {
  if (node_) Interner::release(node_);
}

std::int64_t live_nodes() { return Interner::instance().live(); }

std::uint64_t next_node_id() { return Interner::instance().next_id(); }

std::vector<SourceLine> Node::origins() const {
  std::lock_guard lock(origins_mutex);
  return origins_;
}

void Node::add_origin(SourceLine line) const {
  std::lock_guard lock(origins_mutex);
  if (!line || origins_.size() >= max_origins) return;
  if (std::find(origins_.begin(), origins_.end(), line) == origins_.end()) origins_.push_back(line);
}

OriginScope::OriginScope(const Node& from) : saved_(std::exchange(current_origins, from.origins())) {}
OriginScope::OriginScope(SourceLine line) : saved_(std::exchange(current_origins, {line})) {}
OriginScope::~OriginScope() { current_origins = std::move(saved_); }

std::vector<Tensor> apply(const OpDef& op, Params params, std::vector<Tensor> inputs, SourceLine line) {
  for (const Tensor& t : inputs)
    if (!t) throw Error(op.name + ": an operand is an empty Tensor" + (line ? ", at " + to_string(line) : ""));
  const TypeArgs args(op, params, inputs, line);
  BITALE_ASSERT(static_cast<bool>(op.type), "op " + op.name + " has no type rule");
  std::vector<TensorType> types = op.type(args);
  const std::size_t outputs = types.size();
  NodePtr node =
      Interner::instance().intern(op, std::move(params), std::move(inputs), std::move(types), args.equalities(), line);
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < outputs; ++i) result.emplace_back(node, static_cast<int>(i), line);
  return result;
}

Tensor apply1(const OpDef& op, Params params, std::vector<Tensor> inputs, SourceLine line) {
  return apply(op, std::move(params), std::move(inputs), line)[0];
}

NodePtr with_inputs(const NodePtr& node, std::vector<Tensor> inputs, Params params) {
  const bool same_params = params == node->params() || (params && node->params() && params->equal(*node->params()));
  if (same_params && inputs == node->inputs()) return node;
  const OriginScope origins(*node);
  return apply(node->op(), std::move(params), std::move(inputs))[0].node_ptr();
}

bool has_stored_dtypes(const Node& node) {
  const auto stored = [](const auto& t) { return is_only_stored(t.dtype); };
  return std::any_of(node.outputs().begin(), node.outputs().end(), stored) ||
         std::any_of(node.inputs().begin(), node.inputs().end(), [&](const Tensor& t) { return stored(t.type()); });
}

std::vector<Tensor> in_computed_dtypes(const Node& node, std::vector<Tensor> operands) {
  std::vector<Tensor> results = apply(node.op(), widened(node.params()), std::move(operands));
  BITALE_ASSERT(!has_stored_dtypes(results[0].node()), node.op().name + " computes in 16 bits");
  return results;
}

std::string describe(const Tensor& tensor) {
  const std::string name = tensor.name().empty() ? tensor.node().op().name : tensor.name();
  std::string s = name + " (" + to_string(tensor.type());
  if (tensor.line()) s += ", made at " + to_string(tensor.line());
  return s + ")";
}

}  // namespace bitale::ir
