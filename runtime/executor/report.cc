#include "runtime/executor/report.h"

#include <fmt/format.h>

#include "runtime/library/callback.h"
#include "runtime/library/matrices.h"

namespace bitale::executor {
namespace {

std::string reason(const Failure& f) {
  switch (f.code) {
    case static_cast<int>(ErrorCode::index_out_of_range):
      return fmt::format("index {} is out of range for an extent of {}", f.value, f.limit);
    case static_cast<int>(ErrorCode::failed_check):
      return f.detail.empty() ? fmt::format("a check failed (value {}, limit {})", f.value, f.limit) : f.detail;
    case static_cast<int>(ErrorCode::library):
      return fmt::format("the library call {} failed with status {}", f.detail, f.value);
    case static_cast<int>(ErrorCode::callback):
      return "the callback failed: " + library::callback_message(f.value);
    case static_cast<int>(ErrorCode::not_positive_definite):
    case static_cast<int>(ErrorCode::singular):
    case static_cast<int>(ErrorCode::rank_deficient):
    case static_cast<int>(ErrorCode::no_convergence):
    case static_cast<int>(ErrorCode::no_memory):
      return library::text_of({static_cast<ErrorCode>(f.code), f.value, f.limit, f.pivot, f.real});
    case not_finite:
      return fmt::format("element {} of the {} of '{}' is not finite", f.value, f.limit, f.detail);
    case not_as_defined:
      return f.detail;
    default:
      return fmt::format("error {} (value {}, limit {})", f.code, f.value, f.limit);
  }
}

}  // namespace

std::string about(const program::Step& step, const std::string& what) {
  std::string lines;
  for (const SourceLine& line : step.origins) lines += (lines.empty() ? ", computed at " : ", ") + to_string(line);
  return fmt::format("{}: {}{}", step.label.empty() ? "a step" : step.label, what, lines);
}

std::string failure_text(const Failure& f) { return about(*f.step->step, reason(f)); }

void no_memory(const program::Program& program, const std::string& what, const char* why) {
  throw Error(fmt::format("program '{}' has no memory for {}: {}", program.name, what, why));
}

std::int64_t constant_bytes(const Layout& layout) {
  std::int64_t bytes = 0;
  for (const Array& a : layout.constants) bytes += a.size();
  for (const Layout& body : layout.bodies) bytes += constant_bytes(body);
  return bytes;
}

}  // namespace bitale::executor
