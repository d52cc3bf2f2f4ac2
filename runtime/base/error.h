// The two kinds of failure, told apart by type.
//
// Error: the user's program, data or machine is at fault; the message says what was given, where it was made and what
// was expected. InternalError: an invariant of Bitale is broken; the message carries the IR at hand. Nothing else is
// thrown.
#pragma once

#include <stdexcept>
#include <string>

namespace bitale {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void throw_internal(const char* condition, const char* file, int line, const std::string& detail);

// Checks an invariant. The second argument is evaluated only on failure.
#define BITALE_ASSERT(condition, detail) \
  ((condition) ? void(0) : ::bitale::throw_internal(#condition, __FILE__, __LINE__, detail))

}  // namespace bitale
