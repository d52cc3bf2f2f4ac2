#include "models/data/idx.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::uint32_t unsigned_bytes = 0x08;

std::uint32_t big_endian(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(text[at + i]);
  return value;
}

}  // namespace

Idx parse_idx(std::string_view text, std::size_t rank, const std::string& name) {
  const std::size_t header = 4 + 4 * rank;
  if (text.size() < header) {
    throw Error(fmt::format("'{}' is too short for an IDX file: its header has {} bytes, the file {}.", name, header,
                            text.size()));
  }
  const std::uint32_t magic = big_endian(text, 0);
  const std::uint32_t expected = unsigned_bytes << 8 | static_cast<std::uint32_t>(rank);
  if (magic != expected) {
    throw Error(fmt::format("'{}' starts with {:#010x}; an IDX file of bytes with {} extents starts with {:#010x}.",
                            name, magic, rank, expected));
  }

  Idx idx;
  idx.bytes = text.substr(header);
  // Counting stops one past what there is, so that no extents overflow it.
  std::uint64_t count = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    idx.extents.push_back(big_endian(text, 4 + 4 * i));
    count = std::min<std::uint64_t>(count * idx.extents.back(), idx.bytes.size() + 1);
  }
  if (count != idx.bytes.size()) {
    throw Error(fmt::format("'{}' has {} bytes after its header; its extents [{}] say {}.", name, idx.bytes.size(),
                            fmt::join(idx.extents, ", "), count > idx.bytes.size() ? "more" : std::to_string(count)));
  }
  return idx;
}

}  // namespace bitale::models
