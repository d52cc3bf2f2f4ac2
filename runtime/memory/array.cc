#include "runtime/memory/array.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/float16.h"

namespace bitale {
namespace {

// A bool is read as its byte: what came from outside may hold other values than 0 and 1.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

template <class To, class From>
To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(v)) return 0;
    if (v <= static_cast<From>(Limits::min())) return Limits::min();
    if (v >= static_cast<From>(Limits::max())) return Limits::max();
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

float widened(const Array& array, std::int64_t i) {
  return widen(array.dtype(), static_cast<const std::uint16_t*>(array.data())[i]);
}

std::string element_text(const Array& array, std::int64_t i) {
  if (is_only_stored(array.dtype())) return fmt::format("{}", widened(array, i));
  return dispatch(array.dtype(), [&](auto tag) -> std::string {
    using T = typename decltype(tag)::type;
    Stored<T> v;
    std::memcpy(&v, static_cast<const std::uint8_t*>(array.data()) + static_cast<std::size_t>(i) * sizeof v, sizeof v);
    if constexpr (std::is_same_v<T, bool>)
      return v ? "true" : "false";
    else
      return fmt::format("{}", v);
  });
}

std::size_t bytes_of(DType dtype, const Extents& shape) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(shape), size_of(dtype), &bytes))
    throw Error(fmt::format("an array {} {} has more bytes than 64 bits can count", name_of(dtype), shape_text(shape)));
  return static_cast<std::size_t>(bytes);
}

}  // namespace

std::int64_t element_count(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  bool empty = false, overflow = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw Error("shape " + shape_text(shape) + " has a negative extent");
    empty = empty || extent == 0;
    overflow = __builtin_mul_overflow(count, extent, &count) || overflow;
  }
  if (empty) return 0;
  if (overflow) throw Error("shape " + shape_text(shape) + " has more elements than 64 bits can count");
  return count;
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Array::Array(DType dtype, Extents shape) : dtype_(dtype), shape_(std::move(shape)), size_(element_count(shape_)) {
  storage_ = Storage::allocate(bytes_of(dtype_, shape_));
}

Array::Array(DType dtype, Extents shape, std::shared_ptr<Storage> storage)
    : dtype_(dtype), shape_(std::move(shape)), size_(element_count(shape_)), storage_(std::move(storage)) {
  if (!storage_ || storage_->size() < bytes_of(dtype_, shape_))
    throw Error(fmt::format("an array {} {} does not fit into {} bytes of storage", name_of(dtype_), shape_text(shape_),
                            storage_ ? storage_->size() : 0));
}

Array Array::zeros(DType dtype, Extents shape) {
  Array a(dtype, std::move(shape));
  std::memset(a.data(), 0, a.bytes());
  return a;
}

Array Array::clone() const {
  if (empty()) return {};
  Array a(dtype_, shape_);
  std::memcpy(a.data(), data(), bytes());
  return a;
}

Array Array::reshaped(Extents shape) const {
  if (empty()) throw Error("reshape of an array that holds nothing");
  if (element_count(shape) != size_)
    throw Error("an array of shape " + shape_text(shape_) + " cannot be reshaped to " + shape_text(shape) +
                ": the numbers of elements differ");
  return Array(dtype_, std::move(shape), storage_);
}

Array Array::cast(DType dtype) const {
  if (empty()) throw Error("cast of an array that holds nothing");
  if (dtype == dtype_) return clone();
  if (is_only_stored(dtype_)) {
    Array wide(computed_as(dtype_), shape_);
    widen(dtype_, data(), wide.view<float>().data(), static_cast<std::size_t>(size_));
    return dtype == wide.dtype() ? wide : wide.cast(dtype);
  }
  Array out(dtype, shape_);
  if (is_only_stored(dtype)) {
    const Array wide = dtype_ == computed_as(dtype) ? *this : cast(computed_as(dtype));
    narrow(dtype, wide.view<float>().data(), out.data(), static_cast<std::size_t>(size_));
    return out;
  }
  dispatch(dtype_, [&](auto from) {
    dispatch(dtype, [&](auto to) {
      using To = typename decltype(to)::type;
      const auto* source = static_cast<const Stored<typename decltype(from)::type>*>(data());
      auto* target = static_cast<To*>(out.data());
      for (std::int64_t i = 0; i < size_; ++i) target[i] = convert<To>(source[i]);
    });
  });
  return out;
}

bool Array::same_bits(const Array& other) const {
  if (empty() || other.empty()) return empty() == other.empty();
  return dtype_ == other.dtype_ && shape_ == other.shape_ && std::memcmp(data(), other.data(), bytes()) == 0;
}

double Array::at(std::int64_t flat) const {
  if (empty()) throw Error("element of an array that holds nothing");
  if (flat < 0 || flat >= size_) throw Error(fmt::format("element {} of an array of {} elements", flat, size_));
  if (is_only_stored(dtype_)) return widened(*this, flat);
  return dispatch(dtype_, [&](auto tag) {
    return static_cast<double>(static_cast<const Stored<typename decltype(tag)::type>*>(data())[flat]);
  });
}

void Array::require(DType expected) const {
  if (dtype_ != expected)
    throw Error(fmt::format("an array of dtype {} viewed as {}", name_of(dtype_), name_of(expected)));
  if (empty()) throw Error("view of an array that holds nothing");
}

void Array::refuse_writing() const {
  throw Error(fmt::format(
      "the memory of an array {}{} is read-only, as it came from outside: read it through a const Array, or clone() it",
      name_of(dtype_), shape_text(shape_)));
}

std::string to_string(const Array& array, bool whole) {
  if (array.empty()) return "no array";
  constexpr std::int64_t shown = 16, edge = 6;
  std::string text = fmt::format("{} {} {{", name_of(array.dtype()), shape_text(array.shape()));
  for (std::int64_t i = 0; i < array.size(); ++i) {
    if (!whole && array.size() > shown && i == edge) {
      text += ", ...";
      i = array.size() - edge;
    }
    text += (i ? ", " : "") + element_text(array, i);
  }
  return text + "}";
}

}  // namespace bitale
