#include "compiler/ir/record.h"

#include <algorithm>

#include "compiler/ir/op.h"
#include "runtime/base/error.h"

namespace bitale::ir {

namespace {

class Recorder final : public Element {
 public:
  Recorder(const Node& node, int output, Formula& formula, std::vector<Index> index)
      : Element(node, output, formula, std::move(index)) {}

  Expr input_if(std::vector<IndexBound> bounds, int k, std::vector<Index> at, Expr fill) override {
    BITALE_ASSERT(at.size() == node().input(k).shape().size(),
                  node().op().name + ": operand " + std::to_string(k) + " is read with another rank");
    return formula().load(k, node().input(k).dtype(), std::move(at), std::move(bounds), fill);
  }
};

}  // namespace

Expr record(const Node& node, int output, Formula& formula) {
  std::vector<Index> index;
  for (const Dim& extent : node.outputs()[static_cast<std::size_t>(output)].shape)
    index.emplace_back(formula.variable(extent));
  Recorder recorder(node, output, formula, std::move(index));
  return node.op().element(recorder);
}

FormulaCost cost_of(const Formula& formula) {
  FormulaCost cost;
  for (int i = 0; i < formula.size(); ++i) {
    const ExprNode& n = formula.node(i);
    cost.reduces = cost.reduces || n.op == ScalarOp::result;
    if (n.type == DType::i64) continue;
    cost.operations += kernel::cost_of(n.op);
    cost.dearest = std::max(cost.dearest, kernel::cost_of(n.op));
  }
  return cost;
}

FormulaCost cost_of(const Node& node) {
  FormulaCost total;
  for (std::size_t o = 0; o < node.outputs().size(); ++o) {
    Formula formula;
    record(node, static_cast<int>(o), formula);
    const FormulaCost one = cost_of(formula);
    total.operations += one.operations;
    total.dearest = std::max(total.dearest, one.dearest);
    total.reduces = total.reduces || one.reduces;
  }
  return total;
}

bool is_index_map(const Node& node) {
  if (node.op().view) return true;
  if (!node.op().element || node.op().scalar || node.inputs().empty()) return false;
  const FormulaCost cost = cost_of(node);
  return cost.operations == 0 && !cost.reduces;
}

}  // namespace bitale::ir
