// What the rules of a Program are checked with.
#pragma once

#include <utility>

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace bitale::program {

template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw InternalError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace bitale::program
