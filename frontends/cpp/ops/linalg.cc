#include "ops/api/linalg.h"

#include <bitale/linalg.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

#define BITALE_MATRIX_OP(name) \
  Tensor name(const Tensor& a, Where at) { return Access::out(ops::name(Access::in(a, #name), at)); }
BITALE_MATRIX_OP(inverse)
BITALE_MATRIX_OP(det)
BITALE_MATRIX_OP(cholesky)
BITALE_MATRIX_OP(eigvalsh)
BITALE_MATRIX_OP(expm)
#undef BITALE_MATRIX_OP

#define BITALE_PRODUCT(name)                                                       \
  Tensor name(const Tensor& a, const Tensor& b, Where at) {                        \
    return Access::out(ops::name(Access::in(a, #name), Access::in(b, #name), at)); \
  }
BITALE_PRODUCT(matmul)
BITALE_PRODUCT(inner)
BITALE_PRODUCT(outer)
BITALE_PRODUCT(vdot)
BITALE_PRODUCT(kron)
BITALE_PRODUCT(cross)
BITALE_PRODUCT(lstsq)
#undef BITALE_PRODUCT

Tensor dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(ir::dot(Access::in(a, "dot"), Access::in(b, "dot"), at));
}
Tensor batched_dot(const Tensor& a, const Tensor& b, Where at) {
  return Access::out(
      ir::dot_general(Access::in(a, "batched_dot"), Access::in(b, "batched_dot"), {{0}, {0}, {2}, {1}}, at));
}
Tensor tensordot(const Tensor& a, const Tensor& b, int axes, Where at) {
  return Access::out(ops::tensordot(Access::in(a, "tensordot"), Access::in(b, "tensordot"), axes, at));
}
Tensor tensordot(const Tensor& a, const Tensor& b, const Axes& axes_a, const Axes& axes_b, Where at) {
  return Access::out(ops::tensordot(Access::in(a, "tensordot"), Access::in(b, "tensordot"), axes_a, axes_b, at));
}
Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& operands, Where at) {
  return Access::out(ops::einsum(subscripts, Access::in(operands, "einsum"), at));
}
Tensor multi_dot(const std::vector<Tensor>& matrices, Where at) {
  return Access::out(ops::multi_dot(Access::in(matrices, "multi_dot"), at));
}
Tensor matrix_power(const Tensor& a, std::int64_t n, Where at) {
  return Access::out(ops::matrix_power(Access::in(a, "matrix_power"), n, at));
}

static_assert(static_cast<int>(MatrixNorm::minus_infinity) == static_cast<int>(ops::MatrixNorm::minus_infinity));
Tensor matrix_norm(const Tensor& a, MatrixNorm order, bool keepdims, Where at) {
  return Access::out(ops::matrix_norm(Access::in(a, "matrix_norm"), static_cast<ops::MatrixNorm>(order), keepdims, at));
}

Tensor solve(const Tensor& a, const Tensor& b, const SolveOptions& options, Where at) {
  return Access::out(ops::solve(Access::in(a, "solve"), Access::in(b, "solve"), options.positive_definite, at));
}
Tensor triangular_solve(const Tensor& a, const Tensor& b, const TriangularSolveOptions& o, Where at) {
  return Access::out(ops::triangular_solve(Access::in(a, "triangular_solve"), Access::in(b, "triangular_solve"),
                                           {o.lower, o.transposed, o.unit_diagonal}, at));
}
Tensor pinv(const Tensor& a, double cutoff, Where at) {
  return Access::out(ops::pinv(Access::in(a, "pinv"), cutoff, at));
}

Slogdet slogdet(const Tensor& a, Where at) {
  const ops::Slogdet d = ops::slogdet(Access::in(a, "slogdet"), at);
  return {Access::out(d.sign), Access::out(d.log)};
}
Lu lu(const Tensor& a, Where at) {
  const ops::Lu f = ops::lu(Access::in(a, "lu"), at);
  return {Access::out(f.rows), Access::out(f.lower), Access::out(f.upper)};
}
Qr qr(const Tensor& a, Where at) {
  const ops::Qr f = ops::qr(Access::in(a, "qr"), at);
  return {Access::out(f.q), Access::out(f.r)};
}
Eigh eigh(const Tensor& a, Where at) {
  const ops::Eigh e = ops::eigh(Access::in(a, "eigh"), at);
  return {Access::out(e.values), Access::out(e.vectors)};
}
Svd svd(const Tensor& a, const SvdOptions& options, Where at) {
  const ops::Svd d = ops::svd(Access::in(a, "svd"), options.full, at);
  return {Access::out(d.u), Access::out(d.s), Access::out(d.vt)};
}

}  // namespace bitale
