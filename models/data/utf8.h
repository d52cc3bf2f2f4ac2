// Characters of UTF-8 text that nobody vouches for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bitale::models {

struct Utf8Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: the text starts with no character
};

// The character that `text` starts with. Overlong forms, surrogates and what lies beyond U+10FFFF are none.
Utf8Character first_character(std::string_view text);

// The offset of the first byte that belongs to no character, or npos.
std::size_t find_malformed(std::string_view text);

void append_character(std::string& text, char32_t code);

}  // namespace bitale::models
