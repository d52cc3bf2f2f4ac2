#include "runtime/program/rows.h"

#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

void check_contraction(const ContractionStep& c, int rows, const std::string& label) {
  require(!c.accumulating && c.batch.empty() && !c.m.empty() && c.m[0].extent == rows,
          "contraction '{}' has not the rows that its loop deals to the threads", label);
}

}  // namespace

void check_rows(const LoopStep& loop, const std::string& label) {
  const Program& body = *loop.body;
  require(loop.rows >= 0 && at(loop.rows) < body.extents.size(), "loop '{}' deals rows of no slot", label);
  require(loop.until < 0, "loop '{}' deals rows to threads that would have to agree when it ends", label);
  for (const Step& step : body.steps) {
    if (const auto* c = std::get_if<ContractionStep>(&step.node))
      check_contraction(*c, loop.rows, step.label);
    else
      require(std::holds_alternative<KernelStep>(step.node) || std::holds_alternative<CopyStep>(step.node),
              "step '{}' does not go by the rows of its loop", step.label);
    for_each_buffer(step, [&](int b, bool written) {
      const Buffer& buffer = body.buffers[at(b)];
      if (!written || buffer.role == Role::workspace) return;
      require(!buffer.dims.empty() && buffer.dims[0] == loop.rows, "'{}' has not the rows that loop '{}' deals",
              buffer.name, label);
    });
  }
}

}  // namespace bitale::program
