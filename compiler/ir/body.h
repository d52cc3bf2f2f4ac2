// Bodies: the graphs inside a node's parameters, which scan repeats and cond chooses from.
//
// A body is closed: its leaves are arguments, which are numbered, and constants. What it needs from outside is an
// operand of its node. Arguments are interned like any other node, so bodies that compute the same are equal, and a
// body is shared by all nodes that have it. The extents in a body are those around it.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compiler/ir/graph.h"

namespace bitale::ir {

struct Body {
  std::vector<Tensor> outputs;
  bool operator==(const Body&) const = default;  // of the same tensors
};

struct ArgumentParams {
  std::int64_t number = 0;
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const ArgumentParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("number", number);
    v("dtype", dtype);
    v("shape", shape);
  }
};

// The arguments that the outputs read, in order of number.
std::vector<Tensor> arguments_of(std::span<const Tensor> outputs);
inline std::int64_t argument_number(const Tensor& argument) {
  return argument.node().params_as<ArgumentParams>().number;
}

// Calls f for every node that the outputs reach, operands before users, and for those of the bodies in them.
void for_each_node(std::span<const Tensor> outputs, const std::function<void(const NodePtr&)>& f);

// What the body computes for these values of its arguments, as graph.
std::vector<Tensor> call(const Body& body, std::span<const Tensor> arguments);

// Calls f for each body in the parameters; where it returns another, the result is a changed copy of the parameters,
// else `params` itself.
Params map_bodies(const Params& params, const std::function<Body(const Body&)>& f);
void for_each_body(const Params& params, const std::function<void(const Body&)>& f);

}  // namespace bitale::ir
