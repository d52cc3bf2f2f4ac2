#include "compiler/lower/lower.h"

#include <algorithm>
#include <set>

#include "compiler/lower/assemble.h"
#include "compiler/lower/in_place.h"
#include "compiler/lower/order.h"
#include "runtime/program/kept.h"

namespace bitale::lower {
namespace {

using ir::Dim;
using ir::Tensor;
using program::Program;
using program::Role;

std::string where(const ir::Node& n) {
  const auto origins = n.origins();
  return n.op().name + (origins.empty() ? "" : " at " + to_string(origins[0]));
}

class Lowering {
 public:
  Lowering(const FunctionGraph& graph, bool for_device)
      : g_(graph), slots_(out_.program), table_(for_device), assembly_(out_.program, slots_, table_) {
    out_.program.name = graph.name;
  }

  Lowered run() {
    bind_leaves();
    std::vector<Tensor> roots = g_.outputs;
    for (const auto& u : g_.updates) roots.push_back(u.second);
    check_nodes(roots);
    name_destinations();
    assembly_.assemble(roots);
    p().entries = std::move(table_.entries);
    out_.kernels = std::move(table_.kernels);
    mark_in_place(p(), out_.kernels);
    mark_over_inputs(p(), out_.kernels);
    mark_kept();
    out_.groups = assembly_.groups();
    out_.library_nodes = assembly_.library_nodes();
    out_.symbols = slots_.symbols();
    return std::move(out_);
  }

 private:
  Program& p() { return out_.program; }

  // ---- leaves, extents, ports ----

  void bind_leaves() {
    for (std::size_t i = 0; i < g_.inputs.size(); ++i) slots_.bind(g_.inputs[i], false, static_cast<int>(i));
    for (std::size_t i = 0; i < g_.shareds.size(); ++i) slots_.bind(g_.shareds[i], true, static_cast<int>(i));
    slots_.finish();
    for (std::size_t i = 0; i < g_.inputs.size(); ++i) leaf(g_.inputs[i], Role::input, static_cast<int>(i), p().inputs);
    for (std::size_t i = 0; i < g_.shareds.size(); ++i)
      leaf(g_.shareds[i], Role::shared, static_cast<int>(i), p().shareds);
    for (std::size_t i = 0; i < g_.outputs.size(); ++i)
      p().outputs.push_back(port(g_.outputs[i], "output" + std::to_string(i)));
  }

  program::Port port(const Tensor& t, const std::string& fallback) {
    return {t.name().empty() ? fallback : t.name(), t.dtype(), assembly_.dims(t.shape()), false};
  }

  void leaf(const Tensor& t, Role role, int number, std::vector<program::Port>& ports) {
    ports.push_back(port(t, "input" + std::to_string(number)));
    assembly_.bind(t, assembly_.buffer(t, role, number, ports.back().name));
  }

  void check_nodes(const std::vector<Tensor>& roots) {
    std::set<std::pair<int, int>> seen;
    std::vector<Requirement> required = g_.requirements;
    for (Requirement& r : requirements_of(g_)) required.push_back(std::move(r));
    for (const Requirement& r : required)
      if (seen.insert({slots_.slot(r.equality.a), slots_.slot(r.equality.b)}).second)
        slots_.check_equal(r.equality.a, r.equality.b, r.message);
    ir::for_each_node(roots, [&](const ir::NodePtr& n) {
      ++out_.nodes;
      for (const ir::TensorType& t : n->outputs())
        for (const Dim& d : t.shape)
          slots_.check_extent(d,
                              where(*n) + ": the extent " + ir::to_string(d) + " of the result must not be negative");
    });
  }

  void name_destinations() {
    const auto place = [&](const Tensor& t, Role role, int index, const std::string& name) {
      assembly_.place(t, assembly_.buffer(t, role, index, name));
    };
    for (std::size_t i = 0; i < g_.outputs.size(); ++i)
      place(g_.outputs[i], Role::output, static_cast<int>(i), p().outputs[i].name);
    for (const auto& [shared, value] : g_.updates)
      place(value, Role::update, shared, "new_" + p().shareds[static_cast<std::size_t>(shared)].name);
  }

  void mark_kept() {
    for (program::Step& step : p().steps)
      if (auto* c = std::get_if<program::ContractionStep>(&step.node)) {
        c->keep_a = program::why_not_kept(p(), c->a).empty();
        c->keep_b = program::why_not_kept(p(), c->b).empty();
      }
  }

  const FunctionGraph& g_;
  Lowered out_;
  ExtentSlots slots_;
  KernelTable table_;
  Assembly assembly_;
};

}  // namespace

std::vector<Requirement> requirements_of(const FunctionGraph& graph) {
  std::vector<Tensor> roots = graph.outputs;
  for (const auto& u : graph.updates) roots.push_back(u.second);
  std::vector<Requirement> out;
  ir::for_each_node(roots, [&](const ir::NodePtr& n) {
    for (const ir::DimEquality& e : n->equalities())
      out.push_back(
          {e, where(*n) + ": the extents " + ir::to_string(e.a) + " and " + ir::to_string(e.b) + " must be equal"});
  });
  return out;
}

namespace {

// Its results, laid out for the library's calls inside.
FunctionGraph ordered(const FunctionGraph& g) {
  FunctionGraph out = g;
  std::vector<Tensor> roots = g.outputs;
  for (const auto& u : g.updates) roots.push_back(u.second);
  roots = in_order_of_calls(roots);
  for (std::size_t i = 0; i < out.outputs.size(); ++i) out.outputs[i] = roots[i].named(g.outputs[i].name());
  for (std::size_t i = 0; i < out.updates.size(); ++i) out.updates[i].second = roots[out.outputs.size() + i];
  return out;
}

}  // namespace

Lowered lower(const FunctionGraph& graph, bool for_device) {
  return for_device ? Lowering(ordered(graph), true).run() : Lowering(graph, false).run();
}

}  // namespace bitale::lower
