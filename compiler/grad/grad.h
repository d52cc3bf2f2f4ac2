// Derivatives, graph to graph. Reverse mode is the ops' vjp rules, forward mode their jvp rules; what comes out is ordinary
// graph, so derivatives of derivatives and of loops need nothing else.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"

namespace bitale::grad {

enum class Disconnected : std::uint8_t { error, zero };  // what a `wrt` that the cost does not reach gives

struct GradOptions {
  Disconnected disconnected = Disconnected::error;
  std::vector<ir::Tensor> consider_constant;                   // cut here
  std::vector<std::pair<ir::Tensor, ir::Tensor>> known_grads;  // start (also) from these cotangents
};

// d cost / d wrt[i], of wrt[i]'s type. cost is a float scalar (rank 0). Errors name the tensor and its line: cost not scalar or
// not float, a wrt that is not float, a wrt that the cost does not reach, an op without a vjp rule on the way.
std::vector<ir::Tensor> grad(const ir::Tensor& cost, std::span<const ir::Tensor> wrt, const GradOptions& options = {}, SourceLine line = {});

// Cotangents of wrt for cotangents dys of outputs (empty: zero).
std::vector<ir::Tensor> vjp(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> dys, std::span<const ir::Tensor> wrt,
                            const GradOptions& options = {}, SourceLine line = {});

// Tangents of outputs for tangents dxs of inputs.
std::vector<ir::Tensor> jvp(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> dxs,
                            SourceLine line = {});

// The graph of `outputs` (functions of `inputs`) over one more leading axis: values[i] replaces inputs[i] and has the axis where
// batched[i]. Every output has it.
std::vector<ir::Tensor> vmap(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> values,
                             const std::vector<bool>& batched, const ir::Dim& size, SourceLine line = {});

// [y dims..., x dims...]: one vjp per element of y, batched.
ir::Tensor jacobian(const ir::Tensor& y, const ir::Tensor& x, SourceLine line = {});
ir::Tensor hessian(const ir::Tensor& cost, const ir::Tensor& x, SourceLine line = {});
// H v, by forward over reverse.
std::vector<ir::Tensor> hessian_vector_product(const ir::Tensor& cost, std::span<const ir::Tensor> x, std::span<const ir::Tensor> v, SourceLine line = {});

// Identity in value; act on the cotangent alone.
ir::Tensor grad_clip(const ir::Tensor& x, double low, double high, SourceLine line = {});
ir::Tensor grad_scale(const ir::Tensor& x, double factor, SourceLine line = {});

}  // namespace bitale::grad
