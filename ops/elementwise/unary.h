// Ops of one float operand: one scalar instruction, or a formula.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ops {

struct UnaryOp {
  std::string name = {};
  std::string doc = {};
  ir::ScalarOp op = ir::ScalarOp::neg;
  std::function<ir::Expr(ir::Expr)> body = {};  // instead of `op`
  ir::Partial partial = {};
  std::function<std::vector<ir::Sample>()> samples = {};
};

inline ir::OpDef unary(UnaryOp u) {
  return ir::elementwise({.name = std::move(u.name),
                          .doc = std::move(u.doc),
                          .type = ir::same_float,
                          .body = [op = u.op, body = std::move(u.body)](
                                      std::span<const ir::Expr> x) { return body ? body(x[0]) : ir::call(op, {x[0]}); },
                          .partials = {std::move(u.partial)},
                          .samples = std::move(u.samples)});
}

// The value that a node has, for derivatives that are functions of it.
inline ir::Tensor result(const ir::Node& node) { return {ir::NodePtr(&node), 0}; }

// Applies an op of floats; bool and integer operands are taken as default_float.
inline ir::Tensor apply_float(const ir::OpDef& op, const ir::Operand& x, SourceLine line) {
  return ir::apply_elementwise(op, {&x, 1}, line, ir::float_dtype({&x, 1}));
}

}  // namespace bitale::ops
