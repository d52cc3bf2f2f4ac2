#include "runtime/executor/step_check.h"

#include <map>

#include "runtime/executor/walk.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool is_checked(const Step& s) {
  return std::holds_alternative<KernelStep>(s.node) || std::holds_alternative<ContractionStep>(s.node) ||
         std::holds_alternative<LibraryStep>(s.node) || std::holds_alternative<CopyStep>(s.node);
}

}  // namespace

// A record under way: the bytes from before the step, and after it, by root buffer.
struct StepUnderCheck {
  StepRecord record;
  std::map<int, std::vector<std::uint8_t>> before, after;
};

std::shared_ptr<StepUnderCheck> Walker::before_step(const Scope& scope, const StepLayout& s) const {
  if (!is_checked(*s.step)) return nullptr;
  const Program& p = *scope.layout.program;
  auto out = std::make_shared<StepUnderCheck>(StepUnderCheck{{p, *s.step, scope.tables.extents, {}, {}}, {}, {}});
  out->record.before.resize(p.buffers.size());
  out->record.after.resize(p.buffers.size());
  for_each_buffer(*s.step, [&](int b, bool) {
    const int root = scope.layout.groups.root[at(b)];
    if (scope.layout.program->buffers[at(b)].role != Role::workspace && scope.placement.bytes[at(b)] > 0)
      out->record.before[at(b)] = held(scope, b, out->before[root]);
  });
  return out;
}

// What a buffer holds, in a copy made when it is asked for first.
std::span<const std::uint8_t> Walker::held(const Scope& scope, int buffer, std::vector<std::uint8_t>& copy) const {
  const std::int64_t size = scope.placement.bytes[at(buffer)];
  if (copy.empty()) {
    const auto* bytes = static_cast<const std::uint8_t*>(look(scope.tables.pointer(scope.layout, buffer), size));
    copy.assign(bytes, bytes + size);
  }
  return copy;
}

void Walker::check_step(const Scope& scope, const StepLayout& s, StepUnderCheck& under_check) {
  for (std::size_t b = 0; b < under_check.record.before.size(); ++b)
    if (!under_check.record.before[b].empty())
      under_check.record.after[b] = held(scope, static_cast<int>(b), under_check.after[scope.layout.groups.root[b]]);
  std::string text;
  try {
    text = frame_.checker->difference(under_check.record);
  } catch (const std::exception& e) {  // not across generated code and other threads' barriers
    text = std::string("the check itself failed: ") + e.what();
  }
  if (!text.empty()) fail(s, not_as_defined, 0, 0, text);
}

}  // namespace bitale::executor
