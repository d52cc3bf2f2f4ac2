#include "runtime/program/format.h"

#include <cstring>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/program/abi.h"

namespace bitale::program {
namespace {

constexpr char magic[8] = {'B', 'I', 'T', 'A', 'L', 'E', 'P', '\n'};

struct Header {
  char magic[8];
  std::uint32_t format;
  std::int32_t abi;
  std::uint64_t length;
  std::uint64_t hash[2];
};
static_assert(sizeof(Header) == 40);

Digest digest_of(std::span<const std::uint8_t> payload) {
  return Hasher().bytes(payload.data(), payload.size()).digest();
}

}  // namespace

std::vector<std::uint8_t> seal(std::span<const std::uint8_t> payload) {
  const Digest digest = digest_of(payload);
  Header h{{}, format_version, abi_version, payload.size(), {digest.words[0], digest.words[1]}};
  std::memcpy(h.magic, magic, sizeof magic);
  std::vector<std::uint8_t> bytes(sizeof h + payload.size());
  std::memcpy(bytes.data(), &h, sizeof h);
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof h, payload.data(), payload.size());
  return bytes;
}

std::span<const std::uint8_t> unseal(std::span<const std::uint8_t> bytes, const std::string& origin) {
  Header h;
  if (bytes.size() < sizeof h)
    throw Error(fmt::format("{}: {} bytes are too few for a saved program", origin, bytes.size()));
  std::memcpy(&h, bytes.data(), sizeof h);
  if (std::memcmp(h.magic, magic, sizeof magic) != 0) throw Error(origin + ": this is not a saved program");
  if (h.format != format_version)
    throw Error(fmt::format("{}: saved in format {}, and this version of Bitale reads format {}", origin, h.format,
                            format_version));
  if (h.abi != abi_version)
    throw Error(fmt::format("{}: its code follows binary interface {}, and this version of Bitale has {}", origin,
                            h.abi, abi_version));
  const std::span<const std::uint8_t> payload = bytes.subspan(sizeof h);
  if (h.length != payload.size())
    throw Error(
        fmt::format("{}: truncated or extended: {} bytes of content, expected {}", origin, payload.size(), h.length));
  if (digest_of(payload).words != std::array{h.hash[0], h.hash[1]})
    throw Error(origin + ": corrupt, its hash does not match");
  return payload;
}

}  // namespace bitale::program
