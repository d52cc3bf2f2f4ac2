#include "runtime/program/subject.h"

#include <fmt/format.h>

#include "runtime/program/code_rules.h"
#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

std::string Subject::name(int b) const { return fmt::format("buffer %{} '{}'", b, program.buffers[at(b)].name); }

void Subject::slot(std::int64_t s, const char* what) const {
  require(s >= 0 && at(s) < program.extents.size(), "{} is extent {}, which does not exist", what, s);
}

void Subject::fixed(std::int64_t s, const char* what) const {
  slot(s, what);
  require(!varying.iteration[at(s)], "{} is extent {}, which changes with the iteration", what, s);
  require(varying.blocked[at(s)] == 0 || varying.blocked[at(s)] == tile, "{} is extent {}, which changes with a tile",
          what, s);
}

void Subject::fixed_or_zero(int s, const char* what) const {
  if (s != -1) fixed(s, what);
}

void Subject::buffer(int b, const char* what) const {
  require(b >= 0 && at(b) < program.buffers.size(), "{} is buffer {}, which does not exist", what, b);
}

void StepSubject::begin() {
  defined.resize(program.buffers.size());
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    if (root(static_cast<int>(i)) != static_cast<int>(i)) continue;
    const Role role = program.buffers[i].role;
    defined[i] = role == Role::input || role == Role::shared || role == Role::constant || role == Role::workspace ||
                 program.buffers[i].keep;
  }
  for (const int b : place.defined_outputs) defined[at(root(b))] = true;
}

void StepSubject::reads(int b, const char* what) const {
  buffer(b, what);
  require(defined[at(root(b))], "{} of step '{}' reads {} before it is written", what, label, name(b));
}

void StepSubject::writes(int b, const char* what) {
  buffer(b, what);
  const int r = root(b);
  const Role role = program.buffers[at(r)].role;
  const bool writable =
      role != Role::shared && role != Role::constant && (role != Role::input || place.writable_inputs.count(r));
  require(writable, "{} of step '{}' writes {}, which is not its to write", what, label, name(b));
  written.push_back(r);
}

void StepSubject::entry(int e, const char* what) const {
  require(e >= 0 && at(e) < place.outermost->entries.size(), "{} of step '{}' is entry {}, which does not exist", what,
          label, e);
}

void StepSubject::launched(int e, std::size_t extents, const char* what) const {
  entry(e, what);
  check_launches(*place.outermost, e, extents, label);
}

void StepSubject::scalar(int b, DType type, const char* what) const {
  require(program.buffers[at(b)].storage == type && program.buffers[at(b)].dims.empty(),
          "{} of step '{}', {}, is not a {} scalar", what, label, name(b), name_of(type));
}

}  // namespace bitale::program
