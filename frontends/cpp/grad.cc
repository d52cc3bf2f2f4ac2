#include "compiler/grad/grad.h"

#include <bitale/grad.h>

#include "compiler/driver/compile.h"
#include "compiler/grad/check.h"
#include "compiler/grad/rule_result.h"
#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

std::vector<Tensor> grad(const Tensor& cost, const std::vector<Tensor>& wrt, const GradOptions& options, Where at) {
  ad::GradOptions o;
  o.disconnected = options.zero_if_disconnected ? ad::Disconnected::zero : ad::Disconnected::error;
  o.consider_constant = Access::in(options.consider_constant, "grad: consider_constant");
  for (const auto& [t, g] : options.known_grads) o.known_grads.emplace_back(Access::in(t), Access::in(g));
  return Access::out(
      ad::grad(Access::in(cost, "grad: the cost"), Access::in(wrt, "grad: a tensor to differentiate by"), o, at));
}
Tensor grad(const Tensor& cost, const Tensor& wrt, const GradOptions& options, Where at) {
  return grad(cost, std::vector<Tensor>{wrt}, options, at)[0];
}

std::vector<Tensor> vjp(const std::vector<Tensor>& outputs, const std::vector<Tensor>& cotangents,
                        const std::vector<Tensor>& wrt, Where at) {
  return Access::out(ad::vjp(Access::in(outputs), Access::in(cotangents), Access::in(wrt), {}, at));
}
std::vector<Tensor> jvp(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& tangents, Where at) {
  return Access::out(ad::jvp(Access::in(outputs), Access::in(inputs), Access::in(tangents), at));
}
Tensor jacobian(const Tensor& y, const Tensor& x, Where at) {
  return Access::out(ad::jacobian(Access::in(y), Access::in(x), at));
}
Tensor hessian(const Tensor& cost, const Tensor& x, Where at) {
  return Access::out(ad::hessian(Access::in(cost), Access::in(x), at));
}
std::vector<Tensor> hessian_vector_product(const Tensor& cost, const std::vector<Tensor>& x,
                                           const std::vector<Tensor>& v, Where at) {
  return Access::out(ad::hessian_vector_product(Access::in(cost), Access::in(x), Access::in(v), at));
}
std::vector<Tensor> vmap(const RowFunction& f, const std::vector<Tensor>& xs, Where at) {
  const std::vector<ir::Tensor> values = Access::in(xs, "vmap: an argument");
  if (values.empty()) throw Error("vmap" + ad::at_line(at) + ": there must be an argument, whose rows are counted");
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ir::Tensor& x = values[i];
    if (x.rank() == 0) throw Error("vmap" + ad::at_line(at) + ": " + ir::describe(x) + " has no rows");
    const ir::Shape row(x.shape().begin() + 1, x.shape().end());
    rows.push_back(
        Access::out(ir::input(x.name().empty() ? "row" + std::to_string(i) : x.name(), {x.dtype(), row}, at)));
  }
  const std::vector<bool> all(rows.size(), true);
  return Access::out(
      ad::vmap(Access::in(f(rows), "vmap: a result"), Access::in(rows), values, all, values[0].dim(0), at));
}
Tensor vmap(const std::function<Tensor(const Tensor& row)>& f, const Tensor& x, Where at) {
  return vmap([&](const std::vector<Tensor>& rows) { return std::vector<Tensor>{f(rows[0])}; }, std::vector<Tensor>{x},
              at)[0];
}

namespace {

// Compiles and runs each graph once; not worth caching.
std::vector<Array> run_once(std::span<const ir::Tensor> outputs, const ad::Bindings& leaves) {
  lower::FunctionGraph g;
  g.name = "gradient_check";
  std::vector<Array> values;
  for (const auto& [leaf, value] : leaves) {
    g.inputs.push_back(leaf);
    values.push_back(value);
  }
  g.outputs.assign(outputs.begin(), outputs.end());
  driver::CompileOptions options;
  options.use_cache = false;
  return driver::compile(g, options).runnable->call(values, {}, {1}).outputs;
}

}  // namespace

GradientCheck gradient_check(const std::vector<Tensor>& outputs, const std::vector<Tensor>& wrt,
                             const std::vector<std::pair<Tensor, Array>>& values, std::uint64_t seed, Where) {
  ad::Bindings leaves;
  for (const auto& [t, v] : values) leaves.emplace_back(Access::in(t, "gradient_check: an input"), v);
  for (const ir::NodePtr& n : ir::topological(Access::in(outputs)))
    if (n->op().leaf == ir::Leaf::shared) leaves.emplace_back(ir::Tensor(n, 0), Access::find({n, 0})->value);
  ad::CheckOptions options;
  options.seed = seed;
  const ad::CheckResult r = ad::check_gradient(Access::in(outputs), Access::in(wrt), leaves, run_once, options);
  return {r.worst, r.where};
}

Tensor grad_clip(const Tensor& x, double low, double high, Where at) {
  return Access::out(ad::grad_clip(Access::in(x), low, high, at));
}
Tensor grad_scale(const Tensor& x, double factor, Where at) {
  return Access::out(ad::grad_scale(Access::in(x), factor, at));
}

}  // namespace bitale
