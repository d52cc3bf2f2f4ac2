#include "runtime/library/sort.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>

#include "runtime/base/dtype.h"
#include "runtime/library/share.h"

namespace bitale::library {
namespace {

// Unsigned integers in the order of the values: -0 equals 0, and all NaN are one value above the others.
template <class T>
auto key_of(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits sign = Bits{1} << (sizeof(T) * 8 - 1);
    if (v != v) return std::numeric_limits<Bits>::max();
    const auto bits = std::bit_cast<Bits>(v + T{0});  // -0 + 0 is 0
    return static_cast<Bits>((bits & sign) != 0 ? ~bits : bits | sign);
  } else if constexpr (std::is_same_v<T, bool>) {
    return static_cast<std::uint8_t>(v);
  } else {
    using Bits = std::make_unsigned_t<T>;
    constexpr Bits sign = std::is_signed_v<T> ? static_cast<Bits>(Bits{1} << (sizeof(T) * 8 - 1)) : Bits{0};
    return static_cast<Bits>(static_cast<Bits>(v) ^ sign);
  }
}

// A key with its position, which decides among equal keys: the order is a total one, so that any sort is stable.
struct WideEntry {
  std::uint64_t key;
  std::int64_t place;

  WideEntry() = default;
  WideEntry(std::uint64_t k, std::int64_t p) : key(k), place(p) {}
  std::int64_t position() const { return place; }
  bool operator<(const WideEntry& o) const { return key != o.key ? key < o.key : place < o.place; }
};
struct NarrowEntry {  // keys and positions below 2^32
  std::uint64_t bits;

  NarrowEntry() = default;
  NarrowEntry(std::uint64_t k, std::int64_t p) : bits(k << 32 | static_cast<std::uint64_t>(p)) {}
  std::int64_t position() const { return static_cast<std::int64_t>(bits & 0xFFFFFFFF); }
  bool operator<(const NarrowEntry& o) const { return bits < o.bits; }
};

struct SortExtents {
  std::int64_t outer, n, inner, count;
};

template <class Entry, class T>
int sort_rows(Context* context, const SortExtents& e, bool descending, Range rows, const T* x, std::int64_t* out) {
  if (rows.size() == 0 || e.count == 0) return 0;
  const std::unique_ptr<Entry[]> row(new (std::nothrow) Entry[static_cast<std::size_t>(e.n)]);
  if (!row) {
    context->error_value = ENOMEM;
    return context->error = static_cast<std::int32_t>(ErrorCode::library);
  }
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    const std::int64_t o = r / e.inner, i = r % e.inner;
    for (std::int64_t k = 0; k < e.n; ++k) {
      auto key = key_of(x[(o * e.n + k) * e.inner + i]);
      if (descending) key = static_cast<decltype(key)>(~key);
      row[static_cast<std::size_t>(k)] = Entry(key, k);
    }
    Entry *begin = row.get(), *middle = begin + e.count, *end = begin + e.n;
    if (middle != end) std::nth_element(begin, middle, end);
    std::sort(begin, middle);
    for (std::int64_t k = 0; k < e.count; ++k) out[(o * e.count + k) * e.inner + i] = begin[k].position();
  }
  return 0;
}

int argsort(Context* context, const Arguments& a) {
  const SortExtents e{a.extents[0], a.extents[1], a.extents[2], a.extents[3]};
  const Range rows = share(e.outer * e.inner, a.thread, a.threads);
  auto* out = static_cast<std::int64_t*>(a.buffers[1]);
  return dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto* x = static_cast<const T*>(a.buffers[0]);
    if constexpr (sizeof(T) <= 4)
      if (e.n <= std::int64_t{1} << 32) return sort_rows<NarrowEntry>(context, e, a.integers[1] != 0, rows, x, out);
    return sort_rows<WideEntry>(context, e, a.integers[1] != 0, rows, x, out);
  });
}

int searchsorted(Context*, const Arguments& a) {
  const std::int64_t n = a.extents[1], count = a.extents[2];
  const bool right = a.integers[1] != 0;
  const Range values = share(a.extents[0] * count, a.thread, a.threads);
  auto* out = static_cast<std::int64_t*>(a.buffers[2]);
  dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto* sorted = static_cast<const T*>(a.buffers[0]);
    const auto* wanted = static_cast<const T*>(a.buffers[1]);
    for (std::int64_t k = values.begin; k < values.end; ++k) {
      const T *begin = sorted + k / count * n, *end = begin + n;
      const auto key = key_of(wanted[k]);
      const T* place =
          std::partition_point(begin, end, [&](T v) { return right ? key_of(v) <= key : key_of(v) < key; });
      out[k] = place - begin;
    }
  });
  return 0;
}

}  // namespace

LibraryFn find_sort(const std::string& name) {
  return name == "argsort" ? argsort : name == "searchsorted" ? searchsorted : nullptr;
}

double sort_work(const std::string& name, std::span<const std::int64_t> e) {
  const double steps = std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(e[1], 1)));
  if (name == "searchsorted") return static_cast<double>(e[0]) * static_cast<double>(e[2]) * steps;
  return static_cast<double>(e[0]) * static_cast<double>(e[2]) * static_cast<double>(e[1]) * steps;
}

}  // namespace bitale::library
