// Derivatives of graphs, as graphs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

struct GradOptions {
  bool zero_if_disconnected = false;  // else a tensor that the cost does not reach is an Error that names it
  std::vector<Tensor> consider_constant{};
  std::vector<std::pair<Tensor, Tensor>> known_grads{};
};

// d cost / d each, for a scalar float cost.
std::vector<Tensor> grad(const Tensor& cost, const std::vector<Tensor>& wrt, const GradOptions& options = {},
                         Where at = Where::current());
Tensor grad(const Tensor& cost, const Tensor& wrt, const GradOptions& options = {}, Where at = Where::current());

std::vector<Tensor> vjp(const std::vector<Tensor>& outputs, const std::vector<Tensor>& cotangents,
                        const std::vector<Tensor>& wrt, Where at = Where::current());
std::vector<Tensor> jvp(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& tangents, Where at = Where::current());
Tensor jacobian(const Tensor& y, const Tensor& x, Where at = Where::current());
Tensor hessian(const Tensor& cost, const Tensor& x, Where at = Where::current());
std::vector<Tensor> hessian_vector_product(const Tensor& cost, const std::vector<Tensor>& x,
                                           const std::vector<Tensor>& v, Where at = Where::current());

// f for every row at once: result i of f of row i of each x (along their leading axes, which have one extent), stacked
// along a new leading axis. What f reads besides its arguments is the same for all rows. No loop: each op of f becomes
// one over one more axis.
using RowFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>& rows)>;
std::vector<Tensor> vmap(const RowFunction& f, const std::vector<Tensor>& xs, Where at = Where::current());
Tensor vmap(const std::function<Tensor(const Tensor& row)>& f, const Tensor& x, Where at = Where::current());

// Compares the derivatives of `outputs` in each of `wrt` with finite differences, along random directions, with
// compiled functions; `values` are those of the inputs (pairs of an input() and its value). Everything that is
// differentiated has to be float64. Functions should be smooth around the point.
struct GradientCheck {
  double worst = 0;   // |rule - difference| / max(1, |rule|, |difference|)
  std::string where;  // which derivative that was
};
GradientCheck gradient_check(const std::vector<Tensor>& outputs, const std::vector<Tensor>& wrt,
                             const std::vector<std::pair<Tensor, Array>>& values, std::uint64_t seed = 1,
                             Where at = Where::current());

Tensor grad_clip(const Tensor& x, double low, double high, Where at = Where::current());
Tensor grad_scale(const Tensor& x, double factor, Where at = Where::current());

}  // namespace bitale
