#include "runtime/base/hash.h"

#include <new>

#include <fmt/format.h>
#include <xxhash.h>

namespace bitale {

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", words[0], words[1]); }

Hasher::Hasher() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_));
}

Hasher::~Hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

Hasher& Hasher::bytes(const void* data, std::size_t size) {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_), data, size);
  return *this;
}

Hasher& Hasher::text(std::string_view text) {
  return number(static_cast<std::int64_t>(text.size())).bytes(text.data(), text.size());
}

Hasher& Hasher::number(std::int64_t value) { return bytes(&value, sizeof value); }

Digest Hasher::digest() const {
  const XXH128_hash_t h = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_));
  return {{h.high64, h.low64}};
}

}  // namespace bitale
