#include "compiler/lower/lower.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "compiler/lower/contract.h"
#include "compiler/lower/extents.h"
#include "compiler/lower/fuse.h"
#include "compiler/lower/in_place.h"
#include "compiler/lower/schedule.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
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
  explicit Lowering(const FunctionGraph& graph) : g_(graph), slots_(out_.program) { out_.program.name = graph.name; }

  Lowered run() {
    bind_leaves();
    std::vector<Tensor> roots = g_.outputs;
    for (const auto& u : g_.updates) roots.push_back(u.second);
    check_nodes(roots);
    fusion_ = fuse(roots);
    name_destinations();
    for (const Group& g : fusion_.groups) emit(g);
    emit_copies();
    mark_in_place(p(), out_.kernels);
    mark_over_inputs(p(), out_.kernels);
    mark_kept();
    out_.groups = static_cast<int>(fusion_.groups.size());
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
    return {t.name().empty() ? fallback : t.name(), t.dtype(), dims(t.shape()), false};
  }

  void leaf(const Tensor& t, Role role, int number, std::vector<program::Port>& ports) {
    ports.push_back(port(t, "input" + std::to_string(number)));
    buffers_[key(t)] = buffer(t, role, number, ports.back().name);
  }

  std::vector<int> dims(const ir::Shape& shape) {
    std::vector<int> out;
    for (const Dim& d : shape) out.push_back(slots_.slot(d));
    return out;
  }

  void check_nodes(const std::vector<Tensor>& roots) {
    std::set<std::pair<int, int>> seen;
    std::vector<Requirement> required = g_.requirements;
    for (Requirement& r : requirements_of(g_)) required.push_back(std::move(r));
    for (const Requirement& r : required)
      if (seen.insert({slots_.slot(r.equality.a), slots_.slot(r.equality.b)}).second)
        slots_.check_equal(r.equality.a, r.equality.b, r.message);
    for (const ir::NodePtr& n : ir::topological(roots)) {
      ++out_.nodes;
      for (const ir::TensorType& t : n->outputs())
        for (const Dim& d : t.shape)
          slots_.check_extent(d,
                              where(*n) + ": the extent " + ir::to_string(d) + " of the result must not be negative");
    }
  }

  // ---- buffers ----

  static std::pair<std::uint64_t, int> key(const Tensor& t) { return {t.node().id(), t.output()}; }

  int buffer(const Tensor& t, Role role, int index, const std::string& name) {
    program::Buffer b;
    b.name = name;
    b.storage = t.dtype();
    b.dims = dims(t.shape());
    b.role = role;
    b.index = index;
    p().buffers.push_back(std::move(b));
    return static_cast<int>(p().buffers.size()) - 1;
  }

  // Outputs and updates that some step computes are computed in place; what is left is copied at the end (leaves,
  // views, a tensor that is returned twice).
  void name_destinations() {
    auto place = [&](const Tensor& t, Role role, int index, const std::string& name) {
      const int b = buffer(t, role, index, name);
      const bool computed = t.node().op().leaf == ir::Leaf::none && !t.node().op().view;
      if (computed && buffers_.emplace(key(t), b).second) return;
      copies_.push_back({t, b});
    };
    for (std::size_t i = 0; i < g_.outputs.size(); ++i)
      place(g_.outputs[i], Role::output, static_cast<int>(i), p().outputs[i].name);
    for (const auto& [shared, value] : g_.updates)
      place(value, Role::update, shared, "new_" + p().shareds[static_cast<std::size_t>(shared)].name);
  }

  // The buffer that holds t, made at first need; views alias.
  int buffer_of(const Tensor& t) {
    if (const auto it = buffers_.find(key(t)); it != buffers_.end()) return it->second;
    int b = -1;
    if (t.node().op().view) {
      const int base = buffer_of(t.node().input(0));
      b = buffer(t, Role::temporary, -1, p().buffers[static_cast<std::size_t>(base)].name + "_view");
      p().buffers[static_cast<std::size_t>(b)].alias_of = base;
    } else if (t.node().op().leaf == ir::Leaf::constant) {
      b = constant(t);
    } else {
      if (t.node().op().leaf != ir::Leaf::none)
        throw Error(ir::describe(t) + " is used by the function's outputs but is not among its inputs");
      b = buffer(t, Role::temporary, -1, "t" + std::to_string(p().buffers.size()));
    }
    buffers_[key(t)] = b;
    return b;
  }

  int constant(const Tensor& t) {
    const Array& a = t.node().params_as<ir::ConstantParams>().value.array;
    program::Constant c;
    c.bytes.resize(a.bytes());
    if (a.bytes()) std::memcpy(c.bytes.data(), a.data(), a.bytes());
    p().constants.push_back(std::move(c));
    return buffer(t, Role::constant, static_cast<int>(p().constants.size()) - 1,
                  "constant" + std::to_string(p().constants.size() - 1));
  }

  // ---- steps ----

  static std::string label(const std::vector<ir::NodePtr>& nodes) {
    std::string s;
    std::vector<std::string> seen;
    for (const ir::NodePtr& n : nodes) {
      const std::string& name = n->op().name;
      if (name == "full" || name == "broadcast_to" || std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
      seen.push_back(name);
      if (seen.size() > 6) return s + "...";
      s += (s.empty() ? "" : "+") + name;
    }
    return s.empty() && !nodes.empty() ? nodes[0]->op().name : s;
  }

  static std::vector<SourceLine> lines(const std::vector<ir::NodePtr>& nodes) {
    std::vector<SourceLine> out;
    for (const ir::NodePtr& n : nodes)
      for (const SourceLine& l : n->origins())
        if (out.size() < 8 && std::find(out.begin(), out.end(), l) == out.end()) out.push_back(l);
    return out;
  }

  static std::string identifier(const std::string& label) {
    std::string s = label.substr(0, 48);
    for (char& c : s)
      if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return s;
  }

  // Structurally equal kernels share one entry.
  int entry(kernel::Kernel k) {
    const std::string structure = kernel::structure_of(k);
    const auto [it, added] = entries_.emplace(structure, static_cast<int>(out_.kernels.size()));
    if (added) {
      k.name += "_" + std::to_string(out_.kernels.size());
      p().entries.push_back({k.name, Hasher().text(structure).digest().hex()});
      out_.kernels.push_back(std::move(k));
    }
    return it->second;
  }

  void emit(const Group& g) {
    switch (g.kind) {
      case Group::Kind::kernel:
        emit_kernel(g);
        break;
      case Group::Kind::contraction:
        emit_contraction(g);
        break;
      case Group::Kind::library:
        emit_library(g);
        break;
    }
  }

  std::function<bool(const Tensor&)> inlined() const {
    return [this](const Tensor& t) { return fusion_.is_inlined(t); };
  }

  void emit_kernel(const Group& g) {
    Composed c;
    compose(g.roots, inlined(), c);
    program::Step step;
    step.label = label(c.nodes);
    step.origins = lines(c.nodes);
    ScheduledKernel k = schedule(identifier(step.label), g.roots, c);
    program::KernelStep s;
    for (const Tensor& t : k.reads) argument(s, t, false);
    for (const Tensor& t : k.writes) argument(s, t, true);
    for (const Dim& d : k.extents) s.extents.push_back(slots_.slot(d));
    s.entry = entry(std::move(k.kernel));
    step.node = std::move(s);
    p().steps.push_back(std::move(step));
  }

  template <class S>
  void argument(S& step, const Tensor& t, bool written) {
    step.buffers.push_back(buffer_of(t));
    step.writes.push_back(written);
  }

  int optional_slot(const Dim& d) { return d.is(0) ? -1 : slots_.slot(d); }

  std::vector<program::ContractionDim> loop_dims(const std::vector<LoweredContraction::LoopDim>& dims) {
    std::vector<program::ContractionDim> out;
    for (const auto& d : dims) {
      program::ContractionDim c{slots_.slot(d.extent), optional_slot(d.a), optional_slot(d.b), {}};
      for (const Dim& o : d.operands) c.operands.push_back(optional_slot(o));
      out.push_back(std::move(c));
    }
    return out;
  }

  void emit_contraction(const Group& g) {
    const Tensor& c = g.roots[0];
    std::vector<ir::NodePtr> nodes{c.node_ptr()};
    if (g.epilogue) {
      Composed f;
      const Tensor roots[] = {g.epilogue};
      compose(roots, inlined(), f);
      nodes.insert(nodes.end(), f.nodes.begin(), f.nodes.end());
    }
    program::Step step;
    step.label = label(nodes);
    step.origins = lines(nodes);
    LoweredContraction l = lower_contraction(c, g.epilogue, inlined(), identifier("epilogue_" + step.label));
    program::ContractionStep s;
    s.dtype = c.dtype();
    s.batch = loop_dims(l.batch);
    s.m = loop_dims(l.m);
    s.n = loop_dims(l.n);
    s.k = loop_dims(l.k);
    s.a = buffer_of(l.a);
    s.b = buffer_of(l.b);
    s.a_offset = optional_slot(l.a_offset);
    s.b_offset = optional_slot(l.b_offset);
    for (const auto& o : l.operands)
      s.operands.push_back({buffer_of(o.tensor), optional_slot(o.offset), o.unit, o.tensor == l.out});
    s.accumulating = l.accumulating;
    s.epilogue = entry(std::move(l.epilogue));
    s.workspace = static_cast<int>(p().buffers.size());
    program::Buffer w;
    w.name = "workspace" + std::to_string(s.workspace);
    w.storage = s.dtype;
    w.role = Role::workspace;
    p().buffers.push_back(std::move(w));
    step.flops = slots_.slot(l.flops);
    if (s.accumulating) clear(l.out);
    step.node = std::move(s);
    p().steps.push_back(std::move(step));
  }

  // Overlapping contractions add to their output, which starts from zero.
  void clear(const Tensor& t) {
    const Tensor zero = ir::zeros(t.dtype(), t.shape());
    Composed c;
    const Tensor roots[] = {zero};
    compose(roots, [](const Tensor&) { return false; }, c);
    ScheduledKernel k = schedule("clear", roots, c);
    program::KernelStep s;
    argument(s, t, true);
    for (const Dim& d : k.extents) s.extents.push_back(slots_.slot(d));
    s.entry = entry(std::move(k.kernel));
    program::Step step;
    step.label = "clear";
    step.node = std::move(s);
    p().steps.push_back(std::move(step));
  }

  void mark_kept() {
    for (program::Step& step : p().steps)
      if (auto* c = std::get_if<program::ContractionStep>(&step.node)) {
        c->keep_a = program::why_not_kept(p(), c->a).empty();
        c->keep_b = program::why_not_kept(p(), c->b).empty();
      }
  }

  void emit_library(const Group& g) {
    const ir::Node& n = g.roots[0].node();
    program::LibraryStep s;
    s.function = n.op().library;
    for (const Tensor& t : n.inputs()) argument(s, t, false);
    for (std::size_t o = 0; o < n.outputs().size(); ++o)
      argument(s, {g.roots[0].node_ptr(), static_cast<int>(o)}, true);
    if (n.op().library_extents)
      for (const Dim& d : n.op().library_extents(n)) s.extents.push_back(slots_.slot(d));
    if (n.op().library_integers) s.integers = n.op().library_integers(n);
    program::Step step;
    step.label = n.op().label ? n.op().label(n) : n.op().name;
    out_.library_nodes.emplace(static_cast<int>(p().steps.size()), g.roots[0].node_ptr());
    step.origins = n.origins();
    step.node = std::move(s);
    p().steps.push_back(std::move(step));
  }

  void emit_copies() {
    for (const auto& [t, to] : copies_) {
      program::Step step;
      step.label = "copy";
      step.node = program::CopyStep{buffer_of(t), to};
      p().steps.push_back(std::move(step));
    }
  }

  const FunctionGraph& g_;
  Lowered out_;
  ExtentSlots slots_;
  Fusion fusion_;
  std::map<std::pair<std::uint64_t, int>, int> buffers_;
  std::map<std::string, int> entries_;
  std::vector<std::pair<Tensor, int>> copies_;
};

}  // namespace

std::vector<Requirement> requirements_of(const FunctionGraph& graph) {
  std::vector<Tensor> roots = graph.outputs;
  for (const auto& u : graph.updates) roots.push_back(u.second);
  std::vector<Requirement> out;
  for (const ir::NodePtr& n : ir::topological(roots))
    for (const ir::DimEquality& e : n->equalities())
      out.push_back(
          {e, where(*n) + ": the extents " + ir::to_string(e.a) + " and " + ir::to_string(e.b) + " must be equal"});
  return out;
}

Lowered lower(const FunctionGraph& graph) { return Lowering(graph).run(); }

}  // namespace bitale::lower
