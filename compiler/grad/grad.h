// Derivatives, graph to graph. Reverse mode is the ops' vjp rules, forward mode their jvp rules; what comes out is
// ordinary graph, so derivatives of derivatives and of loops need nothing else. Functions are differentiated in their
// stable forms (prepare.h), so that the derivative of log(1/(1 + exp(-x))) is finite for every x.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"

namespace bitale::ad {

enum class Disconnected : std::uint8_t { error, zero };  // what a `wrt` that the cost does not reach gives

// "Disconnected" is a fact about the graph: no path leads from the cost to the tensor (once consider_constant is cut).
// A path whose derivative is zero (through integers, floor, stop_gradient) gives zeros.
struct GradOptions {
  Disconnected disconnected = Disconnected::error;
  std::vector<ir::Tensor> consider_constant;  // nothing flows through these; they may themselves be in wrt
  std::vector<std::pair<ir::Tensor, ir::Tensor>>
      known_grads;  // (tensor, its whole cotangent): replaces what reaches it from above
};

// d cost / d wrt[i], of wrt[i]'s type. cost is a float scalar (rank 0), or empty if known_grads says where to start.
// Errors name the tensor and its line: cost not scalar or not float, a wrt that is not float, a wrt that the cost does
// not reach, an op without a vjp rule on the way. A rule that returns a cotangent of the wrong count, shape or dtype is
// an InternalError that names the op.
std::vector<ir::Tensor> grad(const ir::Tensor& cost, std::span<const ir::Tensor> wrt, const GradOptions& options = {},
                             SourceLine line = {});

// Cotangents of wrt for cotangents dys of outputs (empty: zero).
std::vector<ir::Tensor> vjp(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> dys,
                            std::span<const ir::Tensor> wrt, const GradOptions& options = {}, SourceLine line = {});

// Tangents of outputs for tangents dxs of inputs (empty: zero). What the inputs do not reach has a tangent of zeros.
std::vector<ir::Tensor> jvp(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                            std::span<const ir::Tensor> dxs, SourceLine line = {});

// The graph of `outputs` (functions of `inputs`) over one more leading axis: values[i] replaces inputs[i] and has the
// axis where batched[i]. Every output has it. An op without a batching rule on the way is an Error that names it.
std::vector<ir::Tensor> vmap(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                             std::span<const ir::Tensor> values, const std::vector<bool>& batched, const ir::Dim& size,
                             SourceLine line = {});

// [y dims..., x dims...]: one vjp per element of y, batched. A cost that is linear in x has a hessian of zeros.
ir::Tensor jacobian(const ir::Tensor& y, const ir::Tensor& x, SourceLine line = {});
ir::Tensor hessian(const ir::Tensor& cost, const ir::Tensor& x, SourceLine line = {});
// H v, by forward over reverse.
std::vector<ir::Tensor> hessian_vector_product(const ir::Tensor& cost, std::span<const ir::Tensor> x,
                                               std::span<const ir::Tensor> v, SourceLine line = {});

// Identity in value; act on the cotangent alone.
ir::Tensor grad_clip(const ir::Tensor& x, double low, double high, SourceLine line = {});
ir::Tensor grad_scale(const ir::Tensor& x, double factor, SourceLine line = {});

// The OpDefs of grad_clip and grad_scale, for register_ops.
std::span<const ir::OpDef* const> grad_ops();

}  // namespace bitale::ad
