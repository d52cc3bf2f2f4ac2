#include <bitale/tensor.h>

#include "frontends/cpp/handles.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

Dim::Dim(int value) : Dim(static_cast<std::int64_t>(value)) {}
Dim::Dim(std::int64_t value) : handle_(std::make_shared<const detail::DimHandle>(detail::DimHandle{ir::Dim(value)})) {}
Dim::Dim(const std::string& name, Where at)
    : handle_(std::make_shared<const detail::DimHandle>(detail::DimHandle{ir::Dim::symbol(name, at)})) {}

std::string Dim::text() const { return ir::to_string(handle_->dim); }
bool Dim::operator==(const Dim& other) const { return handle_->dim == other.handle_->dim; }
Dim operator+(const Dim& a, const Dim& b) { return Access::out(Access::in(a) + Access::in(b)); }
Dim operator-(const Dim& a, const Dim& b) { return Access::out(Access::in(a)-Access::in(b)); }
Dim operator*(const Dim& a, const Dim& b) { return Access::out(Access::in(a)*Access::in(b)); }
Dim floordiv(const Dim& a, const Dim& b) { return Access::out(ir::floordiv(Access::in(a), Access::in(b))); }

namespace detail {

ir::Shape Access::in(const Shape& s) {
  ir::Shape out;
  for (const Dim& d : s) out.push_back(in(d));
  return out;
}

ir::Tensor Access::in(const Tensor& t, const char* what) {
  if (!t.handle_) throw Error(std::string(what) + " is an empty Tensor");
  return t.handle_->tensor;
}

std::vector<ir::Tensor> Access::in(const std::vector<Tensor>& list, const char* what) {
  std::vector<ir::Tensor> out;
  for (const Tensor& t : list) out.push_back(in(t, what));
  return out;
}

std::vector<Tensor> Access::out(const std::vector<ir::Tensor>& list) {
  std::vector<Tensor> result;
  for (const ir::Tensor& t : list) result.push_back(out(t));
  return result;
}

ir::Operand Access::in(const Operand& o) {
  switch (o.kind_) {
    case Operand::Kind::tensor:
      return in(o.tensor_);
    case Operand::Kind::truth:
      return o.integer_ != 0;
    case Operand::Kind::integer:
      return o.integer_;
    case Operand::Kind::real:
      return o.real_;
  }
  throw InternalError("operand kind out of range");
}

}  // namespace detail

DType Tensor::dtype() const { return Access::in(*this).dtype(); }
int Tensor::rank() const { return Access::in(*this).rank(); }
std::string Tensor::text() const { return ir::describe(Access::in(*this)); }
Tensor Tensor::named(const std::string& name) const { return Access::out(Access::in(*this).named(name)); }

Shape Tensor::shape() const {
  Shape out;
  for (const ir::Dim& d : Access::in(*this).shape()) out.push_back(Access::out(d));
  return out;
}

Dim Tensor::dim(int axis) const {
  const int rank = this->rank();
  if (axis < -rank || axis >= rank) throw Error("dim: axis " + std::to_string(axis) + " of " + text());
  return Access::out(Access::in(*this).dim(axis < 0 ? axis + rank : axis));
}

Operand::Operand(const Tensor& t, Where at) : kind_(Kind::tensor), tensor_(t), at_(at) {}
Operand::Operand(const Shared& s, Where at) : kind_(Kind::tensor), tensor_(s.tensor()), at_(at) {}
Operand::Operand(double v, Where at) : kind_(Kind::real), real_(v), at_(at) {}
Operand::Operand(float v, Where at) : kind_(Kind::real), real_(static_cast<double>(v)), at_(at) {}
Operand::Operand(int v, Where at) : kind_(Kind::integer), integer_(v), at_(at) {}
Operand::Operand(std::int64_t v, Where at) : kind_(Kind::integer), integer_(v), at_(at) {}
Operand::Operand(bool v, Where at) : kind_(Kind::truth), integer_(v), at_(at) {}

