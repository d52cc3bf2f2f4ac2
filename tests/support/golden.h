// Texts that are kept in tests/golden and compared with what a test produces.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/source_folder.h"

namespace bitale::tests {

// The text of tests/golden/<name>, or a sentence that says it is missing. With BITALE_UPDATE_GOLDEN=1 the file is first
// written with `produced`.
inline std::string golden(const std::string& name, const std::string& produced) {
  const std::filesystem::path path = source_folder() / "tests/golden" / name;
  const char* update = std::getenv("BITALE_UPDATE_GOLDEN");
  if (update && std::string(update) == "1") std::ofstream(path, std::ios::binary) << produced;
  std::ifstream file(path, std::ios::binary);
  if (!file) return "there is no tests/golden/" + name + "; BITALE_UPDATE_GOLDEN=1 writes it";
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace bitale::tests
