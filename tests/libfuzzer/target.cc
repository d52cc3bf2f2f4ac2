// The program of one reader for libFuzzer; BITALE_READER is its name (tests/fuzz/readers.h).
//
//   bitale_fuzz_program --seeds FOLDER     writes the seeds as files
//   bitale_fuzz_program [-flags] FOLDERS   libFuzzer: `./dev fuzz` calls it
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/readers.h"

using namespace bitale::tests;

namespace {

void write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const Bytes& bytes : reader_under_test(BITALE_READER).seeds())
    std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  std::printf("%d seeds in %s\n", number, folder.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  setenv("BITALE_LOG", "0", 1);  // every refused cache entry is a warning
  if (*argc == 3 && std::strcmp((*argv)[1], "--seeds") == 0) {
    write_seeds((*argv)[2]);
    std::exit(0);
  }
  return 0;
}

// What is thrown here ends the process: a fault that libFuzzer keeps.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ReaderUnderTest& reader = reader_under_test(BITALE_READER);
  reader.read({data, size});
  return 0;
}
