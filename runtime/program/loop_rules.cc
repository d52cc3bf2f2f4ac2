#include "runtime/program/loop_rules.h"

#include "runtime/program/code_rules.h"
#include "runtime/program/loop_kernel.h"
#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_block(const LoopStep& loop, const LoopBinding& b, const Program& outer, const std::string& label) {
  const bool sequence = b.kind == BindingKind::sequence;
  require((sequence || b.kind == BindingKind::stacked) && !b.backwards,
          "loop '{}' has a block that is neither a sequence's nor stacked, or goes backwards", label);
  const Buffer &rows = outer.buffers[at(sequence ? b.outer_in : b.outer_out)],
               &block = loop.body->buffers[at(sequence ? b.inner_in : b.inner_out)];
  require(block.dims.size() == rows.dims.size(), "'{}' of loop '{}' is no block of '{}'", block.name, label, rows.name);
  require(loop.until == -1 && loop.first == -1 && loop.ended == -1,
          "loop '{}' goes by blocks and may leave out iterations", label);
}

}  // namespace

void check_blocks(const LoopStep& loop, const Program& outer, const std::string& label) {
  for (const LoopBinding& b : loop.bindings)
    if (b.blocks) check_block(loop, b, outer, label);
}

void check_loop_kernel(const LoopStep& loop, const Program& outer, const Program& outermost, const std::string& label) {
  std::size_t extents = 0;
  for (const LoopKernel::Argument& a : loop.kernel.arguments) {
    using Kind = LoopKernel::Argument::Kind;
    require(a.kind <= Kind::bytes, "the kernel of loop '{}' has an argument of no known kind", label);
    const bool inside = a.kind == Kind::own || a.kind == Kind::extent;
    const Program& of = inside ? *loop.body : outer;
    const bool is_slot = a.kind == Kind::extent || a.kind == Kind::outer_extent;
    const std::size_t count = is_slot ? of.extents.size() : of.buffers.size();
    require(a.index >= 0 && at(a.index) < count, "the kernel of loop '{}' has an argument that does not exist", label);
    extents += a.kind == Kind::extent ? 1 : 0;
  }
  check_launches(outermost, loop.kernel.entry, extents, label, true);
  for (const Blob& b : outermost.blobs)
    if (at(loop.kernel.entry) < b.launches.size())
      require((b.launches[at(loop.kernel.entry)][0].cluster == cluster_blocks) == loop.kernel.clusters,
              "the kernel of loop '{}' and its launch differ in clusters", label);
  const std::string fault = fault_of_groups(loop);
  require(fault.empty(), "the kernel of loop '{}' {}", label, fault);
}

}  // namespace bitale::program
