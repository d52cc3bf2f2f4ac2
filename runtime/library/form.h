// What a library call must look like. A Program from outside may name any buffers and extents, so calls are checked
// when it is placed, before anything is read or written.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runtime/base/dtype.h"

namespace bitale::library {

struct CallForm {
  struct Buffer {
    DType storage = DType::f32;
    std::int64_t elements = 0;
    bool written = false;
  };
  std::span<const Buffer> buffers;
  std::span<const std::int64_t> extents, integers;
  std::span<const double> reals;
};

// Error if the call of a function that library.h lists has another number of buffers, extents or numbers than it takes,
// a buffer of another dtype or size than its extents say, or one that it writes among those that are only read.
void check_form(const std::string& function, const CallForm& form);

}  // namespace bitale::library
