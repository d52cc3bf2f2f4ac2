#include "runtime/base/dtype.h"

#include <iterator>
#include <limits>
#include <string>

namespace bitale {
namespace {

struct Row {
  std::string_view name;
  std::size_t size;
  DTypeKind kind;
  DType computed;
};

constexpr Row rows[] = {
#define BITALE_DTYPE(id, type, text, kind) {text, sizeof(type), DTypeKind::kind, DType::id},
#define BITALE_STORED_DTYPE(id, bits, text, kind, computed) {text, sizeof(bits), DTypeKind::kind, DType::computed},
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
};

static_assert(std::size(rows) == static_cast<std::size_t>(last_dtype) + 1);

const Row& row(DType dtype) {
  const auto i = static_cast<std::size_t>(dtype);
  if (i >= std::size(rows)) throw InternalError("dtype out of range");
  return rows[i];
}

}  // namespace

std::size_t size_of(DType dtype) { return row(dtype).size; }
std::string_view name_of(DType dtype) { return row(dtype).name; }
DTypeKind kind_of(DType dtype) { return row(dtype).kind; }
DType computed_as(DType dtype) { return row(dtype).computed; }

double largest_of(DType floating) {
  BITALE_ASSERT(is_floating(floating), std::string(name_of(floating)));
  switch (floating) {
    case DType::f16:
      return 65504;
    case DType::bf16:
      return 0x1.fep127;
    case DType::f32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

double epsilon_of(DType floating) {
  BITALE_ASSERT(is_floating(floating), std::string(name_of(floating)));
  switch (floating) {
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    case DType::f32:
      return std::numeric_limits<float>::epsilon();
    default:
      return std::numeric_limits<double>::epsilon();
  }
}

void refuse_dispatch(DType dtype) {
  throw InternalError("dispatch: nothing computes in " + std::string(name_of(dtype)));
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(rows); ++i)
    if (rows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace bitale
