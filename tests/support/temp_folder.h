#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "runtime/base/temporary_folder.h"

namespace bitale::tests {

class TempFolder : public TemporaryFolder {
 public:
  // Writes a file, and the folders to it; returns its path.
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path file = path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file;
  }
};

}  // namespace bitale::tests
