// Element types of tensors.
//
// float16 and bfloat16 are only stored: no C++ type stands for them, nothing computes in them. Whoever reads one widens
// it to float32, and rounds once when it is written (float16.h). In graphs the pass `widen` sees to that.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "runtime/base/error.h"

namespace bitale {

enum class DType : std::uint8_t {
#define BITALE_DTYPE(id, type, text, kind) id,
#define BITALE_STORED_DTYPE(id, bits, text, kind, computed) id,
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
};
inline constexpr DType last_dtype = DType::bf16;

enum class DTypeKind : std::uint8_t { boolean, integer, floating };

std::size_t size_of(DType dtype);
std::string_view name_of(DType dtype);
DTypeKind kind_of(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);

// The dtype that elements are computed with as: float32 for the floats of 16 bits, else the dtype itself.
DType computed_as(DType dtype);
inline bool is_only_stored(DType d) { return computed_as(d) != d; }

inline bool is_floating(DType d) { return kind_of(d) == DTypeKind::floating; }
double largest_of(DType floating);  // finite value
double epsilon_of(DType floating);  // from 1 to the next value
inline bool is_integer(DType d) { return kind_of(d) == DTypeKind::integer; }

// The C++ types of elements that are computed with.
template <class T>
concept ElementType = false
#define BITALE_DTYPE(id, type, text, kind) || std::same_as<T, type>
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
    ;

template <class T>
constexpr DType dtype_of() {
#define BITALE_DTYPE(id, type, text, kind) \
  if constexpr (std::is_same_v<T, type>) return DType::id;
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
}

[[noreturn]] void refuse_dispatch(DType dtype);

// Calls f(std::type_identity<T>{}) with the C++ type of `dtype`; an InternalError for one that is only stored.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
#define BITALE_DTYPE(id, type, text, kind) \
  case DType::id:                          \
    return f(std::type_identity<type>{});
#define BITALE_STORED_DTYPE(id, bits, text, kind, computed) \
  case DType::id:                                           \
    break;
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
  }
  refuse_dispatch(dtype);
}

}  // namespace bitale
