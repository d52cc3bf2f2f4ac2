// Where in the user's program something was made.
#pragma once

#include <source_location>
#include <string>

namespace bitale {

// A source position. The strings have static storage (they come from std::source_location) or are interned.
struct SourceLine {
  const char* file = nullptr;
  unsigned line = 0;

  SourceLine() = default;
  SourceLine(const char* f, unsigned l) : file(f), line(l) {}
  SourceLine(const std::source_location& at) : file(at.file_name()), line(at.line()) {}  // NOLINT: implicit by design

  explicit operator bool() const { return file != nullptr; }
  bool operator==(const SourceLine& other) const;
};

// "model.cc:12", with the directories dropped; "unknown line" if it is empty.
std::string to_string(const SourceLine& line);

}  // namespace bitale
