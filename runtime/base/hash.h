// Hashing: 64 bits for tables, 128 bits for identities on disk. Values are stable across processes and machines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bitale {

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0);

inline std::uint64_t hash_combine(std::uint64_t a, std::uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15ull + (a << 12) + (a >> 4);
  return a * 0xff51afd7ed558ccdull;
}

inline std::uint64_t hash_text(std::string_view text) { return hash_bytes(text.data(), text.size()); }

struct Digest {
  std::array<std::uint64_t, 2> words{};
  auto operator<=>(const Digest&) const = default;
  std::string hex() const;
};

// 128-bit content hash (XXH3), fed in pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& bytes(const void* data, std::size_t size);
  Hasher& text(std::string_view text);  // with its length, so that pieces cannot run into each other
  Hasher& number(std::int64_t value);
  Digest digest() const;

 private:
  void* state_;
};

}  // namespace bitale
