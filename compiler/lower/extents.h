// Dims as slots of a Program's extent table.
#pragma once

#include <map>
#include <string>

#include "compiler/ir/graph.h"
#include "runtime/program/program.h"

namespace bitale::lower {

class ExtentSlots {
 public:
  explicit ExtentSlots(program::Program& program) : program_(program) {}
  // Of a body: extents are those of the Program around.
  ExtentSlots(program::Program& body, ExtentSlots& outer) : program_(body), outer_(&outer) {}

  // The axes of a leaf: symbols that occur alone are bound by their first axis; every other axis is checked. Call for
  // all leaves before asking for any slot; finish() adds the checks.
  void bind(const ir::Tensor& leaf, bool is_shared, int number);
  void finish();

  // The slot that holds the dim's value; equal dims share one.
  int slot(const ir::Dim& dim);
  const std::map<std::uint64_t, int>& symbols() const { return symbols_; }  // slots by id
  void check_equal(const ir::Dim& a, const ir::Dim& b, const std::string& message);
  // Adds a check unless the dim's form shows that it is never negative.
  void check_extent(const ir::Dim& dim, const std::string& message);

 private:
  struct Axis {
    ir::Dim dim;
    program::ExtentDef def;
    std::string message;
  };
  int define(program::ExtentDef def);

  program::Program& program_;
  ExtentSlots* outer_ = nullptr;
  std::map<std::uint64_t, int> symbols_;  // symbol id -> slot
  std::vector<std::pair<ir::Dim, int>> known_;
  std::vector<Axis> axes_;
};

}  // namespace bitale::lower
