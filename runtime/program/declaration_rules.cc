#include "runtime/program/declaration_rules.h"

#include <algorithm>

#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_extents(const Subject& subject) {
  const Program& p = subject.program;
  for (std::size_t i = 0; i < p.extents.size(); ++i) {
    const ExtentDef& e = p.extents[i];
    const auto axis = [&](const std::vector<Port>& ports, const char* what) {
      require(!subject.is_body(), "extent {} of a body is the axis of {}", i, what);
      require(e.a >= 0 && at(e.a) < ports.size() && e.b >= 0 && at(e.b) < ports[at(e.a)].dims.size(),
              "extent {} is axis {} of {} {}, which does not exist", i, e.b, what, e.a);
    };
    switch (e.op) {
      case ExtentOp::constant:
        break;
      case ExtentOp::input_axis:
        axis(p.inputs, "input");
        break;
      case ExtentOp::shared_axis:
        axis(p.shareds, "shared variable");
        break;
      case ExtentOp::input_value:
        require(!subject.is_body() && e.a >= 0 && at(e.a) < p.inputs.size() && p.inputs[at(e.a)].integer_value,
                "extent {} is the value of input {}, which is not read as an extent", i, e.a);
        break;
      case ExtentOp::outer:
        require(subject.is_body() && e.a >= 0 && at(e.a) < subject.place.outer->extents.size(),
                "extent {} is an outer one that does not exist", i);
        break;
      case ExtentOp::iteration:
        require(subject.place.loop, "extent {} is the iteration outside a loop's body", i);
        break;
      case ExtentOp::add:
      case ExtentOp::sub:
      case ExtentOp::mul:
      case ExtentOp::floordiv:
      case ExtentOp::min:
      case ExtentOp::max:
      case ExtentOp::isqrt:
        require(e.a >= 0 && e.b >= 0 && at(e.a) < i && at(e.b) < i,
                "extent {} depends on one that does not come before it", i);
        break;
      default:
        require(false, "extent {} is of no known kind", i);
    }
  }
}

void check_blocked_slots(const Subject& subject) {
  std::set<int> used;
  for (const Step& step : subject.program.steps) {
    const auto* b = std::get_if<BlockedStep>(&step.node);
    if (!b) continue;
    subject.slot(b->dim, "the dim of a blocked step");
    for (const int s : {b->begin, b->size}) {
      subject.slot(s, "the begin or size of a blocked step");
      require(subject.program.extents[at(s)].op == ExtentOp::constant,
              "extent {} is set by a blocked step but not defined as a constant", s);
      require(used.insert(s).second, "extent {} is set by two blocked steps", s);
    }
    require(b->dim < b->size, "the size of a blocked step comes before its dim");
    require(b->tile >= 1, "a blocked step has tiles of {}", b->tile);
  }
}

void check_buffers(const Subject& subject) {
  const Program& p = subject.program;
  for (std::size_t i = 0; i < p.buffers.size(); ++i) {
    const Buffer& b = p.buffers[i];
    const int number = static_cast<int>(i);
    require(valid(b.storage), "{} has no known dtype", subject.name(number));
    require(b.role <= Role::workspace, "{} has no known role", subject.name(number));
    for (const int s : b.dims) subject.slot(s, "the dim of a buffer");
    require(!b.keep || (b.role == Role::temporary && b.alias_of < 0), "{} is kept but not a temporary",
            subject.name(number));
    int root = number;
    for (std::size_t hops = 0; p.buffers[at(root)].alias_of >= 0; ++hops) {
      subject.buffer(p.buffers[at(root)].alias_of, "an alias");
      require(hops < p.buffers.size(), "{} is an alias of itself", subject.name(number));
      root = p.buffers[at(root)].alias_of;
    }
    require(b.alias_of >= -1, "{} is an alias of {}", subject.name(number), b.alias_of);
    require(p.buffers[at(root)].storage == b.storage, "{} is an alias of another dtype", subject.name(number));
    require(root == number || b.role == Role::temporary || b.role == Role::output || b.role == Role::update,
            "{} is an alias, and neither a temporary, an output nor an update", subject.name(number));
    require(root == number || p.buffers[at(root)].role != Role::workspace, "{} is an alias of a workspace",
            subject.name(number));
  }
}

