#include "models/data/utf8.h"

namespace bitale::models {
namespace {

constexpr std::size_t max_bytes = 4;
constexpr int payload_bits = 6;  // of a byte that continues a character
constexpr char32_t first_of_size[max_bytes + 1] = {0, 0, 0x80, 0x800,
                                                   0x10000};  // the least code that takes so many bytes

// How many bytes a character has that starts with this one; 0: none does.
std::size_t size_by_first(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  if (byte < 0xe0) return 2;
  if (byte < 0xf0) return 3;
  return byte < 0xf8 ? 4 : 0;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = size_by_first(first);
  if (bytes <= 1) return {first, bytes};
  if (bytes > text.size()) return {};
  char32_t code = first & (0x7f >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << payload_bits | (next & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < first_of_size[bytes] || surrogate || code > 0x10ffff) return {};
  return {code, bytes};
}

std::size_t find_malformed(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = first_character(text.substr(at)).bytes;
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

void append_character(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  std::size_t bytes = 2;
  while (bytes < max_bytes && code >= first_of_size[bytes + 1]) ++bytes;
  const unsigned char lead = static_cast<unsigned char>(0xf00 >> bytes);  // as many ones as there are bytes
  for (std::size_t i = bytes; i-- > 0;) {
    const char32_t bits = code >> (payload_bits * i);
    text += static_cast<char>(i + 1 == bytes ? lead | bits : 0x80 | (bits & 0x3f));
  }
}

}  // namespace bitale::models
