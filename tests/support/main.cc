#define CATCH_CONFIG_RUNNER
#include <stdlib.h>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

// Tests start with an empty cache of their own and leave the user's alone.
int main(int argc, char** argv) {
  const bitale::tests::TempFolder cache;
  if (getenv("BITALE_CACHE") == nullptr) setenv("BITALE_CACHE", cache.path().c_str(), 1);
  return Catch::Session().run(argc, argv);
}
