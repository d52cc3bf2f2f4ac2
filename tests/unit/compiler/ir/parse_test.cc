// Graph text: what is printed is read back, and what is not graph text is refused with its place.
#include "compiler/ir/parse.h"

#include <cmath>

#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Dim;
using ir::Graph;
using ir::Tensor;

namespace {

void check_round_trip(const Graph& graph) {
  const std::string text = ir::to_string(graph, false, true);
  INFO(text);
  const Graph back = ir::parse(text);
  CHECK(ir::to_string(back, false, true) == text);
  ir::verify(back);
}

void check_refused(const std::string& text, const std::string& where, const std::string& why) {
  ops::register_all();
  INFO(text);
  CHECK_THROWS_AS(ir::parse(text), Error);
  CHECK_THROWS_WITH(ir::parse(text), contains("graph text, " + where + ": ") && contains(why));
}

const std::string x = "%0: float32[n, 3] = input() {name=\"x\", dtype=float32, shape=[n, 3]}\n";

}  // namespace

TEST_CASE("the samples of every op print and are read back") {
  for (const ir::OpDef* op : tested_ops())
    for (const OpCase& c : op_cases(*op)) {
      INFO(c.text());
      const BuiltCase built = build(c);
      check_round_trip({built.inputs, built.outputs});
      check_round_trip({{}, built.outputs});
    }
}

TEST_CASE("a graph that is read back has the values of the graph") {
  ops::register_all();
  const Tensor a = ir::input("a", {DType::f32, {2, 3}});
  const float values[] = {0.1f, -0.0f, std::numeric_limits<float>::infinity()};
  const Tensor out = ops::exp(a) * ir::constant(Array::of<float>(values, {3}));
  const Graph back = ir::parse(ir::to_string(Graph{{a}, {out}}, true, true));
  const Array value = random_array(DType::f32, {2, 3}, -1, 1, 1);
  const eval::Binding one[] = {{a, value}}, two[] = {{back.inputs.at(0), value}};
  const Tensor outs[] = {out};
  CHECK(eval::evaluate(outs, one)[0].same_bits(eval::evaluate(back.outputs, two)[0]));
}

TEST_CASE("dims are read back whatever their symbols are called and in whatever order they were made") {
  ops::register_all();
  const Dim m = Dim::symbol("m"), z = Dim::symbol("z"), a = Dim::symbol("a"), other = Dim::symbol("m"),
            odd = Dim::symbol("batch size"), none = Dim::symbol("");
  const Tensor t = ir::input("t", {DType::f32, {z, a, m, other, odd, none}});
  for (const Dim& d : {z * a + m, a - z, Dim(0) - z, Dim(-2) * z * a - 7, floordiv(z - 1, a + 1) * m, min(z, a) * 3,
                       max(z * z, other), m * other + m, odd * none * 2})
    check_round_trip({{t}, {ir::extent(d)}});
  const std::string text = ir::to_string(Graph{{t}, {ir::extent(m * other)}});
  CHECK_THAT(text, contains("{dim=m*m.2}"));
  CHECK_THAT(text, contains("batch_size"));
}

TEST_CASE("constants of every dtype are read back to the bit") {
  ops::register_all();
  for (const DType dtype : {DType::bool_, DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::f32,
                            DType::f64, DType::f16, DType::bf16}) {
    const Array values = random_array(dtype, {5, 7}, -1e9, 1e9, 3);
    const Tensor c = ir::constant(values);
    check_round_trip({{}, {c}});
    const Graph back = ir::parse(ir::to_string(Graph{{}, {c}}, false, true));
    CHECK(back.outputs[0] == c);
    for (const double v : {0.0, -0.0, 1.0, -1.5, 1e-300, 0.1}) {
      const ir::Literal literal =
          is_floating(dtype) ? ir::Literal::real(v, dtype) : ir::Literal::integer(v != 0 ? 1 : 0, dtype);
      const Tensor full = ir::full(literal, {2});
      CHECK(ir::parse(ir::to_string(Graph{{}, {full}})).outputs[0] == full);
    }
  }
  for (const double v : {INFINITY, -INFINITY, NAN, -NAN})
    check_round_trip(
        {{}, {ir::full(ir::Literal::real(v, DType::f64), {}), ir::full(ir::Literal::real(v, DType::f32), {})}});
  check_round_trip({{}, {ir::constant(Array::zeros(DType::f32, {0, 3}))}});
}

TEST_CASE("names of inputs may hold anything") {
  ops::register_all();
  check_round_trip({{}, {ir::input("a \"b\" \\ # \n \x01 }", {DType::f32, {}})}});
  CHECK(ir::parse("%7: float32[] = input() {name=\"\\x41\\\\\", dtype=float32, shape=[]} return %7")
            .inputs.at(0)
            .node()
            .params_as<ir::InputParams>()
            .name == "A\\");
}

TEST_CASE("text that is no graph is refused with line and column") {
  check_refused("", "line 1, column 1", "found the end of the text");
  check_refused(x, "line 2, column 1", "expected a node or return");
  check_refused(x + "return %1", "line 2, column 8", "there is no node %1");
  check_refused(x + "return %0.1", "line 2, column 8", "has 1 outputs");
  check_refused(x + "return %0 x", "line 2, column 11", "expected the end");
  check_refused(x + x, "line 2, column 1", "there is a node %0 already");
  check_refused(x + "%1: float32[n, 3] = tnah(%0)\nreturn %1", "line 2, column 21", "there is no op \"tnah\"");
  check_refused(x + "%1: float32[n, 3] = tanh %0", "line 2, column 26", "expected \"(\"");
  check_refused(x + "%1: float32[n, 4] = tanh(%0)", "line 2, column 5", "the type is float32[n, 3]");
  check_refused(x + "%1: float32[n, 3] = add(%0)", "line 2, column 21", "add: ");
  check_refused(x + "%1: float32[n] = sum(%0)\n%2", "line 3, column 1", "expected \"{\"");
  check_refused(x + "%1: float32[n] = sum(%0) {axis=[1]}", "line 2, column 27", "the parameter \"axes\"");
  check_refused(x + "%1: float32[n] = sum(%0) {axes=[1.5]}", "line 2, column 33", "expected a whole number");
  check_refused("%0: float33[] = x", "line 1, column 5", "there is no dtype \"float33\"");
  check_refused("%0: float32[floordiv(n, 0)", "line 1, column 27", "expected");
  check_refused("%0: float32[floordiv(4, 0)]", "line 1, column 13", "divides by zero");
  check_refused("%0: float32[9223372036854775807*2]", "line 1, column 13", "overflows");
  check_refused("%0: float32[99999999999999999999]", "line 1, column 13", "expected an extent");
  check_refused("%0: float32[] = input() {name=\"x", "line 1, column 31", "does not end");
  check_refused("%0: uint8[] = full() {value=256, shape=[]}", "line 1, column 29", "a value of uint8");
  check_refused("%0: float32[3] = constant() {value=float32 [3] {1, 2}}", "line 1, column 36", "with 2 values");
  check_refused("%0: float32[3] = constant() {value=float32 [3] {1, ...}}", "line 1, column 52", "a value of float32");
  std::string deep = "%0: float32[";
  for (int i = 0; i < 100000; ++i) deep += "min(n, ";
  check_refused(deep, "line 1, column 237", "nested too deeply");
}
