#include "tests/support/source_folder.h"

namespace bitale::tests {

std::filesystem::path source_folder() { return BITALE_SOURCE_DIR; }

}  // namespace bitale::tests
