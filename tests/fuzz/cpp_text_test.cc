// The C++ that findings are reported as: it compiles, and makes graphs with the values of the graphs that it is of.
#include "tests/support/cpp_text.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <bitale/bitale.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "frontends/cpp/handles.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_program.h"
#include "tests/support/source_folder.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

using Graph = void (*)(std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);

struct Case {
  std::string name;
  BuiltCase graph;
  CppGraph text;
};

// One sample of each op.
std::vector<Case> cases() {
  std::vector<Case> out;
  for (const ir::OpDef* op : tested_ops()) {
    if (!op->samples || op->process_local) continue;
    const BuiltCase graph = build({op, op->samples()[0], op->dtypes.empty() ? DType::f64 : op->dtypes[0], "", false});
    out.push_back({op->name, graph, cpp_graph(graph)});
  }
  return out;
}

std::string function_of(const CppGraph& text, std::size_t number) {
  return fmt::format(
      "extern \"C\" void case_{}(std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {{\n{}  inputs = {};\n  "
      "outputs "
      "= {};\n}}\n",
      number, text.statements, cpp_list(text.inputs), cpp_list(text.outputs));
}

// A program for each use, as functions that are compiled only.
std::string programs() {
  std::string all;
  for (const Use use : all_uses) {
    const RandomProgram program{random_graph(7, {.steps = 6}), use, 3};
    std::string text = to_cpp(program, {.isa = "v2"}).substr(cpp_prelude().size());
    all += text.replace(text.find("main"), 4, fmt::format("program_{}", name_of(use)));
  }
  return all;
}

// A library of this source, opened.
void* compiled_source(const TempFolder& folder, const std::string& source) {
  const auto from = folder.write("graphs.cc", source), to = folder.path() / "graphs.so", log = folder.path() / "log";
  const std::string root = source_folder().string();
  const std::string command = fmt::format(
      "'{}' -std=c++20 -O0 -fPIC -shared -march=x86-64-v2 '-I{}' '-I{}/frontends/cpp' '{}' -o '{}' > '{}' 2>&1",
      BITALE_CXX, root, root, from.string(), to.string(), log.string());
  const int status = std::system(command.c_str());
  std::ifstream file(log);
  INFO(std::string(std::istreambuf_iterator<char>(file), {}));
  REQUIRE(status == 0);
  void* library = dlopen(to.c_str(), RTLD_NOW | RTLD_NODELETE);
  REQUIRE(library != nullptr);
  return library;
}

std::vector<Array> evaluated(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                             const std::vector<Array>& values) {
  std::vector<eval::Binding> bindings;
  for (std::size_t i = 0; i < inputs.size(); ++i) bindings.push_back({detail::Access::in(inputs[i]), values[i]});
  return eval::evaluate(detail::Access::in(outputs), bindings);
}

}  // namespace

TEST_CASE("graphs written as C++ compile, and give what they are of") {
  const std::vector<Case> all = cases();
  std::string source = cpp_prelude();
  std::size_t whole = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    source += function_of(all[i].text, i);
    whole += all[i].text.not_written.empty();
  }
  const TempFolder folder;
  void* const library = compiled_source(folder, source + programs());
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].name << "\n" << all[i].text.statements);
    const auto make = reinterpret_cast<Graph>(dlsym(library, fmt::format("case_{}", i).c_str()));
    REQUIRE(make != nullptr);
    std::vector<Tensor> inputs, outputs;
    REQUIRE_NOTHROW(make(inputs, outputs));
    const std::vector<Array> got = evaluated(inputs, outputs, all[i].text.values);
    const std::vector<Array> expected = eval::evaluate(all[i].graph.outputs, all[i].graph.bindings());
    REQUIRE(got.size() == expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) CHECK(difference(got[k], expected[k], 100) == "");
  }
  CHECK(whole * 4 > all.size() * 3);  // most ops are written, not taken by their values
}
