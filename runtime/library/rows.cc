#include "runtime/library/rows.h"

#include <type_traits>

#include "runtime/base/dtype.h"

namespace bitale::library {
namespace {

int checked_rows(Context* context, const Arguments& a) {
  const std::int64_t rows = a.extents[0], count = a.extents[1];
  const bool from_end = a.integers[1] != 0;
  auto* out = static_cast<std::int64_t*>(a.buffers[1]);
  return dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      const auto* indices = static_cast<const T*>(a.buffers[0]);
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t index{indices[k]};
        const std::int64_t row = index < 0 && !from_end ? -1 : row_of(index, rows);
        if (row < 0) return index_out_of_range(context, index, rows);
        out[k] = row;
      }
    }
    return 0;
  });
}

}  // namespace

int index_out_of_range(Context* context, std::int64_t index, std::int64_t rows) {
  context->error = static_cast<std::int32_t>(ErrorCode::index_out_of_range);
  context->error_value = index;
  context->error_limit = rows;
  return context->error;
}

LibraryFn find_rows(const std::string& name) { return name == "checked_rows" ? checked_rows : nullptr; }

}  // namespace bitale::library
