#include "runtime/program/groups.h"

#include "runtime/base/error.h"

namespace bitale::program {
namespace {

bool outlives_call(Role role) { return role == Role::output || role == Role::update; }

bool is_arithmetic(ExtentOp op) { return op >= ExtentOp::add; }

}  // namespace

Groups::Groups(const Program& program) {
  const std::size_t n = program.buffers.size();
  for (std::size_t i = 0; i < n; ++i) {
    int r = static_cast<int>(i);
    while (program.buffers[static_cast<std::size_t>(r)].alias_of >= 0)
      r = program.buffers[static_cast<std::size_t>(r)].alias_of;
    root.push_back(r);
    role.push_back(program.buffers[static_cast<std::size_t>(r)].role);
  }
  for (std::size_t i = 0; i < n; ++i) {
    Role& owner = role[static_cast<std::size_t>(root[i])];
    if (owner == Role::temporary && outlives_call(program.buffers[i].role)) owner = program.buffers[i].role;
  }
  for (std::size_t i = 0; i < n; ++i) role[i] = role[static_cast<std::size_t>(root[i])];
}

Varying varying_extents(const Program& program, const Varying* outer) {
  Varying v;
  const std::size_t n = program.extents.size();
  v.iteration.resize(n);
  v.blocked.resize(n);
  int number = 0;
  for (const Step& step : program.steps)
    if (const auto* b = std::get_if<BlockedStep>(&step.node)) {
      ++number;
      v.blocked[static_cast<std::size_t>(b->begin)] = v.blocked[static_cast<std::size_t>(b->size)] = number;
    }
  for (std::size_t i = 0; i < n; ++i) {
    const ExtentDef& e = program.extents[i];
    if (e.op == ExtentOp::iteration) v.iteration[i] = true;
    if (e.op == ExtentOp::outer && outer) v.iteration[i] = outer->iteration[static_cast<std::size_t>(e.a)];
    if (!is_arithmetic(e.op)) continue;
    for (const std::int64_t operand : {e.a, e.b}) {
      const auto o = static_cast<std::size_t>(operand);
      if (v.iteration[o]) v.iteration[i] = true;
      if (v.blocked[o] == 0 || v.blocked[o] == v.blocked[i]) continue;
      BITALE_ASSERT(v.blocked[i] == 0, "extent " + std::to_string(i) + " depends on the tiles of two blocked steps");
      v.blocked[i] = v.blocked[o];
    }
  }
  return v;
}

}  // namespace bitale::program
