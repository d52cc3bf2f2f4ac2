#include "runtime/library/cumulative.h"

#include <cstring>
#include <type_traits>

#include "runtime/base/dtype.h"

namespace bitale::library {
namespace {

// The rows of one slab [n, inner], in the order in which they depend on each other.
struct Walk {
  std::int64_t outer, n, inner;
  bool reverse;

  std::int64_t row(std::int64_t o, std::int64_t k) const { return (o * n + (reverse ? n - 1 - k : k)) * inner; }
};

// Integers wrap.
template <class T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, std::make_unsigned<T>,
                                             std::type_identity<T>>::type;

template <class T>
T add(T a, T b) {
  using W = Wrapping<T>;
  return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
}

template <class T>
T multiply(T a, T b) {
  using W = std::conditional_t<(std::is_integral_v<T> && sizeof(T) < sizeof(int)), unsigned, Wrapping<T>>;
  return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
}

// out[0] = start(0); out[k] = step(out[k-1], position of k). `step` gets the earlier value and the element's offset.
template <class T, class Start, class Step>
void run(const Walk& w, T* out, Start start, Step step) {
  for (std::int64_t o = 0; o < w.outer; ++o) {
    if (w.inner == 1) {  // the running value stays in a register
      T value = start(w.row(o, 0));
      out[w.row(o, 0)] = value;
      for (std::int64_t k = 1; k < w.n; ++k) {
        const std::int64_t at = w.row(o, k);
        out[at] = value = step(value, at);
      }
      continue;
    }
    const std::int64_t first = w.row(o, 0);
    for (std::int64_t i = 0; i < w.inner; ++i) out[first + i] = start(first + i);
    for (std::int64_t k = 1; k < w.n; ++k) {
      const T* before = out + w.row(o, k - 1);
      const std::int64_t at = w.row(o, k);
      for (std::int64_t i = 0; i < w.inner; ++i) out[at + i] = step(before[i], at + i);
    }
  }
}

template <class T>
void accumulate(const Walk& w, Cumulative kind, const T* x, T* out) {
  const auto start = [x](std::int64_t at) { return x[at]; };
  switch (kind) {
    case Cumulative::sum:
      return run(w, out, start, [x](T before, std::int64_t at) { return add(before, x[at]); });
    case Cumulative::prod:
      return run(w, out, start, [x](T before, std::int64_t at) { return multiply(before, x[at]); });
    // NaN stays: no comparison with it is true, and one that comes is taken.
    case Cumulative::max:
      return run(w, out, start,
                 [x](T before, std::int64_t at) { return x[at] > before || x[at] != x[at] ? x[at] : before; });
    case Cumulative::min:
      return run(w, out, start,
                 [x](T before, std::int64_t at) { return x[at] < before || x[at] != x[at] ? x[at] : before; });
  }
}

Walk walk_of(const Arguments& a, bool reverse) { return {a.extents[0], a.extents[1], a.extents[2], reverse}; }

bool is_empty(const Walk& w) { return w.outer == 0 || w.n == 0 || w.inner == 0; }

int cumulative(Context*, const Arguments& a) {
  const Walk w = walk_of(a, a.integers[2] != 0);
  if (is_empty(w)) return 0;
  dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<T, bool>)
      accumulate(w, static_cast<Cumulative>(a.integers[1]), static_cast<const T*>(a.buffers[0]),
                 static_cast<T*>(a.buffers[1]));
  });
  return 0;
}

int linear_recurrence(Context*, const Arguments& args) {
  const Walk w = walk_of(args, args.integers[1] != 0);
  if (is_empty(w)) return 0;
  dispatch(static_cast<DType>(args.integers[0]), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T* a = static_cast<const T*>(args.buffers[0]);
      const T* b = static_cast<const T*>(args.buffers[1]);
      run(
          w, static_cast<T*>(args.buffers[2]), [b](std::int64_t at) { return b[at]; },
          [a, b](T before, std::int64_t at) { return a[at] * before + b[at]; });
    }
  });
  return 0;
}

}  // namespace

LibraryFn find_cumulative(const std::string& name) {
  if (name == "cumulative") return cumulative;
  return name == "linear_recurrence" ? linear_recurrence : nullptr;
}

}  // namespace bitale::library
