#include "runtime/base/temporary_folder.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/format.h>
#include <stdlib.h>

#include "runtime/base/error.h"

namespace bitale {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string path = (fs::temp_directory_path() / "bitale-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr)
    throw Error(fmt::format("no temporary folder could be made at '{}': {}.", path, std::strerror(errno)));
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace bitale
