// docs/ops.md is made from the list of ops. BITALE_UPDATE_GOLDEN=1 rewrites it.
#include <map>
#include <set>

#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

const char* lowering_of(const ir::OpDef& op) {
  if (op.composite) return "other ops";
  if (op.leaf != ir::Leaf::none) return "leaf";
  if (op.contraction) return "contraction";
  if (op.view) return "view";
  if (!op.library.empty()) return "library call";
  return op.scalar ? "elementwise" : "element formula";
}

// The operands that some node of the op has a cotangent for, over the samples.
std::set<int> differentiable_operands(const ir::OpDef& op, int& most) {
  std::set<int> operands;
  for (const OpCase& c : op_cases(op)) {
    if (!c.variant.empty() || c.symbolic) continue;
    for (const ir::NodePtr& node : ir::topological(build(c).outputs)) {
      if (&node->op() != &op) continue;
      most = std::max(most, static_cast<int>(node->inputs().size()));
      std::vector<ir::Tensor> dys;
      for (std::size_t i = 0; i < node->outputs().size(); ++i) {
        const ir::Tensor out(node, static_cast<int>(i));
        dys.push_back(is_floating(out.dtype()) ? ir::ones_like(out) : ir::Tensor());
      }
      try {
        const auto dxs = op.vjp({*node, dys});
        for (std::size_t i = 0; i < dxs.size(); ++i)
          if (dxs[i]) operands.insert(static_cast<int>(i));
      } catch (const Error&) {  // of these parameters there is none, which the op's line says
      }
    }
  }
  return operands;
}

std::string derivative_of(const ir::OpDef& op) {
  if (op.composite) return "by its parts";
  if (op.leaf != ir::Leaf::none || !op.vjp) return "";
  int most = 0;
  const std::set<int> operands = differentiable_operands(op, most);
  if (most == 0) return "";
  if (operands.empty()) return "zero";
  if (static_cast<int>(operands.size()) == most) return most == 1 ? "yes" : "in all operands";
  std::string text = "in operand";
  for (int i : operands) text += (i == *operands.begin() ? " " : ", ") + std::to_string(i);
  return text;
}

// What a table's cell cannot hold as it is.
std::string cell(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string document() {
  ops::register_all();
  int nodes = 0, composites = 0;
  std::string tables;
  for (const ir::OpFamily& family : ir::op_families()) {
    tables += "\n## " + family.name + "\n\n| name | | lowers to | derivative |\n|---|---|---|---|\n";
    for (const ir::OpDef* op : family.ops) {
      ++(op->composite ? composites : nodes);
      tables +=
          "| `" + op->name + "` | " + cell(op->doc) + " | " + lowering_of(*op) + " | " + derivative_of(*op) + " |\n";
    }
  }
  std::size_t cases = 0;
  for (const ir::OpDef* op : tested_ops()) cases += op_cases(*op).size();
  return "# Ops\n\nMade from the list of ops (`ops/all_ops.cc`) by `tests/golden/ops_doc_test.cc`: " +
         std::to_string(nodes) + " kinds of node and " + std::to_string(composites) +
         " operations that are written in terms of others. Where a line begins with a call, that is how C++ programs "
         "write it; the others are made by derivatives and rewrites.\n\nDerivatives exist in reverse and forward mode "
         "and are graphs again, so that they have derivatives themselves. \"Zero\": the derivative is zero wherever it "
         "exists.\n\nTests are generated from the same list: " +
         std::to_string(cases) +
         " cases (samples in each dtype, as they are, with symbolic extents, and with extents replaced by 0 and 1). "
         "The values of each are compared with those of its reference, or of its body where it has none: the body's, "
         "and "
         "those of optimised code for every instruction set that the machine has, and of code that is not. Its "
         "derivatives are compared with finite differences in float64, to second order; its batched form with a loop; "
         "its text with what it parses to.\n" +
         tables;
}

}  // namespace

TEST_CASE("docs/ops.md is what the list of ops says") {
  const std::string text = document();
  CHECK(text == tests::golden("../../docs/ops.md", text));
}
