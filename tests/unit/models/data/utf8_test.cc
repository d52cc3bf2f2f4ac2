#include "models/data/utf8.h"

#include "tests/support/catch.h"

using namespace bitale::models;

TEST_CASE("characters of every size are read and written") {
  for (const char32_t code :
       {U'\0', U'a', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xd7ff', U'\xe000', U'\xffff', U'\x10000', U'\x10ffff'}) {
    std::string text;
    append_character(text, code);
    const Utf8Character read = first_character(text + "x");
    INFO(static_cast<std::uint32_t>(code));
    CHECK(read.code == code);
    CHECK(read.bytes == text.size());
    CHECK(find_malformed(text) == std::string_view::npos);
  }
  std::string text;
  append_character(text, U'é');
  append_character(text, U'…');
  CHECK(text == "é…");
}

TEST_CASE("what is no UTF-8 is found where it is") {
  CHECK(find_malformed("") == std::string_view::npos);
  CHECK(find_malformed("caf\xe9") == 3);           // Latin-1
  CHECK(find_malformed("a\x80") == 1);             // continues nothing
  CHECK(find_malformed("\xc0\x80") == 0);          // overlong
  CHECK(find_malformed("\xe0\x80\x80") == 0);      // overlong
  CHECK(find_malformed("é\xed\xa0\x80") == 2);     // a surrogate
  CHECK(find_malformed("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(find_malformed("\xff") == 0);
  CHECK(find_malformed("ok\xe2\x80") == 2);  // cut off
}