void check_port_of(const Subject& subject, int number, const std::vector<Port>& list, const char* what,
                   std::vector<int>* count) {
  const Buffer& b = subject.program.buffers[at(number)];
  require(b.index >= 0 && at(b.index) < list.size(), "{} is {} {}, which does not exist", subject.name(number), what,
          b.index);
  const Port& port = list[at(b.index)];
  require(port.dtype == b.storage, "{} and {} {} have different dtypes", subject.name(number), what, b.index);
  require(port.dims.size() == b.dims.size() || b.alias_of >= 0, "{} and {} {} have different ranks",
          subject.name(number), what, b.index);
  if (count) ++(*count)[at(b.index)];
}

// The size of a buffer is fixed, but for the local ones of a blocked step.
void check_size(Subject& subject, std::size_t i) {
  const Program& p = subject.program;
  int local = 0, number = 0;
  for (const Step& step : p.steps)
    if (const auto* b = std::get_if<BlockedStep>(&step.node)) {
      ++number;
      if (std::find(b->local.begin(), b->local.end(), static_cast<int>(i)) != b->local.end()) local = number;
    }
  subject.tile = local;
  for (const int s : p.buffers[i].dims) subject.fixed(s, "the dim of a buffer");
  subject.tile = 0;
  const Buffer& b = p.buffers[i];
  if (b.role != Role::constant) return;
  std::int64_t bytes = static_cast<std::int64_t>(size_of(b.storage));
  for (const int s : b.dims) {
    const ExtentDef& e = p.extents[at(s)];
    require(e.op == ExtentOp::constant && e.a >= 0 && !__builtin_mul_overflow(bytes, e.a, &bytes),
            "{} has a size that is not constant", subject.name(static_cast<int>(i)));
  }
  require(bytes == static_cast<std::int64_t>(p.constants[at(b.index)].bytes.size()),
          "{} and its constant have different sizes", subject.name(static_cast<int>(i)));
}

}  // namespace

void check_declarations(const Subject& subject) {
  check_extents(subject);
  check_blocked_slots(subject);
  check_buffers(subject);
}

void check_ports(const Subject& subject) {
  const Program& p = subject.program;
  for (const auto* list : {&p.inputs, &p.outputs, &p.shareds})
    for (const Port& port : *list) {
      require(valid(port.dtype), "port '{}' has no known dtype", port.name);
      for (const int s : port.dims) subject.fixed(s, "the dim of a port");
      require(!port.integer_value || (port.dims.empty() && !is_floating(port.dtype)),
              "port '{}' is read as an extent but is not an integer scalar", port.name);
    }
  std::vector<int> outputs(p.outputs.size()), updates(p.shareds.size());
  for (std::size_t i = 0; i < p.buffers.size(); ++i) {
    const int b = static_cast<int>(i);
    const Role role = p.buffers[i].role;
    if (role == Role::constant)
      require(p.buffers[i].index >= 0 && at(p.buffers[i].index) < p.constants.size(),
              "{} is a constant that does not exist", subject.name(b));
    if (subject.is_body()) {
      require(role != Role::shared && role != Role::update, "{} of a body is a shared variable", subject.name(b));
      continue;
    }
    if (role == Role::input) check_port_of(subject, b, p.inputs, "input", nullptr);
    if (role == Role::output) check_port_of(subject, b, p.outputs, "output", &outputs);
    if (role == Role::shared) check_port_of(subject, b, p.shareds, "shared variable", nullptr);
    if (role == Role::update) check_port_of(subject, b, p.shareds, "shared variable", &updates);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) require(outputs[i] == 1, "output {} has {} buffers", i, outputs[i]);
  for (std::size_t i = 0; i < updates.size(); ++i)
    require(updates[i] <= 1, "shared variable {} has {} updates", i, updates[i]);
}

void check_extent_checks(const Subject& subject) {
  for (const ExtentCheck& c : subject.program.checks) {
    subject.fixed(c.a, "a check");
    subject.fixed(c.b, "a check");
    require(c.kind <= ExtentCheck::Kind::at_least, "a check is of no known kind");
  }
}

void check_sizes(Subject& subject) {
  for (std::size_t i = 0; i < subject.program.buffers.size(); ++i) check_size(subject, i);
}

}  // namespace bitale::program
