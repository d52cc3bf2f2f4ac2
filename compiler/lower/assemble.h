// Assembly: the steps of one graph, that of a function or the body of a loop, in one Program.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/body.h"
#include "compiler/kernel/kernel.h"
#include "compiler/lower/extents.h"
#include "compiler/lower/fuse.h"
#include "compiler/lower/rows.h"
#include "runtime/program/program.h"

namespace bitale::lower {

// The kernels of a function, bodies included: structurally equal ones share one entry.
class KernelTable {
 public:
  explicit KernelTable(bool is_for_device) : for_device(is_for_device) {}

  int entry(kernel::Kernel kernel);

  const bool for_device;                // see Calls::in_loop_on_device
  std::vector<kernel::Kernel> kernels;  // in the order of the entries
  std::vector<program::Entry> entries;

 private:
  std::map<std::string, int> by_structure_;
};

class Assembly {
 public:
  Assembly(program::Program& program, ExtentSlots& slots, KernelTable& table)
      : program_(program), slots_(slots), table_(table) {}

  // Before assemble(): the buffer that holds a leaf; and the buffers that tensors have to be in at the end. They are
  // computed there, or copied (leaves and views of them, a tensor that has a buffer already).
  void bind(const ir::Tensor& leaf, int buffer) { buffers_[key(leaf)] = buffer; }
  void place(const ir::Tensor& result, int buffer);
  int buffer(const ir::Tensor& t, program::Role role, int index, const std::string& name);
  std::vector<int> dims(const ir::Shape& shape);

  // Before assemble(): asks all steps whether they go by rows.
  void ask_for_rows(Rows rows) { rows_.emplace(std::move(rows)); }
  int rows();  // the slot of the rows that all steps go by; -1: they do not, or were not asked

  // Adds the steps that compute these tensors, and everything they need.
  void assemble(const std::vector<ir::Tensor>& roots, bool in_loop = false);

  int groups() const { return static_cast<int>(fusion_.groups.size()); }
  const std::map<int, ir::NodePtr>& library_nodes() const { return library_nodes_; }

 private:
  static std::pair<std::uint64_t, int> key(const ir::Tensor& t) { return {t.node().id(), t.output()}; }
  std::function<bool(const ir::Tensor&)> inlined() const {
    return [this](const ir::Tensor& t) { return fusion_.is_inlined(t); };
  }
  bool is_read(const ir::Tensor& t) const { return read_.contains(key(t)); }

  int buffer_of(const ir::Tensor& t);
  int constant(const ir::Tensor& t);
  int alias(const ir::Tensor& t, int of);
  void find_overwritten(const std::vector<ir::Tensor>& roots);
  int optional_slot(const ir::Dim& d) { return d.is(0) ? -1 : slots_.slot(d); }

  void emit(const Group& g);
  bool emit_fill(const Group& g);
  void emit_kernel(const Group& g);
  void emit_contraction(const Group& g);
  void emit_library(const Group& g);
  void emit_loop(const ir::Node& node);
  void emit_branch(const ir::Node& node);
  void clear(const ir::Tensor& t);
  void add(program::Step step, const std::vector<ir::NodePtr>& nodes);
  void add_fills_of(const program::Step& step);
  int base_of(int buffer) const;

  program::Program& program_;
  ExtentSlots& slots_;
  KernelTable& table_;
  Fusion fusion_;
  std::set<std::pair<std::uint64_t, int>> read_;  // by nodes, or as results
  std::map<std::pair<std::uint64_t, int>, int> buffers_;
  std::map<std::pair<std::uint64_t, int>, ir::Tensor> overwritten_;  // what a library call writes over, and its result
  std::vector<std::pair<ir::Tensor, int>> copies_;
  std::vector<program::Step> fills_;  // not needed yet: they come right before the step that needs them
  std::optional<Rows> rows_;
  std::map<int, ir::NodePtr> library_nodes_;  // what a library call computes, by step
};

}  // namespace bitale::lower
