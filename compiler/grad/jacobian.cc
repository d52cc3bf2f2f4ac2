#include "compiler/grad/grad.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

// One unit cotangent per element of a tensor of this type: [elements, dims...].
Tensor unit_cotangents(const TensorType& type, const Dim& elements) {
  const Shape square{elements, elements};
  const Tensor identity = cast(equal(iota(DType::i64, square, 0), iota(DType::i64, square, 1)), type.dtype);
  Shape shape{elements};
  shape.insert(shape.end(), type.shape.begin(), type.shape.end());
  return reshape(identity, shape);
}

Tensor jacobian_of(const Tensor& y, const Tensor& x, const GradOptions& options, SourceLine line) {
  if (!is_floating(y.dtype()))
    throw Error("jacobian" + at_line(line) + ": can only differentiate floats, not " + ir::describe(y));
  if (y.rank() == 0) return grad(y, {&x, 1}, options, line)[0];
  // A stand-in for the cotangent: the rows come from batching over it.
  const Tensor dy = input("dy", y.type(), line);
  const std::vector<Tensor> row = vjp({&y, 1}, {&dy, 1}, {&x, 1}, options, line);
  const Dim elements = product(y.shape());
  const Tensor units = unit_cotangents(y.type(), elements);
  const Tensor rows = vmap(row, {&dy, 1}, {&units, 1}, {true}, elements, line)[0];
  Shape shape = y.shape();
  shape.insert(shape.end(), x.shape().begin(), x.shape().end());
  return reshape(rows, shape, line);
}

}  // namespace

Tensor jacobian(const Tensor& y, const Tensor& x, SourceLine line) {
  const LineScope origins(line);
  return jacobian_of(y, x, {}, line);
}

Tensor hessian(const Tensor& cost, const Tensor& x, SourceLine line) {
  const LineScope origins(line);
  const Tensor gradient = grad(cost, {&x, 1}, {}, line)[0];
  GradOptions options;
  options.disconnected = Disconnected::zero;
  return jacobian_of(gradient, x, options, line);
}

std::vector<Tensor> hessian_vector_product(const Tensor& cost, std::span<const Tensor> x, std::span<const Tensor> v,
                                           SourceLine line) {
  const std::vector<Tensor> gradients = grad(cost, x, {}, line);
  return jvp(gradients, x, v, line);
}

}  // namespace bitale::ad
