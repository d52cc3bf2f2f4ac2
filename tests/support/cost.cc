#include "tests/support/cost.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/driver/pipeline.h"
#include "compiler/lower/lower.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"

namespace bitale::tests {
namespace {

using kernel::ScalarOp;

// Counts one launch of a kernel.
class Launch {
 public:
  Launch(const kernel::Kernel& k, std::span<const std::int64_t> extents, Cost& cost)
      : kernel_(k), extents_(extents), cost_(cost) {}

  void run(const kernel::Region& region, std::int64_t times) {
    for (const kernel::Stmt& s : region) {
      if (const auto* let = std::get_if<kernel::Let>(&s.node))
        compute(kernel_.value(let->value), times);
      else if (const auto* store = std::get_if<kernel::Store>(&s.node))
        cost_.bytes += times * size_of_access(store->access);
      else
        run(std::get<kernel::Loop>(s.node), times);
    }
  }

 private:
  void run(const kernel::Loop& loop, std::int64_t times) {
    const kernel::Extent& e = loop.extent;
    const std::int64_t trips = times * (e.is_constant() ? e.value : extents_[static_cast<std::size_t>(e.slot)]);
    cost_.operations += trips * static_cast<std::int64_t>(loop.reductions.size());
    run(loop.body, trips);
  }

  void compute(const kernel::Value& v, std::int64_t times) {
    if (v.op == ScalarOp::load)
      cost_.bytes += times * size_of_access(v.index);
    else if (v.type != DType::i64)  // those are addresses, or as cheap
      cost_.operations += times * kernel::cost_of(v.op);
  }

  std::int64_t size_of_access(int access) const {
    const auto buffer = static_cast<std::size_t>(kernel_.access(access).buffer);
    return static_cast<std::int64_t>(size_of(kernel_.buffers[buffer].storage));
  }

  const kernel::Kernel& kernel_;
  std::span<const std::int64_t> extents_;
  Cost& cost_;
};

std::vector<std::int64_t> extents_of(const program::Program& p, std::span<const ir::Tensor> inputs) {
  std::vector<std::int64_t> values;
  for (const program::ExtentDef& e : p.extents) {
    const auto slot = [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; };
    switch (e.op) {
      case program::ExtentOp::constant:
        values.push_back(e.a);
        break;
      case program::ExtentOp::input_axis:
        values.push_back(inputs[static_cast<std::size_t>(e.a)].dim(static_cast<int>(e.b)).value());
        break;
      case program::ExtentOp::add:
        values.push_back(slot(e.a) + slot(e.b));
        break;
      case program::ExtentOp::sub:
        values.push_back(slot(e.a) - slot(e.b));
        break;
      case program::ExtentOp::mul:
        values.push_back(slot(e.a) * slot(e.b));
        break;
      default:
        throw InternalError("cost_of: an extent of a graph whose extents are constants");
    }
  }
  return values;
}

// Of the operands and the result of a contraction; of all buffers of another step.
std::int64_t bytes_of(const program::Program& p, const program::Step& step, std::span<const std::int64_t> extents) {
  std::int64_t total = 0;
  if (const auto* c = std::get_if<program::ContractionStep>(&step.node)) {
    const auto count = [&](const std::vector<program::ContractionDim>& dims) {
      std::int64_t n = 1;
      for (const program::ContractionDim& d : dims) n *= extents[static_cast<std::size_t>(d.extent)];
      return n;
    };
    const std::int64_t batch = count(c->batch), m = count(c->m), n = count(c->n), k = count(c->k);
    return batch * (m * k + k * n + m * n) * static_cast<std::int64_t>(size_of(c->dtype));
  }
  program::for_each_buffer(step, [&](int buffer, bool) {
    const program::Buffer& b = p.buffers[static_cast<std::size_t>(buffer)];
    std::int64_t n = static_cast<std::int64_t>(size_of(b.storage));
    for (int d : b.dims) n *= extents[static_cast<std::size_t>(d)];
    total += n;
  });
  return total;
}

}  // namespace

Cost cost_of(std::span<const ir::Tensor> outputs, const rewrite::RewriteOptions& options) {
  ops::register_all();
  lower::FunctionGraph graph;
  graph.name = "cost";
  for (const ir::NodePtr& node : ir::topological(outputs))
    if (node->op().leaf == ir::Leaf::input) graph.inputs.emplace_back(node, 0);
  rewrite::PassContext context;
  context.options = options;
  std::vector<rewrite::PassReport> reports;
  graph.outputs =
      rewrite::run_pipeline(driver::pipeline(), {graph.inputs, {outputs.begin(), outputs.end()}}, context, reports)
          .outputs;
  const lower::Lowered lowered = lower::lower(graph);
  const program::Program& p = lowered.program;
  const std::vector<std::int64_t> extents = extents_of(p, graph.inputs);
  Cost cost{.nodes = static_cast<int>(ir::topological(graph.outputs).size()), .fired = context.rules_fired};
  for (const program::Step& step : p.steps) {
    ++cost.steps;
    if (const auto* k = std::get_if<program::KernelStep>(&step.node)) {
      std::vector<std::int64_t> arguments;
      for (int e : k->extents) arguments.push_back(extents[static_cast<std::size_t>(e)]);
      const kernel::Kernel& code = lowered.kernels[static_cast<std::size_t>(k->entry)];
      Launch(code, arguments, cost).run(code.body, 1);
      continue;
    }
    cost.bytes += bytes_of(p, step, extents);
    if (step.flops >= 0) cost.operations += extents[static_cast<std::size_t>(step.flops)];
  }
  return cost;
}

std::string to_string(const Cost& c) {
  std::string text = std::to_string(c.nodes) + " nodes, " + std::to_string(c.steps) + " steps, " +
                     std::to_string(c.operations) + " operations, " + std::to_string(c.bytes) + " bytes;";
  for (const auto& [rule, count] : c.fired) text += " " + rule + " " + std::to_string(count);
  return text;
}

}  // namespace bitale::tests
