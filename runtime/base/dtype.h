// Element types of tensors.
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
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
};

enum class DTypeKind : std::uint8_t { boolean, integer, floating };

std::size_t size_of(DType dtype);
std::string_view name_of(DType dtype);
DTypeKind kind_of(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);

inline bool is_floating(DType d) { return kind_of(d) == DTypeKind::floating; }
inline bool is_integer(DType d) { return kind_of(d) == DTypeKind::integer; }

// The C++ types of elements.
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

// Calls f(std::type_identity<T>{}) with the C++ type of `dtype`.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
#define BITALE_DTYPE(id, type, text, kind) \
  case DType::id:                          \
    return f(std::type_identity<type>{});
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
  }
  throw InternalError("dispatch: dtype out of range");
}

}  // namespace bitale
