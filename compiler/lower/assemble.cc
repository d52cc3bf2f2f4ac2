#include "compiler/lower/assemble.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>

#include "compiler/lower/contract.h"
#include "compiler/lower/schedule.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/cond.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/hash.h"

namespace bitale::lower {

using ir::Dim;
using ir::Tensor;
using program::Role;

int KernelTable::entry(kernel::Kernel kernel) {
  const std::string structure = kernel::structure_of(kernel);
  const auto [it, added] = by_structure_.emplace(structure, static_cast<int>(kernels.size()));
  if (added) {
    kernel.name += "_" + std::to_string(kernels.size());
    entries.push_back({kernel.name, Hasher().text(structure).digest().hex()});
    kernels.push_back(std::move(kernel));
  }
  return it->second;
}

namespace {

std::string label_of(const std::vector<ir::NodePtr>& nodes) {
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

std::vector<SourceLine> lines_of(const std::vector<ir::NodePtr>& nodes) {
  std::vector<SourceLine> out;
  for (const ir::NodePtr& n : nodes)
    for (const SourceLine& l : n->origins())
      if (out.size() < 8 && std::find(out.begin(), out.end(), l) == out.end()) out.push_back(l);
  return out;
}

std::string identifier(const std::string& label) {
  std::string s = label.substr(0, 48);
  for (char& c : s)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return s;
}

}  // namespace

// ---- buffers ----

std::vector<int> Assembly::dims(const ir::Shape& shape) {
  std::vector<int> out;
  for (const Dim& d : shape) out.push_back(slots_.slot(d));
  return out;
}

int Assembly::buffer(const Tensor& t, Role role, int index, const std::string& name) {
  program::Buffer b;
  b.name = name;
  b.storage = t.dtype();
  b.dims = dims(t.shape());
  b.role = role;
  b.index = index;
  program_.buffers.push_back(std::move(b));
  return static_cast<int>(program_.buffers.size()) - 1;
}

namespace {

// What t shows the memory of.
Tensor viewed(Tensor t) {
  while (t.node().op().view) t = t.node().input(0);
  return t;
}

}  // namespace

int Assembly::alias(const Tensor& t, int of) {
  const int b = buffer(t, Role::temporary, -1, program_.buffers[static_cast<std::size_t>(of)].name + "_view");
  program_.buffers[static_cast<std::size_t>(b)].alias_of = of;
  return b;
}

void Assembly::place(const Tensor& result, int buffer) {
  const Tensor base = viewed(result);
  if (base.node().op().leaf != ir::Leaf::none || buffers_.contains(key(base)) || buffers_.contains(key(result))) {
    copies_.emplace_back(result, buffer);
    return;
  }
  buffers_[key(result)] = buffer;
  if (base != result) buffers_[key(base)] = alias(base, buffer);
}

// An operand that nothing else reads may lie where the result will.
void Assembly::find_overwritten(const std::vector<Tensor>& roots) {
  std::map<std::pair<std::uint64_t, int>, int> readers;
  const std::vector<ir::NodePtr> order = ir::topological(roots);
  for (const Tensor& t : roots) ++readers[key(t)];
  for (const ir::NodePtr& n : order)
    for (const Tensor& t : n->inputs()) ++readers[key(t)];
  for (const ir::NodePtr& n : order) {
    if (!n->op().library_in_place) continue;
    Tensor t = n->input(0);
    bool alone = readers[key(t)] == 1;
    for (; alone && t.node().op().view; alone = readers[key(t)] == 1) t = t.node().input(0);
    if (alone && t.node().op().leaf == ir::Leaf::none && !buffers_.contains(key(t)))
      overwritten_.emplace(key(t), Tensor(n, 0));
  }
}

// The buffer that holds t, made at first need; views alias.
int Assembly::buffer_of(const Tensor& t) {
  if (const auto it = buffers_.find(key(t)); it != buffers_.end()) return it->second;
  int b = -1;
  if (t.node().op().view) {
    b = alias(t, buffer_of(t.node().input(0)));
  } else if (const auto over = overwritten_.find(key(t)); over != overwritten_.end()) {
    b = alias(t, buffer_of(over->second));
  } else if (t.node().op().leaf == ir::Leaf::constant) {
    b = constant(t);
  } else {
    if (t.node().op().leaf != ir::Leaf::none)
      throw Error(ir::describe(t) + " is used by the function's outputs but is not among its inputs");
    b = buffer(t, Role::temporary, -1, "t" + std::to_string(program_.buffers.size()));
  }
  buffers_[key(t)] = b;
  return b;
}

int Assembly::constant(const Tensor& t) {
  const Array& a = t.node().params_as<ir::ConstantParams>().value.array;
  program::Constant c;
  c.bytes.resize(a.bytes());
  if (a.bytes()) std::memcpy(c.bytes.data(), a.data(), a.bytes());
  program_.constants.push_back(std::move(c));
  return buffer(t, Role::constant, static_cast<int>(program_.constants.size()) - 1,
                "constant" + std::to_string(program_.constants.size() - 1));
}

// ---- steps ----

void Assembly::assemble(const std::vector<Tensor>& roots, bool in_loop) {
  for (const Tensor& t : roots) read_.insert(key(t));
  for (const ir::NodePtr& n : ir::topological(roots))
    for (const Tensor& t : n->inputs()) read_.insert(key(t));
  find_overwritten(roots);
  fusion_ = fuse(roots, table_.for_device ? (in_loop ? Calls::in_loop_on_device : Calls::on_device)
                                          : (in_loop ? Calls::in_loop : Calls::once));
  for (const Group& g : fusion_.groups) emit(g);
  for (const auto& [t, to] : copies_) {
    if (rows_) rows_->copy(t);
    program::Step step;
    step.label = "copy";
    step.node = program::CopyStep{buffer_of(t), to};
    add_fills_of(step);
    program_.steps.push_back(std::move(step));
  }
  for (program::Step& fill : fills_) program_.steps.push_back(std::move(fill));
  fills_.clear();
}

int Assembly::rows() { return rows_ && rows_->fit() ? slots_.slot(rows_->extent()) : -1; }

void Assembly::emit(const Group& g) {
  const bool may_go_by_rows = g.kind == Group::Kind::kernel || g.kind == Group::Kind::contraction;
  if (rows_ && !may_go_by_rows) rows_->other();
  switch (g.kind) {
    case Group::Kind::kernel:
      return emit_fill(g) ? void() : emit_kernel(g);
    case Group::Kind::contraction:
      return emit_contraction(g);
    case Group::Kind::library:
      return emit_library(g);
    case Group::Kind::control: {
      const ir::Node& node = g.roots[0].node();
      return loops::is_cond(node) ? emit_branch(node) : emit_loop(node);
    }
  }
}

void Assembly::add(program::Step step, const std::vector<ir::NodePtr>& nodes) {
  if (step.label.empty()) step.label = label_of(nodes);
  step.origins = lines_of(nodes);
  add_fills_of(step);
  program_.steps.push_back(std::move(step));
}

int Assembly::base_of(int buffer) const {
  while (program_.buffers[static_cast<std::size_t>(buffer)].alias_of >= 0)
    buffer = program_.buffers[static_cast<std::size_t>(buffer)].alias_of;
  return buffer;
}

void Assembly::add_fills_of(const program::Step& step) {
  std::erase_if(fills_, [&](program::Step& fill) {
    const int filled = base_of(std::get<program::LibraryStep>(fill.node).buffers[0]);
    bool needed = false;
    for_each_buffer(step, [&](int buffer, bool) { needed = needed || base_of(buffer) == filled; });
    if (needed) program_.steps.push_back(std::move(fill));
    return needed;
  });
}

namespace {

// As the element lies in memory.
std::int64_t element_bits(const ir::Literal& value) {
  if (is_only_stored(value.dtype)) return narrow(value.dtype, static_cast<float>(value.as_double()));
  if (value.dtype == DType::f32) return std::bit_cast<std::uint32_t>(static_cast<float>(value.as_double()));
  return value.bits;
}

template <class S>
void argument(S& step, int buffer, bool written) {
  step.buffers.push_back(buffer);
  step.writes.push_back(written);
}

}  // namespace

// One value everywhere needs no code of its own. It waits until something needs it: memory that is written long before
// is out of the caches by then.
bool Assembly::emit_fill(const Group& g) {
  const std::optional<ir::Literal> value = ir::splat_value(g.roots[0]);
  if (!value || g.roots.size() > 1 || rows_ || table_.for_device) return false;
  program::LibraryStep s;
  s.function = "fill";
  argument(s, buffer_of(g.roots[0]), true);
  s.extents = dims(g.roots[0].shape());
  s.integers = {static_cast<std::int64_t>(value->dtype), element_bits(*value)};
  program::Step step;
  step.label = label_of({g.roots[0].node_ptr()});
  step.origins = lines_of({g.roots[0].node_ptr()});
  step.node = std::move(s);
  fills_.push_back(std::move(step));
  return true;
}

void Assembly::emit_kernel(const Group& g) {
  Composed c;
  compose(g.roots, inlined(), c);
  ScheduledKernel k = schedule(identifier(label_of(c.nodes)), g.roots, c);
  program::KernelStep s;
  for (const Tensor& t : k.reads) argument(s, buffer_of(t), false);
  for (const Tensor& t : k.writes) argument(s, buffer_of(t), true);
  for (const Dim& d : k.extents) s.extents.push_back(slots_.slot(d));
  if (rows_) rows_->kernel(c, k);
  s.entry = table_.entry(std::move(k.kernel));
  program::Step step;
  step.node = std::move(s);
  add(std::move(step), c.nodes);
}

void Assembly::emit_contraction(const Group& g) {
  const Tensor& c = g.roots[0];
  std::vector<ir::NodePtr> nodes{c.node_ptr()};
  Composed f;
  if (!g.epilogue.empty()) {
    compose(g.epilogue, inlined(), f);
    nodes.insert(nodes.end(), f.nodes.begin(), f.nodes.end());
  }
  const auto loop_dims = [&](const std::vector<LoweredContraction::LoopDim>& dims) {
    std::vector<program::ContractionDim> out;
    for (const auto& d : dims) {
      program::ContractionDim made{slots_.slot(d.extent), optional_slot(d.a), optional_slot(d.b), {}};
      for (const Dim& o : d.operands) made.operands.push_back(optional_slot(o));
      out.push_back(std::move(made));
    }
    return out;
  };
  LoweredContraction l = lower_contraction(g, inlined(), identifier("epilogue_" + label_of(nodes)));
  if (rows_) rows_->contraction(c, l, g.epilogue.empty() ? nullptr : &f);
  program::ContractionStep s;
  s.dtype = c.dtype();
  s.batch = loop_dims(l.batch);
  s.m = loop_dims(l.m);
  s.n = loop_dims(l.n);
  s.k = loop_dims(l.k);
  s.a = buffer_of(l.a);
  s.b = buffer_of(l.b);
  s.a_storage = l.a.dtype();
  s.b_storage = l.b.dtype();
  s.a_offset = optional_slot(l.a_offset);
  s.b_offset = optional_slot(l.b_offset);
  for (const auto& o : l.operands)
    s.operands.push_back({buffer_of(o.tensor), optional_slot(o.offset), o.unit, o.written});
  s.accumulating = l.accumulating;
  s.sliced = l.sliced;
  s.epilogue = table_.entry(std::move(l.epilogue));
  s.workspace = static_cast<int>(program_.buffers.size());
  program::Buffer w;
  w.name = "workspace" + std::to_string(s.workspace);
  w.storage = s.dtype;
  w.role = Role::workspace;
  program_.buffers.push_back(std::move(w));
  program::Step step;
  step.flops = slots_.slot(l.flops);
  if (s.accumulating) clear(c);
  step.node = std::move(s);
  add(std::move(step), nodes);
}

// Overlapping contractions add to their output, which starts from zero.
void Assembly::clear(const Tensor& t) {
  const Tensor zero = ir::zeros(t.dtype(), t.shape());
  Composed c;
  const Tensor roots[] = {zero};
  compose(roots, [](const Tensor&) { return false; }, c);
  ScheduledKernel k = schedule("clear", roots, c);
  program::KernelStep s;
  argument(s, buffer_of(t), true);
  for (const Dim& d : k.extents) s.extents.push_back(slots_.slot(d));
  s.entry = table_.entry(std::move(k.kernel));
  program::Step step;
  step.label = "clear";
  step.node = std::move(s);
  program_.steps.push_back(std::move(step));
}

void Assembly::emit_library(const Group& g) {
  const ir::Node& n = g.roots[0].node();
  program::LibraryStep s;
  s.function = n.op().library;
  for (const Tensor& t : n.inputs()) argument(s, buffer_of(t), false);
  for (std::size_t o = 0; o < n.outputs().size(); ++o)
    argument(s, buffer_of({g.roots[0].node_ptr(), static_cast<int>(o)}), true);
  if (n.op().library_extents)
    for (const Dim& d : n.op().library_extents(n)) s.extents.push_back(slots_.slot(d));
  if (n.op().library_integers) s.integers = n.op().library_integers(n);
  program::Step step;
  step.label = n.op().label ? n.op().label(n) : n.op().name;
  if (n.op().library_flops) step.flops = slots_.slot(n.op().library_flops(n));
  step.node = std::move(s);
  add_fills_of(step);
  library_nodes_.emplace(static_cast<int>(program_.steps.size()), g.roots[0].node_ptr());
  add(std::move(step), {g.roots[0].node_ptr()});
}

}  // namespace bitale::lower
