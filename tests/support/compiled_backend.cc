#include "tests/support/compiled_backend.h"

#include "compiler/driver/compile.h"
#include "compiler/prim/prim.h"

namespace bitale::tests {

Backend compiled(const std::string& isa, int level, int threads) {
  const auto run = [=](std::span<const ir::Tensor> outputs, std::span<const eval::Binding> bindings) {
    lower::FunctionGraph g;
    g.name = "case";
    g.outputs.assign(outputs.begin(), outputs.end());
    std::vector<Array> inputs;
    for (const eval::Binding& b : bindings) {
      g.inputs.push_back(b.tensor);
      inputs.push_back(b.value);
    }
    driver::CompileOptions options;
    options.isa = isa;
    options.level = level;
    options.use_cache = false;
    return driver::compile(g, options).runnable->call(inputs, {}, {threads}).outputs;
  };
  return {isa + " O" + std::to_string(level) + " threads " + std::to_string(threads), run};
}

}  // namespace bitale::tests
