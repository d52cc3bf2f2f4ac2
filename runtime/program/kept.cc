#include "runtime/program/kept.h"

#include <fmt/format.h>

#include "runtime/program/groups.h"

namespace bitale::program {

std::string why_not_kept(const Program& program, int buffer) {
  const Buffer& root =
      program.buffers[static_cast<std::size_t>(Groups(program).root[static_cast<std::size_t>(buffer)])];
  if (root.role == Role::constant) return "";
  if (root.role != Role::shared) return fmt::format("'{}' is neither a Shared nor a constant", root.name);
  for (const Buffer& b : program.buffers)
    if (b.role == Role::update && b.index == root.index)
      return fmt::format("'{}' is a Shared that the program updates", root.name);
  return "";
}

}  // namespace bitale::program
