// Every op's value on every backend against the interpreter, which runs the op's reference where there is one.
#include "compiler/eval/eval.h"
#include "compiler/ir/graph.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

TEST_CASE("every op has samples and a line of documentation") {
  for (const ir::OpDef* op : tested_ops()) {
    INFO(op->name);
    CHECK_FALSE(op->doc.empty());
    CHECK(op->samples);
    if (op->samples) CHECK_FALSE(op->samples().empty());
  }
}

TEST_CASE("an op's samples contain it") {
  for (const ir::OpDef* op : tested_ops()) {
    if (op->composite) continue;
    bool found = false;
    for (const OpCase& c : op_cases(*op))
      for (const ir::NodePtr& node : ir::topological(build(c).outputs)) found = found || &node->op() == op;
    INFO(op->name);
    CHECK(found);
  }
}

TEST_CASE("graphs of samples pass the verifier") {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      INFO(c.text());
      const BuiltCase built = build(c);
      CHECK_NOTHROW(ir::verify({built.inputs, built.outputs}));
    }
  }
}

namespace {

// Of every fourth op, beginning with number `part`.
void values_agree(std::size_t part) {
  const std::vector<const ir::OpDef*> ops = tested_ops();
  for (std::size_t number = part; number < ops.size(); number += 4) {
    const ir::OpDef* op = ops[number];
    for (const OpCase& c : op_cases(*op)) {
      INFO(c.text());
      try {
        const BuiltCase built = build(c);
        const auto bindings = built.bindings();
        const auto expected = eval::evaluate(built.outputs, bindings);
        for (const Backend& backend : backends()) {
          if (c.is_variant() && !backend.variants) continue;
          INFO(backend.name);
          const auto got = backend.run(built.outputs, bindings);
          for (std::size_t i = 0; i < expected.size(); ++i)
            CHECK(difference(got[i], expected[i], c.sample.tolerance) == "");
        }
      } catch (const std::exception& e) {
        FAIL_CHECK(e.what());
      }
    }
  }
}

}  // namespace

// In parts, which run at the same time.
TEST_CASE("values agree on all backends: ops 0, 4, 8...", "[part0]") { values_agree(0); }
TEST_CASE("values agree on all backends: ops 1, 5, 9...", "[part1]") { values_agree(1); }
TEST_CASE("values agree on all backends: ops 2, 6, 10...", "[part2]") { values_agree(2); }
TEST_CASE("values agree on all backends: ops 3, 7, 11...", "[part3]") { values_agree(3); }

TEST_CASE("symbolic extents give the values that constant ones give") {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      if (!c.symbolic) continue;
      INFO(c.text());
      try {
        OpCase constant = c;
        constant.symbolic = false;
        const BuiltCase a = build(c), b = build(constant);
        const auto got = eval::evaluate(a.outputs, a.bindings(), false),
                   expected = eval::evaluate(b.outputs, b.bindings(), false);
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(difference(got[i], expected[i]) == "");
      } catch (const std::exception& e) {
        FAIL_CHECK(e.what());
      }
    }
  }
}
