// Graphs: the nodes behind some outputs, walked with an explicit stack, in a deterministic order.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/node.h"

namespace bitale::ir {

struct Graph {
  std::vector<Tensor> inputs;  // in the caller's order; others that the outputs reach are free
  std::vector<Tensor> outputs;
};

// Every node that the outputs reach, inputs before users, each once. The order depends on the structure alone.
std::vector<NodePtr> topological(std::span<const Tensor> outputs);

// How often each (node, output) is read: by other nodes of the list and by the outputs.
struct TensorHash {
  std::size_t operator()(const Tensor& t) const {
    return (t.node().id() * 0x9e3779b97f4a7c15ull) ^ static_cast<std::size_t>(t.output());
  }
};
template <class T>
using TensorMap = std::unordered_map<Tensor, T, TensorHash>;

// Rebuilds the graph behind `outputs` bottom up: replace(node, new inputs, new params) returns the node's new outputs,
// or an empty list for the plain rebuild (which is the same node if nothing changed). Types may change; ops re-run
// their type rules.
using Rebuild = std::function<std::vector<Tensor>(const NodePtr& node, const std::vector<Tensor>& inputs)>;
std::vector<Tensor> rebuild(std::span<const Tensor> outputs, const Rebuild& replace);

// Replaces tensors (givens, inputs of an inner graph); dims inside parameters follow `dims` if given.
std::vector<Tensor> substitute(std::span<const Tensor> outputs, const TensorMap<Tensor>& replacements,
                               const std::function<Dim(const Dim&)>& dims = {});

// Text, numbered by order: "%3: float32[n, 10] = dot(%1, %2)". With lines: the users' source lines as comments. Whole:
// with all elements of constants, so that parse.h reads the text back. Each dim symbol has a name of its own in the
// text (its own, with a number behind if another has it); dims are written as if symbols were made in order of these
// names.
std::string to_string(const Graph& graph, bool lines = false, bool whole = false);

// GraphViz.
std::string to_dot(const Graph& graph);

// Checks every node against its op's type rule and the graph against its rules; InternalError with the text.
void verify(const Graph& graph);

}  // namespace bitale::ir
