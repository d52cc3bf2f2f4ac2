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

// A record under way: `copies` are the bytes from before the step, by root buffer.
struct StepUnderCheck {
  StepRecord record;
  std::map<int, std::vector<std::uint8_t>> copies;
};

std::shared_ptr<StepUnderCheck> Walker::before_step(const Scope& scope, const StepLayout& s) const {
  if (!is_checked(*s.step)) return nullptr;
  const Program& p = *scope.layout.program;
  auto out = std::make_shared<StepUnderCheck>(StepUnderCheck{{p, *s.step, scope.tables.extents, {}, {}}, {}});
  out->record.before.resize(p.buffers.size());
  out->record.after.resize(p.buffers.size());
  for_each_buffer(*s.step, [&](int b, bool) {
    const int root = scope.layout.groups.root[at(b)];
    const auto* bytes = static_cast<const std::uint8_t*>(scope.tables.pointer(scope.layout, b));
    const std::size_t size = at(scope.placement.bytes[at(b)]);
    if (scope.layout.program->buffers[at(b)].role == Role::workspace || size == 0) return;
    const auto& copy = out->copies.try_emplace(root, bytes, bytes + size).first->second;
    out->record.before[at(b)] = copy;
    out->record.after[at(b)] = {bytes, size};
  });
  return out;
}

void Walker::check_step(const StepLayout& s, const StepUnderCheck& under_check) {
  std::string text;
  try {
    text = frame_.checker->difference(under_check.record);
  } catch (const std::exception& e) {  // not across generated code and other threads' barriers
    text = std::string("the check itself failed: ") + e.what();
  }
  if (!text.empty()) fail(s, not_as_defined, 0, 0, text);
}

}  // namespace bitale::executor
