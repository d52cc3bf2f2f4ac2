// An element formula, compiled once into flat lists of instructions and run for every element of an output.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "compiler/ir/op.h"
#include "compiler/kernel/interpret.h"
#include "runtime/memory/array.h"

namespace bitale::eval {

using SymbolValues = std::function<std::int64_t(const ir::DimSymbol&)>;

class CompiledFormula {
 public:
  // For one output of a node whose op has an element body.
  CompiledFormula(const ir::Node& node, int output, const SymbolValues& symbols);

  // `output` has the node's dtype and shape. An unguarded read outside of an operand is an InternalError that names the
  // op.
  void run(std::span<const Array> inputs, Array& output) const;

 private:
  using Lane = kernel::Lane;

  // constant + sum of coefficient * lane, which must lie in [0, upper).
  struct Place {
    std::int64_t constant = 0, upper = 0;
    std::vector<std::pair<int, std::int64_t>> terms;
    std::int64_t value(const Lane* lanes) const;
  };
  struct Instruction {
    enum class Kind : std::uint8_t { scalar, load, loop } kind = Kind::scalar;
    ir::ScalarOp op = ir::ScalarOp::constant;
    DType type = DType::f32, operand = DType::f32;
    std::array<int, 3> args{-1, -1, -1};
    int arity = 0, dest = -1;
    int source = -1;
    std::vector<Place> at, guard;
    int loop = -1;
  };
  using Block = std::vector<Instruction>;
  struct Reduction {
    ir::Combiner combiner = ir::Combiner::sum;
    DType type = DType::f32;
    std::vector<int> vars, yields;
    std::vector<std::int64_t> extents;
    std::array<int, 2> results{-1, -1};
    Block body;
  };
  struct Run;  // one execution

  struct Compiler;

  std::string op_;
  std::vector<int> axes_;           // lanes of the output's index, outermost loop first
  std::vector<std::size_t> order_;  // axes_[i] is this axis of the output
  int root_ = -1;
  std::vector<Lane> initial_;
  std::vector<Block> levels_;  // levels_[k] runs when one of the first k loops goes on
  std::vector<Reduction> reductions_;
};

}  // namespace bitale::eval
