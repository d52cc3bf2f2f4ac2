#include "runtime/library/scatter.h"

#include <cstring>
#include <type_traits>

#include "runtime/base/dtype.h"
#include "runtime/library/rows.h"

namespace bitale::library {
namespace {

struct Extents {
  std::int64_t outer, rows, inner, count;
};

template <class T>
void add_rows(const Extents& e, const std::int64_t* indices, const T* updates, T* out) {
  using Sum = std::conditional_t<
      std::is_integral_v<T>,
      std::make_unsigned_t<std::conditional_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, T, int>>, T>;
  for (std::int64_t o = 0; o < e.outer; ++o)
    for (std::int64_t k = 0; k < e.count; ++k) {
      T* to = out + (o * e.rows + row_of(indices[k], e.rows)) * e.inner;
      const T* from = updates + (o * e.count + k) * e.inner;
      for (std::int64_t i = 0; i < e.inner; ++i)
        to[i] = static_cast<T>(static_cast<Sum>(to[i]) + static_cast<Sum>(from[i]));  // integers wrap
    }
}

int scatter_add(Context* context, const Arguments& a) {
  const Extents e{a.extents[0], a.extents[1], a.extents[2], a.extents[3]};
  const auto dtype = static_cast<DType>(a.integers[0]);
  const auto* indices = static_cast<const std::int64_t*>(a.buffers[1]);
  if (e.outer * e.inner > 0)
    for (std::int64_t k = 0; k < e.count; ++k)
      if (row_of(indices[k], e.rows) < 0) return index_out_of_range(context, indices[k], e.rows);
  void* out = a.buffers[3];
  const auto bytes = static_cast<std::size_t>(e.outer * e.rows * e.inner) * size_of(dtype);
  if (out != a.buffers[0] && bytes > 0) std::memcpy(out, a.buffers[0], bytes);
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<T, bool>)
      add_rows(e, indices, static_cast<const T*>(a.buffers[2]), static_cast<T*>(out));
  });
  return 0;
}

}  // namespace

LibraryFn find_scatter(const std::string& name) { return name == "scatter_add" ? scatter_add : nullptr; }

}  // namespace bitale::library
