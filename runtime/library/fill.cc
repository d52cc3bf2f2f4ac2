#include "runtime/library/fill.h"

#include <algorithm>
#include <cstring>

#include <emmintrin.h>

#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"
#include "runtime/library/share.h"

namespace bitale::library {
namespace {

constexpr std::int64_t line = 64;

std::int64_t count_of(std::span<const std::int64_t> extents) {
  std::int64_t count = 1;
  for (const std::int64_t e : extents) count *= e;
  return count;
}

// The element repeated over 16 bytes.
__m128i pattern_of(std::int64_t bytes, std::int64_t bits) {
  std::uint8_t pattern[16];
  for (std::int64_t at = 0; at < 16; at += bytes) std::memcpy(pattern + at, &bits, static_cast<std::size_t>(bytes));
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(pattern));
}

// What no cache holds anyway is not read first: stores past the caches write whole lines.
void fill_lines(std::uint8_t* to, std::int64_t size, __m128i pattern, bool past_caches) {
  for (std::int64_t at = 0; at < size; at += line)
    for (std::int64_t part = 0; part < line; part += 16) {
      auto* here = reinterpret_cast<__m128i*>(to + at + part);
      past_caches ? _mm_stream_si128(here, pattern) : _mm_store_si128(here, pattern);
    }
  if (past_caches) _mm_sfence();
}

void fill_elements(std::uint8_t* to, std::int64_t size, __m128i pattern, std::int64_t bytes) {
  for (std::int64_t at = 0; at < size; at += bytes) std::memcpy(to + at, &pattern, static_cast<std::size_t>(bytes));
}

int fill(Context*, const Arguments& a) {
  const auto bytes = static_cast<std::int64_t>(size_of(static_cast<DType>(a.integers[0]))),
             size = count_of(a.extents) * bytes;
  const __m128i pattern = pattern_of(bytes, a.integers[1]);
  const Range part = share(size, a.thread, a.threads, line);
  std::uint8_t* to = static_cast<std::uint8_t*>(a.buffers[0]) + part.begin;
  const auto beyond = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(to) % line);
  const std::int64_t before = std::min(part.size(), (line - beyond) % line),
                     lines = (part.size() - before) / line * line;
  fill_elements(to, before, pattern, bytes);
  fill_lines(to + before, lines, pattern, size > cpu_info().l2_bytes);
  fill_elements(to + before + lines, part.size() - before - lines, pattern, bytes);
  return 0;
}

}  // namespace

LibraryFn find_fill(const std::string& name) { return name == "fill" ? fill : nullptr; }

double fill_work(std::span<const std::int64_t> extents) { return static_cast<double>(count_of(extents)); }

}  // namespace bitale::library