Tensor input(const std::string& name, DType dtype, const Shape& shape, Where at) {
  ensure_ready();
  return Access::out(ir::input(name, {dtype, Access::in(shape)}, at));
}
Tensor constant(const Array& value, Where at) {
  ensure_ready();
  return Access::out(ir::constant(value, at));
}
Tensor full(double value, DType dtype, const Shape& shape, Where at) {
  ensure_ready();
  return Access::out(ops::full(value, dtype, Access::in(shape), at));
}
Tensor zeros(DType dtype, const Shape& shape, Where at) { return full(0, dtype, shape, at); }
Tensor ones(DType dtype, const Shape& shape, Where at) { return full(1, dtype, shape, at); }
Tensor full_like(const Tensor& x, double value, Where at) {
  const ir::Tensor t = Access::in(x, "full_like");
  return Access::out(ops::full(value, t.dtype(), t.shape(), at));
}
Tensor zeros_like(const Tensor& x, Where at) { return full_like(x, 0, at); }
Tensor ones_like(const Tensor& x, Where at) { return full_like(x, 1, at); }

Tensor arange(const Dim& n, DType dtype, Where at) { return arange(0, n, 1, dtype, at); }
Tensor arange(const Dim& start, const Dim& stop, std::int64_t step, DType dtype, Where at) {
  ensure_ready();
  return Access::out(ops::arange(Access::in(start), Access::in(stop), step, dtype, at));
}
Tensor detail::real_arange(double start, double stop, double step, DType dtype, Where at) {
  ensure_ready();
  return Access::out(ops::arange(start, stop, step, dtype, at));
}
Tensor linspace(const Operand& start, const Operand& stop, const Dim& count, bool endpoint, DType dtype) {
  ensure_ready();
  return Access::out(
      ops::linspace(Access::in(start), Access::in(stop), Access::in(count), endpoint, dtype, Access::line(start)));
}
Tensor eye(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, Where at) {
  ensure_ready();
  return Access::out(ops::eye(Access::in(rows), Access::in(columns), offset, dtype, at));
}
Tensor identity(const Dim& n, DType dtype, Where at) { return eye(n, n, 0, dtype, at); }
Tensor tri(const Dim& rows, const Dim& columns, std::int64_t offset, DType dtype, Where at) {
  ensure_ready();
  return Access::out(ops::tri(Access::in(rows), Access::in(columns), offset, dtype, at));
}
std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, Indexing indexing, Where at) {
  return Access::out(ops::meshgrid(Access::in(vectors, "meshgrid"), indexing == Indexing::ij, at));
}
std::vector<Tensor> indices(const Shape& shape, DType dtype, Where at) {
  ensure_ready();
  return Access::out(ops::indices(Access::in(shape), dtype, at));
}
Tensor extent(const Dim& dim, Where at) {
  ensure_ready();
  return Access::out(ir::extent(Access::in(dim), at));
}

#define BITALE_BINARY(function, builder, first, second)                                      \
  Tensor function(const Operand& a, const Operand& b) {                                      \
    return Access::out(ir::builder(Access::in(first), Access::in(second), Access::line(a))); \
  }
BITALE_BINARY(operator+, add, a, b)
BITALE_BINARY(operator-, sub, a, b)
BITALE_BINARY(operator*, mul, a, b)
BITALE_BINARY(operator/, div, a, b)
BITALE_BINARY(operator<, less, a, b)
BITALE_BINARY(operator<=, less_equal, a, b)
BITALE_BINARY(operator>, less, b, a)
BITALE_BINARY(operator>=, less_equal, b, a)
BITALE_BINARY(equal, equal, a, b)
BITALE_BINARY(not_equal, not_equal, a, b)
BITALE_BINARY(logical_and, logical_and, a, b)
BITALE_BINARY(logical_or, logical_or, a, b)
#undef BITALE_BINARY

namespace {

ir::Tensor tensor_of(const Operand& o, const char* op) {
  const ir::Operand in = Access::in(o);
  if (!in.tensor()) throw Error(std::string(op) + ": takes a tensor, not a C++ number");
  return *in.tensor();
}

}  // namespace

Tensor operator-(const Operand& a) { return Access::out(ir::neg(tensor_of(a, "neg"), Access::line(a))); }
Tensor logical_not(const Operand& a) {
  return Access::out(ir::logical_not(tensor_of(a, "logical_not"), Access::line(a)));
}

}  // namespace bitale
