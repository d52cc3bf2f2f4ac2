#include "models/data/tokens.h"

#include <cstdint>

#include "models/data/utf8.h"

namespace bitale::models {
namespace {

enum class Kind : std::uint8_t { gap, letter, digit, mark };

struct Symbol {
  char32_t code = ' ';
  Kind kind = Kind::gap;
};

struct Range {
  char32_t first, last;
  Kind kind;
};

// Beyond ASCII: what is not in this table is a letter.
constexpr Range ranges[] = {
    {0x80, 0xa0, Kind::gap},         // control characters, no-break space
    {0xa1, 0xa9, Kind::mark},        // Latin-1 marks, between ª, soft hyphen, µ and º
    {0xab, 0xac, Kind::mark},        //
    {0xad, 0xad, Kind::gap},         //
    {0xae, 0xb4, Kind::mark},        //
    {0xb6, 0xb9, Kind::mark},        //
    {0xbb, 0xbf, Kind::mark},        //
    {0xd7, 0xd7, Kind::mark},        // ×
    {0xf7, 0xf7, Kind::mark},        // ÷
    {0x2000, 0x200f, Kind::gap},     // spaces and directions
    {0x2010, 0x2027, Kind::mark},    // dashes, quotes, …
    {0x2028, 0x202f, Kind::gap},     // line ends, directions
    {0x2030, 0x205e, Kind::mark},    //
    {0x205f, 0x206f, Kind::gap},     //
    {0x20a0, 0x20cf, Kind::mark},    // currencies
    {0x2100, 0x2bff, Kind::mark},    // arrows, mathematics, boxes, pictures
    {0x3000, 0x3000, Kind::gap},     //
    {0x3001, 0x303f, Kind::mark},    //
    {0xe000, 0xf8ff, Kind::mark},    // private use
    {0xfe00, 0xfe0f, Kind::gap},     // variants of pictures
    {0xfeff, 0xfeff, Kind::gap},     // byte order
    {0x1f000, 0x1faff, Kind::mark},  // pictures
};

Kind kind_of(char32_t code) {
  if (code <= ' ' || code == 0x7f) return Kind::gap;
  if (code >= '0' && code <= '9') return Kind::digit;
  if (code < 0x80) return code >= 'a' && code <= 'z' ? Kind::letter : Kind::mark;
  for (const Range& range : ranges)
    if (code >= range.first && code <= range.last) return range.kind;
  return Kind::letter;
}

char32_t plain(char32_t code) {
  if (code == 0x2018 || code == 0x2019 || code == 0xb4) return '\'';
  if (code == 0x201c || code == 0x201d) return '"';
  const bool capital = (code >= 'A' && code <= 'Z') || (code >= 0xc0 && code <= 0xde && code != 0xd7);
  return capital ? code + ('a' - 'A') : code;
}

// The bytes of the mark of a line break that `text` starts with, or 0.
std::size_t break_mark(std::string_view text) {
  if (text.size() < 4 || text[0] != '<' || (text[1] | 0x20) != 'b' || (text[2] | 0x20) != 'r') return 0;
  std::size_t at = 3;
  while (at < text.size() && text[at] == ' ') ++at;
  if (at < text.size() && text[at] == '/') ++at;
  return at < text.size() && text[at] == '>' ? at + 1 : 0;
}

class Symbols {
 public:
  explicit Symbols(std::string_view text) {
    symbols_.reserve(text.size());
    while (!text.empty()) {
      std::size_t bytes = break_mark(text);
      if (bytes > 0) {
        symbols_.push_back({});
      } else {
        const Utf8Character character = first_character(text);
        const char32_t code = character.bytes > 0 ? plain(character.code) : U' ';
        symbols_.push_back({code, kind_of(code)});
        bytes = character.bytes > 0 ? character.bytes : 1;
      }
      text.remove_prefix(bytes);
    }
  }

  std::size_t size() const { return symbols_.size(); }
  Symbol at(std::size_t i) const { return i < size() ? symbols_[i] : Symbol{}; }
  bool is(std::size_t i, Kind kind) const { return at(i).kind == kind; }
  bool in_word(std::size_t i) const { return is(i, Kind::letter) || is(i, Kind::digit); }

  // One past the token that starts here, where no gap is.
  std::size_t token_end(std::size_t i) const {
    if (in_word(i)) return word_end(i);
    const char32_t code = at(i).code;
    if (code == '\'' && i > 0 && in_word(i - 1) && is(i + 1, Kind::letter)) return word_end(i + 1);
    std::size_t end = i + 1;
    if (code == '.' || code == '-')
      while (at(end).code == code) ++end;
    return end;
  }

 private:
  std::size_t word_end(std::size_t i) const {
    while (in_word(i) || joins(i)) ++i;
    return i;
  }

  // Whether the mark here, after a letter or digit, belongs to the word.
  bool joins(std::size_t i) const {
    const char32_t code = at(i).code;
    if (code == '-') return in_word(i + 1);
    return (code == '.' || code == ',') && is(i - 1, Kind::digit) && is(i + 1, Kind::digit);
  }

  std::vector<Symbol> symbols_;
};

}  // namespace

std::vector<std::string> tokenize(std::string_view text) {
  const Symbols symbols(text);
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < symbols.size();) {
    if (symbols.is(i, Kind::gap)) {
      ++i;
      continue;
    }
    std::string& token = tokens.emplace_back();
    for (const std::size_t end = symbols.token_end(i); i < end; ++i) append_character(token, symbols.at(i).code);
  }
  return tokens;
}

}  // namespace bitale::models
