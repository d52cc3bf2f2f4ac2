// What the steps of a call have to do, from its program and the extents of its arguments.
#include <set>

#include "frontends/cpp/function_state.h"
#include "runtime/program/device_product.h"
#include "runtime/program/extents.h"
#include "runtime/program/groups.h"
#include "runtime/program/loop_kernel.h"
#include "runtime/program/placement.h"

namespace bitale {
namespace {

using namespace program;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

class Costs {
 public:
  explicit Costs(const Program& program) : outermost_(program) {}

  void visit(const Program& p, const std::vector<std::int64_t>& extents, double times) {
    const Groups groups(p);
    for (const Step& s : p.steps) {
      if (const auto* loop = std::get_if<LoopStep>(&s.node)) {
        const auto trips = static_cast<double>(extents[at(loop->trips)]);
        const std::vector<std::int64_t> inner = evaluate_body_extents(*loop->body, extents);
        const std::size_t first = rows.size();
        visit(*loop->body, inner, times * trips);
        if (runs_as_kernel(*loop, inner)) as_kernel(*loop, s.label, first, times, trips);
      } else if (const auto* branch = std::get_if<BranchStep>(&s.node)) {
        visit(*branch->then, evaluate_body_extents(*branch->then, extents), times);  // one of the two
      } else {
        rows.push_back({s.label, times, launches_of(s), bytes_of(p, groups, s, extents),
                        s.flops < 0 ? 0 : static_cast<double>(extents[at(s.flops)]), on_host(s)});
        by_library(s, extents, rows.back());
      }
    }
  }

  std::vector<StepCost> rows;

 private:
  // One launch stands for those of its steps, which wait at barriers instead.
  void as_kernel(const LoopStep& loop, const std::string& label, std::size_t first, double times, double trips) {
    for (std::size_t i = first; i < rows.size(); ++i) rows[i].launches = 0;
    const LoopKernel& k = loop.kernel;
    rows.push_back({label, times, 1, 0, 0, false, trips * k.barriers + k.barriers_once});
  }

  // Of the first device's code; elsewhere one.
  int launches_of(const Step& s) const {
    int entry = -1;
    if (const auto* k = std::get_if<KernelStep>(&s.node)) entry = k->entry;
    if (const auto* c = std::get_if<ContractionStep>(&s.node)) entry = c->whole.entry;
    if (const auto* l = std::get_if<LibraryStep>(&s.node)) entry = l->entry;
    for (const Blob& b : outermost_.blobs)
      if (entry >= 0 && !b.launches.empty()) return static_cast<int>(b.launches[at(entry)].size());
    return 1;
  }

  // A product by the device's library is a launch of its own, and goes to memory and back unless it is the result.
  void by_library(const Step& s, const std::vector<std::int64_t>& extents, StepCost& cost) const {
    const auto* c = std::get_if<ContractionStep>(&s.node);
    const auto product = c ? device_product(*c, extents) : std::nullopt;
    if (!product) return;
    cost.launches = product->direct ? 1 : 2;
    cost.bytes += 2 * static_cast<double>(product->workspace_bytes);
  }

  static bool on_host(const Step& s) {
    const auto* l = std::get_if<LibraryStep>(&s.node);
    return l && l->entry < 0 && l->function != "conv_cudnn";
  }

  // Each buffer once.
  static double bytes_of(const Program& p, const Groups& groups, const Step& s,
                         const std::vector<std::int64_t>& extents) {
    std::set<int> roots;
    double bytes = 0;
    for_each_buffer(s, [&](int buffer, bool) {
      const int root = groups.root[at(buffer)];
      const Buffer& b = p.buffers[at(root)];
      if (b.role == Role::workspace || !roots.insert(root).second) return;
      auto size = static_cast<double>(size_of(b.storage));
      for (const int slot : b.dims) size *= static_cast<double>(extents[at(slot)]);
      bytes += size;
    });
    return bytes;
  }

  const Program& outermost_;
};

}  // namespace

std::vector<StepCost> Function::step_costs(std::span<const Argument> given) const {
  const std::vector<Array> inputs = state_->arguments(given, false).arrays;
  CallShapes shapes;
  for (const Array& a : inputs) shapes.inputs.push_back(a.shape());
  for (const auto& s : state_->shareds) shapes.shareds.push_back(s->value.shape());
  shapes.values.resize(inputs.size());
  const Program& p = *state_->compiled.program;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (p.inputs[i].integer_value) shapes.values[i] = static_cast<std::int64_t>(inputs[i].at(0));
  Costs costs(p);
  costs.visit(p, evaluate_extents(p, shapes), 1);
  return std::move(costs.rows);
}

}  // namespace bitale
