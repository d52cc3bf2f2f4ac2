// What bad use is told.
#pragma once

#include <functional>
#include <string>

#include "runtime/base/error.h"

namespace bitale::tests {

// The message of the Error that f throws; "no error" if it throws none.
inline std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace bitale::tests
