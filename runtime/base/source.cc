#include "runtime/base/source.h"

#include <cstring>

namespace bitale {

bool SourceLine::operator==(const SourceLine& other) const {
  if (line != other.line) return false;
  if (file == other.file) return true;
  return file && other.file && std::strcmp(file, other.file) == 0;
}

std::string to_string(const SourceLine& line) {
  if (!line) return "unknown line";
  const char* slash = std::strrchr(line.file, '/');
  return std::string(slash ? slash + 1 : line.file) + ":" + std::to_string(line.line);
}

}  // namespace bitale
