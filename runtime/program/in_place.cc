#include "runtime/program/in_place.h"

#include <algorithm>

#include <fmt/format.h>

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Kernels only compute, contractions and copies too; everything else checks data, or holds steps that may.
bool can_fail(const Step& step) {
  return !std::holds_alternative<KernelStep>(step.node) && !std::holds_alternative<ContractionStep>(step.node) &&
         !std::holds_alternative<CopyStep>(step.node);
}

bool touches(const Groups& groups, const Step& step, int root) {
  bool found = false;
  for_each_buffer(step, [&](int b, bool) { found = found || groups.root[at(b)] == root; });
  return found;
}

int first_of(const Program& program, const Groups& groups, int root) {
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    if (touches(groups, program.steps[i], root)) return static_cast<int>(i);
  return -1;
}

}  // namespace

int first_step_of(const Program& program, int buffer) {
  const Groups groups(program);
  return first_of(program, groups, groups.root[at(buffer)]);
}

int buffer_of_shared(const Program& program, int shared) {
  for (std::size_t i = 0; i < program.buffers.size(); ++i)
    if (program.buffers[i].role == Role::shared && program.buffers[i].index == shared) return static_cast<int>(i);
  return -1;
}

std::string why_not_in_place(const Program& program, int update) {
  const Buffer& u = program.buffers[at(update)];
  const int shared = buffer_of_shared(program, u.index);
  if (u.role != Role::update || u.alias_of >= 0 || shared < 0) return "it is not the new value of a Shared";
  if (u.dims != program.buffers[at(shared)].dims) return "its extents are not those of the old value";
  const Groups groups(program);
  for (std::size_t i = 0; i < program.buffers.size(); ++i)
    if (groups.root[i] == shared && program.buffers[i].role != Role::shared &&
        program.buffers[i].role != Role::temporary)
      return fmt::format("the old value is also '{}'", program.buffers[i].name);
  const int first = first_of(program, groups, update);
  if (first < 0) return "no step writes it";
  for (std::size_t i = at(first); i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    if (can_fail(step)) return fmt::format("step '{}' can fail after it has been written", step.label);
    if (static_cast<int>(i) > first && touches(groups, step, shared))
      return fmt::format("step '{}' reads the old value after it has been written", step.label);
  }
  return "";
}

OverInputs::OverInputs(const Program& program)
    : groups_(program),
      steps_(program.buffers.size()),
      returned_(program.buffers.size()),
      roots_(program.inputs.size()) {
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    for_each_buffer(program.steps[i], [&](int b, bool) {
      Touched& t = steps_[at(groups_.root[at(b)])];
      if (t.first < 0) t.first = static_cast<int>(i);
      t.last = static_cast<int>(i);
    });
  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer& b = program.buffers[i];
    if (b.role == Role::output || b.role == Role::update) returned_[at(groups_.root[i])] = true;
    if (b.role == Role::input) roots_[at(b.index)].push_back(groups_.root[i]);
  }
}

OverInputs::Order OverInputs::order(int output, int input) const {
  if (groups_.root[at(output)] != output) return Order::never;
  const int first = steps_[at(output)].first;
  Order order = Order::after;
  for (const int root : roots_[at(input)]) {
    const int last = steps_[at(root)].last;
    if (returned_[at(root)] || first < 0 || last > first) return Order::never;
    if (last == first) order = Order::same_step;
  }
  return order;
}

}  // namespace bitale::program
