#include "compiler/codegen/cuda/statements.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "compiler/codegen/cuda/reduction_text.h"
#include "compiler/codegen/cuda/reductions.h"
#include "compiler/codegen/cuda/spread.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Kernel;
using kernel::Let;
using kernel::Loop;
using kernel::LoopKind;
using kernel::ScalarOp;
using kernel::Stmt;
using kernel::Store;
using kernel::Value;

// Buffers that a statement loads from, and those that it stores to.
struct Touched {
  std::set<int> loaded, stored;

  void visit(const Kernel& k, const Stmt& stmt) {
    if (const Let* l = std::get_if<Let>(&stmt.node)) {
      const Value& v = k.value(l->value);
      if (v.op == ScalarOp::load) loaded.insert(k.access(v.index).buffer);
    } else if (const Store* s = std::get_if<Store>(&stmt.node)) {
      stored.insert(k.access(s->access).buffer);
      if (s->accumulate) loaded.insert(k.access(s->access).buffer);
    } else {
      for (const Stmt& inner : std::get<Loop>(stmt.node).body) visit(k, inner);
    }
  }
};

class Printer {
 public:
  Printer(Lines& out, Values& values, const Mapping& mapping)
      : out_(out), values_(values), k_(values.kernel()), m_(mapping) {
    find_exchanged();
  }

  void statement(const Stmt& stmt, Team team) {
    if (const Let* l = std::get_if<Let>(&stmt.node)) {
      if (values_.let(l->value, out_)) synchronised_ = false;
      return;
    }
    const Loop* l = std::get_if<Loop>(&stmt.node);
    const bool together = team == Team::block && (!l || l->kind == LoopKind::vector);
    const bool exchange = together && exchanges(stmt);
    if (exchange) synchronise();
    if (l)
      loop(*l, team);
    else
      store(std::get<Store>(stmt.node), team);
    synchronised_ = false;
    if (exchange) synchronise();
  }

 private:
  // Buffers through which the threads of a block see each other's values.
  void find_exchanged() {
    if (m_.phase.team != Team::block) return;
    Touched touched;
    for (const Stmt* stmt : m_.rest) touched.visit(k_, *stmt);
    std::set_intersection(touched.loaded.begin(), touched.loaded.end(), touched.stored.begin(), touched.stored.end(),
                          std::back_inserter(exchanged_));
  }

  bool exchanges(const Stmt& stmt) const {
    return std::any_of(exchanged_.begin(), exchanged_.end(), [&](int b) { return stores_to(k_, stmt, b); });
  }

  void synchronise() {
    if (!synchronised_) out_.line("__syncthreads();");
    synchronised_ = true;
  }

  // What all threads of a team computed, one of them stores.
  void store(const Store& s, Team team) {
    const Access& access = k_.access(s.access);
    std::string when = values_.condition(access);
    const std::string only = team == Team::block ? "threadIdx.x == 0" : team == Team::column ? first_of_column() : "";
    if (!only.empty()) when = only + (when.empty() ? "" : " && " + when);
    if (!when.empty()) when = "if (" + when + ") ";
    const kernel::Buffer& b = k_.buffers[static_cast<std::size_t>(access.buffer)];
    const std::string to = values_.element(access);
    Text value = values_[s.value];
    if (s.accumulate && m_.inlined) return out_.line("{}atomicAdd(&{}, {});", when, to, value.text);
    if (s.accumulate) {
      const Text sum[] = {{to}, value};
      value = instruction_text(ScalarOp::add, b.dtype, b.dtype, sum);
    }
    out_.line("{}{} = {};", when, to, value.text);
  }

  std::string first_of_column() const {
    return fmt::format("threadIdx.x < {} && left + column < {}", columns_of_block, iterations(m_));
  }

  void loop(const Loop& l, Team team) {
    if (team != Team::thread)
      if (const auto nest = reduction_nest(l); !nest.empty()) return print_shared_nest(out_, values_, nest, m_.phase);
    const bool spread = team == Team::block && l.kind == LoopKind::vector;
    const std::vector<std::string> sums = print_starts(out_, values_, l.reductions);

    const std::string i = values_.names().loop(), n = extent_text(l.extent).text;
    values_.set_index(l.var, {i}, l.extent);
    const std::string_view type = values_.index_type(l.var);
    if (spread)
      out_.open("for ({0} {1} = threadIdx.x; {1} < {2}; {1} += blockDim.x)", type, i, n);
    else
      out_.open("for ({0} {1} = 0; {1} < {2}; ++{1})", type, i, n);
    synchronised_ = false;
    for (const Stmt& stmt : l.body) statement(stmt, spread ? Team::thread : team);
    print_combining(out_, values_, l.reductions, sums);
    out_.close();
    values_.names().release(i);

    print_meeting(out_, l.reductions, sums, n, spread ? Team::block : Team::thread);
  }

  Lines& out_;
  Values& values_;
  const Kernel& k_;
  const Mapping& m_;
  std::vector<int> exchanged_;
  bool synchronised_ = false;  // no access since the last barrier
};

}  // namespace

bool stores_to(const Kernel& k, const Stmt& stmt, int buffer) {
  if (const Store* s = std::get_if<Store>(&stmt.node)) return k.access(s->access).buffer == buffer;
  const Loop* l = std::get_if<Loop>(&stmt.node);
  return l && std::any_of(l->body.begin(), l->body.end(), [&](const Stmt& s) { return stores_to(k, s, buffer); });
}

void print_statements(Lines& out, Values& values, const Mapping& mapping, const std::vector<const Stmt*>& list,
                      Team team) {
  Printer printer(out, values, mapping);
  for (const Stmt* stmt : list) printer.statement(*stmt, team);
}

}  // namespace bitale::codegen::cuda
