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
        if (!runs_as_kernel(*loop, inner)) continue;
        if (loop->kernel.clusters) in_clusters(*loop, inner, first);
        as_kernel(*loop, s.label, first, times, trips);
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
    const double barriers = trips * k.barriers + k.barriers_once;
    rows.push_back({label, times, 1, weights_, 0, false});
    (k.clusters ? rows.back().cluster_barriers : rows.back().barriers) = barriers;
    weights_ = 0;
  }

  // Steps have a part of the device, and weights are read once, by each cluster.
  void in_clusters(const LoopStep& loop, const std::vector<std::int64_t>& extents, std::size_t first) {
    const Program& body = *loop.body;
    for (std::size_t i = 0; i < body.steps.size(); ++i) {
      StepCost& row = rows[first + i];
      row.share = share_of_device(loop, extents);
      const auto* c = std::get_if<ContractionStep>(&body.steps[i].node);
      if (!c) continue;
      const double bytes = bytes_of(body, c->b, extents);
      row.bytes -= bytes;
      weights_ += bytes;
    }
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

  static double bytes_of(const Program& p, int buffer, const std::vector<std::int64_t>& extents) {
    auto size = static_cast<double>(size_of(p.buffers[at(buffer)].storage));
    for (const int slot : p.buffers[at(buffer)].dims) size *= static_cast<double>(extents[at(slot)]);
    return size;
  }

  // Each buffer once.
  static double bytes_of(const Program& p, const Groups& groups, const Step& s,
                         const std::vector<std::int64_t>& extents) {
    std::set<int> roots;
    double bytes = 0;
    for_each_buffer(s, [&](int buffer, bool) {
      const int root = groups.root[at(buffer)];
      if (p.buffers[at(root)].role != Role::workspace && roots.insert(root).second) bytes += bytes_of(p, root, extents);
    });
    return bytes;
  }

  const Program& outermost_;
  double weights_ = 0;  // that a loop reads once
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
