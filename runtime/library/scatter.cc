#include "runtime/library/scatter.h"

#include <cstring>
#include <type_traits>

#include "runtime/base/dtype.h"

namespace bitale::library {
namespace {

struct Extents4 {
  std::int64_t outer, rows, inner, count;
};

// Integers wrap.
template <class T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else return a + b;
}

template <class T>
void add_rows(const Extents4& e, const std::int64_t* indices, const T* updates, T* out) {
  for (std::int64_t o = 0; o < e.outer; ++o)
    for (std::int64_t k = 0; k < e.count; ++k) {
      const std::int64_t row = indices[k] < 0 ? indices[k] + e.rows : indices[k];
      if (row < 0 || row >= e.rows) continue;
      T* to = out + (o * e.rows + row) * e.inner;
      const T* from = updates + (o * e.count + k) * e.inner;
      for (std::int64_t i = 0; i < e.inner; ++i) to[i] = sum(to[i], from[i]);
    }
}

// The first index outside sets the error word; the others are carried out.
int check_indices(Context* context, const Extents4& e, const std::int64_t* indices) {
  for (std::int64_t k = 0; k < e.count; ++k) {
    if (indices[k] >= -e.rows && indices[k] < e.rows) continue;
    context->error = static_cast<int>(ErrorCode::index_out_of_range);
    context->error_value = indices[k];
    context->error_limit = e.rows;
    return context->error;
  }
  return 0;
}

int scatter_add(Context* context, const Arguments& x) {
  if (x.buffers.size() != 4 || x.extents.size() != 4 || x.integers.size() != 1) return static_cast<int>(ErrorCode::library);
  const Extents4 e{x.extents[0], x.extents[1], x.extents[2], x.extents[3]};
  const auto* indices = static_cast<const std::int64_t*>(x.buffers[1]);
  dispatch(static_cast<DType>(x.integers[0]), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!std::is_same_v<T, bool>) {
      const auto bytes = static_cast<std::size_t>(e.outer * e.rows * e.inner) * sizeof(T);
      if (x.buffers[3] != x.buffers[0] && bytes > 0) std::memcpy(x.buffers[3], x.buffers[0], bytes);
      add_rows(e, indices, static_cast<const T*>(x.buffers[2]), static_cast<T*>(x.buffers[3]));
    }
  });
  return check_indices(context, e, indices);
}

}  // namespace

LibraryFn find_scatter(const std::string& name) { return name == "scatter_add" ? &scatter_add : nullptr; }

}  // namespace bitale::library
