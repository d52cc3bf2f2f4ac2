#include "runtime/base/dtype.h"

namespace bitale {
namespace {

struct Row {
  std::string_view name;
  std::size_t size;
  DTypeKind kind;
};

constexpr Row rows[] = {
#define BITALE_DTYPE(id, type, text, kind) {text, sizeof(type), DTypeKind::kind},
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
};

const Row& row(DType dtype) {
  const auto i = static_cast<std::size_t>(dtype);
  if (i >= std::size(rows)) throw InternalError("dtype out of range");
  return rows[i];
}

}  // namespace

std::size_t size_of(DType dtype) { return row(dtype).size; }
std::string_view name_of(DType dtype) { return row(dtype).name; }
DTypeKind kind_of(DType dtype) { return row(dtype).kind; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(rows); ++i)
    if (rows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace bitale
