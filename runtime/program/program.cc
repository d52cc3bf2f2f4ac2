#include "runtime/program/program.h"

namespace bitale::program {
namespace {

using Visit = std::function<void(int, bool)>;

void listed(const std::vector<int>& buffers, const std::vector<bool>& writes, const Visit& visit) {
  for (std::size_t i = 0; i < buffers.size(); ++i) visit(buffers[i], writes[i]);
}

struct Visitor {
  const Visit& visit;

  void some(int buffer, bool written) const {
    if (buffer >= 0) visit(buffer, written);
  }

  void operator()(const KernelStep& s) const { listed(s.buffers, s.writes, visit); }
  void operator()(const LibraryStep& s) const { listed(s.buffers, s.writes, visit); }
  void operator()(const ContractionStep& s) const {
    visit(s.a, false);
    visit(s.b, false);
    for (std::size_t i = 0; i < s.operands.size(); ++i) visit(s.operands[i].buffer, s.operands[i].written);
    some(s.workspace, true);
  }
  void operator()(const CopyStep& s) const {
    visit(s.from, false);
    visit(s.to, true);
  }
  void operator()(const LoopStep& s) const {
    for (const int b : {s.first, s.last, s.ended}) some(b, false);
    for (const LoopBinding& b : s.bindings) some(b.outer_in, false);
    for (const LoopBinding& b : s.bindings) some(b.outer_out, true);
    some(s.trips_taken, true);
  }
  void operator()(const BranchStep& s) const {
    visit(s.condition, false);
    for (const auto* bindings : {&s.then_bindings, &s.otherwise_bindings})
      for (const BranchStep::Binding& b : *bindings) visit(b.outer, b.written);
  }
  void operator()(const BlockedStep& s) const {
    for (const Step& inner : s.steps) for_each_buffer(inner, visit);
  }
  void operator()(const CheckStep& s) const { visit(s.condition, false); }
};

}  // namespace

void for_each_buffer(const Step& step, const Visit& visit) { std::visit(Visitor{visit}, step.node); }

}  // namespace bitale::program
