#include "compiler/driver/dump.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "runtime/base/flags.h"
#include "runtime/base/log.h"

namespace bitale::driver {

void dump(const std::string& function, const std::string& stage, const std::string& text) {
  if (flags().dump.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(flags().dump, ignored);
  std::ofstream file(flags().dump + "/" + function + "." + stage + ".txt");
  file << text;
  if (!file) warn("cannot write a dump to " + flags().dump);
}

}  // namespace bitale::driver
