#include "runtime/library/scatter.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "runtime/base/dtype.h"
#include "runtime/library/rows.h"
#include "runtime/library/share.h"

namespace bitale::library {
namespace {

struct Extents {
  std::int64_t outer, rows, inner, count;
};

// The part of the result that one thread writes; all threads walk the updates in the same order.
struct Part {
  Range outer, rows, inner;
};

constexpr std::int64_t line_bytes = 64;

// By the outer extent if there is enough of it. Else by rows, so that each thread copies one piece of memory; but where
// updates are more work than the copy, by columns, which is even whatever the indices are.
template <class T>
Part part_of(const Extents& e, int thread, int threads) {
  Part part{{0, e.outer}, {0, e.rows}, {0, e.inner}};
  constexpr auto line = line_bytes / static_cast<std::int64_t>(sizeof(T));
  if (e.outer >= threads)
    part.outer = share(e.outer, thread, threads);
  else if (e.count > e.rows && e.inner >= line * threads)
    part.inner = share(e.inner, thread, threads, line);
  else
    part.rows = share(e.rows, thread, threads);
  return part;
}

template <class T>
void copy_part(const Extents& e, const Part& p, const T* x, T* out) {
  const bool whole_rows = p.inner.size() == e.inner;
  const std::int64_t length = whole_rows ? p.rows.size() * e.inner : p.inner.size();
  const std::int64_t pieces = whole_rows ? 1 : p.rows.size();
  if (x == out || length == 0) return;
  for (std::int64_t o = p.outer.begin; o < p.outer.end; ++o)
    for (std::int64_t k = 0; k < pieces; ++k) {
      const std::int64_t from = (o * e.rows + p.rows.begin + k) * e.inner + p.inner.begin;
      std::memcpy(out + from, x + from, static_cast<std::size_t>(length) * sizeof(T));
    }
}

constexpr std::int64_t ahead = 4, most_lines = 16;  // updates; of a row

// Rows lie anywhere, so that nothing else sees them coming.
template <class T>
void prefetch(const T* row, const Range& columns) {
  constexpr auto step = line_bytes / static_cast<std::int64_t>(sizeof(T));
  const std::int64_t last = std::min(columns.end, columns.begin + most_lines * step);
  for (std::int64_t i = columns.begin; i < last; i += step) __builtin_prefetch(row + i, 1);
}

enum class Write : std::uint8_t { add, set, max, min };

// Integers wrap; of max and min NaN wins and stays.
template <Write write, class T>
void put(T& to, T from) {
  if constexpr (write == Write::set) {
    to = from;
  } else if constexpr (write == Write::max) {
    if (from > to || from != from) to = from;
  } else if constexpr (write == Write::min) {
    if (from < to || from != from) to = from;
  } else if constexpr (std::is_floating_point_v<T>) {
    to += from;
  } else if constexpr (!std::is_same_v<T, bool>) {
    using Sum = std::make_unsigned_t<T>;
    to = static_cast<T>(static_cast<Sum>(to) + static_cast<Sum>(from));
  }
}

template <Write write, class T>
void put_row(T* __restrict to, const T* __restrict from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) put<write>(to[i], from[i]);
}

template <Write write, class T>
void put_part(const Extents& e, const Part& p, const std::int64_t* indices, const T* updates, T* out) {
  for (std::int64_t o = p.outer.begin; o < p.outer.end; ++o)
    for (std::int64_t k = 0; k < e.count; ++k) {
      if (k + ahead < e.count) prefetch(out + (o * e.rows + row_of(indices[k + ahead], e.rows)) * e.inner, p.inner);
      const std::int64_t row = row_of(indices[k], e.rows);
      if (row < p.rows.begin || row >= p.rows.end) continue;
      put_row<write>(out + (o * e.rows + row) * e.inner + p.inner.begin,
                     updates + (o * e.count + k) * e.inner + p.inner.begin, p.inner.size());
    }
}

template <Write write>
int scatter(Context* context, const Arguments& a) {
  const Extents e{a.extents[0], a.extents[1], a.extents[2], a.extents[3]};
  const auto* indices = static_cast<const std::int64_t*>(a.buffers[1]);
  if (e.outer * e.inner > 0)
    for (std::int64_t k = 0; k < e.count; ++k)
      if (row_of(indices[k], e.rows) < 0) return index_out_of_range(context, indices[k], e.rows);
  dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Part part = part_of<T>(e, a.thread, a.threads);
    const auto* updates = static_cast<const T*>(a.buffers[2]);
    auto* out = static_cast<T*>(a.buffers[3]);
    copy_part(e, part, static_cast<const T*>(a.buffers[0]), out);
    put_part<write>(e, part, indices, updates, out);
  });
  return 0;
}

}  // namespace

LibraryFn find_scatter(const std::string& name) {
  if (name == "scatter_add") return scatter<Write::add>;
  if (name == "scatter_set") return scatter<Write::set>;
  if (name == "scatter_max") return scatter<Write::max>;
  if (name == "scatter_min") return scatter<Write::min>;
  return nullptr;
}

double scatter_work(std::span<const std::int64_t> e) {
  return static_cast<double>(e[0]) * static_cast<double>(e[1] + e[3]) * static_cast<double>(e[2]);
}

}  // namespace bitale::library
