// Symbolic tensors: extents, inputs, constants, and the operators that build graphs from them.
//
// A Tensor is a cheap handle. Building functions check their operands at once and throw bitale::Error, whose message
// names the op, the operands' types and the source lines where they were made. Binary operators promote dtypes and
// broadcast as NumPy does; C++ numbers are weak (they take the other operand's dtype).
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/memory/array.h"

namespace bitale {

using Where = std::source_location;

inline constexpr DType boolean = DType::bool_, int8 = DType::i8, int16 = DType::i16, int32 = DType::i32,
                       int64 = DType::i64, uint8 = DType::u8, float32 = DType::f32, float64 = DType::f64,
                       float16 = DType::f16, bfloat16 = DType::bf16;  // only stored; computed with as float32

namespace detail {
struct DimHandle;
struct TensorHandle;
struct Access;
}  // namespace detail

// The extent of an axis: a constant, a named symbol, or an integer expression over them.
class Dim {
 public:
  Dim(int value);                                                      // NOLINT: a constant extent
  Dim(std::int64_t value);                                             // NOLINT
  explicit Dim(const std::string& name, Where at = Where::current());  // a fresh symbol

  std::string text() const;
  bool operator==(const Dim& other) const;
  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floordiv(const Dim& a, const Dim& b);

 private:
  friend struct detail::Access;
  explicit Dim(std::shared_ptr<const detail::DimHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const detail::DimHandle> handle_;
};
using Shape = std::vector<Dim>;
using Axes = std::vector<std::int64_t>;  // negative ones count from the end

class Tensor {
 public:
  Tensor() = default;

  DType dtype() const;
  Shape shape() const;
  Dim dim(int axis) const;  // negative axes count from the end
  int rank() const;
  std::string text() const;  // "w (float32[784, 500], made at model.cc:12)"
  Tensor named(const std::string& name) const;
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  friend struct detail::Access;
  explicit Tensor(std::shared_ptr<const detail::TensorHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const detail::TensorHandle> handle_;
};

// A named mutable variable that lives between calls. A handle: copies are the same variable, which lives as long as a
// handle, a graph that reads it or a function compiled from one. get, set and calls of functions may come from several
// threads; each sees the value before or after an update, never one in between.
class Shared {
 public:
  // The extents are fixed by the value, or by `shape`, whose symbolic dims may change with set().
  Shared(const std::string& name, const Array& value, Where at = Where::current());
  Shared(const std::string& name, const Array& value, const Shape& shape, Where at = Where::current());

  operator Tensor() const;  // NOLINT: a Shared is used like any tensor
  Tensor tensor() const;
  const std::string& name() const;
  DType dtype() const;

  Array get() const;             // a copy
  void set(const Array& value);  // copies; a dtype or an extent that the type does not allow is an Error
  std::int64_t version() const;  // grows with every change

  struct State;

 private:
  friend struct detail::Access;
  std::shared_ptr<State> state_;
  Tensor symbol_;
};

// What operators take: a Tensor, a Shared or a C++ number, with the line of the expression.
class Operand {
 public:
  Operand(const Tensor& t, Where at = Where::current());  // NOLINT
  Operand(const Shared& s, Where at = Where::current());  // NOLINT
  Operand(double v, Where at = Where::current());         // NOLINT
  Operand(float v, Where at = Where::current());          // NOLINT
  Operand(int v, Where at = Where::current());            // NOLINT
  Operand(std::int64_t v, Where at = Where::current());   // NOLINT
  Operand(bool v, Where at = Where::current());           // NOLINT

 private:
  friend struct detail::Access;
  enum class Kind : std::uint8_t { tensor, truth, integer, real } kind_;
  Tensor tensor_;
  std::int64_t integer_ = 0;
  double real_ = 0;
  Where at_;
};

// ---- leaves and creation ----
namespace detail {
Tensor real_arange(double start, double stop, double step, DType dtype, Where at);
}
Tensor input(const std::string& name, DType dtype, const Shape& shape, Where at = Where::current());
Tensor constant(const Array& value, Where at = Where::current());
Tensor full(double value, DType dtype, const Shape& shape, Where at = Where::current());
Tensor zeros(DType dtype, const Shape& shape, Where at = Where::current());
Tensor ones(DType dtype, const Shape& shape, Where at = Where::current());
Tensor full_like(const Tensor& x, double value, Where at = Where::current());
Tensor zeros_like(const Tensor& x, Where at = Where::current());
Tensor ones_like(const Tensor& x, Where at = Where::current());
// start, start + step... before stop; bounds of integers may be symbolic.
Tensor arange(const Dim& n, DType dtype = int64, Where at = Where::current());
Tensor arange(const Dim& start, const Dim& stop, std::int64_t step = 1, DType dtype = int64,
              Where at = Where::current());
// The same for numbers of which one is a floating point number.
template <class Start, class Stop, class Step = int>
  requires(std::is_arithmetic_v<Start> && std::is_arithmetic_v<Stop> && std::is_arithmetic_v<Step> &&
           (std::is_floating_point_v<Start> || std::is_floating_point_v<Stop> || std::is_floating_point_v<Step>))
Tensor arange(Start start, Stop stop, Step step = 1, DType dtype = float32, Where at = Where::current()) {
  return detail::real_arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), dtype,
                             at);
}
// `count` values from start to stop, the last exactly; without the endpoint, to one step before it. Scalars, which are
// differentiable.
Tensor linspace(const Operand& start, const Operand& stop, const Dim& count, bool endpoint = true,
                DType dtype = float32);
// Ones where column - row is `offset` (eye), or at most that (tri), zeros elsewhere.
Tensor eye(const Dim& rows, const Dim& columns, std::int64_t offset = 0, DType dtype = float32,
           Where at = Where::current());
Tensor identity(const Dim& n, DType dtype = float32, Where at = Where::current());
Tensor tri(const Dim& rows, const Dim& columns, std::int64_t offset = 0, DType dtype = float32,
           Where at = Where::current());
// Vectors, each repeated along the axes of the others, which are theirs in order (ij); or with the first two exchanged,
// as images have them.
enum class Indexing : std::uint8_t { xy, ij };
std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, Indexing indexing = Indexing::xy,
                             Where at = Where::current());
// For each axis, the place along it of every element.
std::vector<Tensor> indices(const Shape& shape, DType dtype = int64, Where at = Where::current());
Tensor extent(const Dim& dim, Where at = Where::current());  // the extent as an int64 scalar

// ---- operators ----
Tensor operator+(const Operand& a, const Operand& b);
Tensor operator-(const Operand& a, const Operand& b);
Tensor operator*(const Operand& a, const Operand& b);
Tensor operator/(const Operand& a, const Operand& b);  // true division
Tensor operator-(const Operand& a);
Tensor operator<(const Operand& a, const Operand& b);
Tensor operator<=(const Operand& a, const Operand& b);
Tensor operator>(const Operand& a, const Operand& b);
Tensor operator>=(const Operand& a, const Operand& b);
Tensor equal(const Operand& a, const Operand& b);
Tensor not_equal(const Operand& a, const Operand& b);
Tensor logical_and(const Operand& a, const Operand& b);
Tensor logical_or(const Operand& a, const Operand& b);
Tensor logical_not(const Operand& a);

}  // namespace bitale
