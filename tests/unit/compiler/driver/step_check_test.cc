// BITALE_CHECK: steps that do what they should pass, and broken ones are named, whatever their kind.
#include "compiler/driver/step_check.h"

#include <functional>

#include "compiler/driver/compile.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/program/abi.h"
#include "runtime/program/code.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using ir::Tensor;

namespace {

// While it lives, functions are compiled with the check.
struct WithCheck {
  WithCheck() { flags().check = true; }
  ~WithCheck() { flags().check = false; }
};

struct Example {
  lower::FunctionGraph graph;
  std::vector<Array> inputs;
};

Array ramp(Extents shape, double scale = 0.1) {
  Array a(DType::f32, std::move(shape));
  for (std::int64_t i = 0; i < a.size(); ++i)
    a.view<float>()[static_cast<std::size_t>(i)] = static_cast<float>(scale * static_cast<double>(i % 7 - 3));
  return a;
}

// A contraction with an epilogue, kernels with reductions, both library calls, a copy.
Example example() {
  Example e;
  const ir::Dim n = ir::Dim::symbol("n");
  const Tensor x = ir::input("x", {DType::f32, {n, 5}}, SourceLine("user.cc", 1));
  const Tensor w = ir::input("w", {DType::f32, {5, 3}}, SourceLine("user.cc", 2));
  const Tensor labels = ir::input("labels", {DType::i32, {n}}, SourceLine("user.cc", 3));
  const Tensor y = ops::tanh(ir::dot(x, w, SourceLine("user.cc", 4)), SourceLine("user.cc", 5));
  const Tensor loss = ops::cross_entropy(y, labels, {}, SourceLine("user.cc", 6));
  const Tensor counts = ops::scatter_add(ir::zeros(DType::f32, {3}), labels, loss, 0, SourceLine("user.cc", 7));
  e.graph.name = "example";
  e.graph.inputs = {x, w, labels};
  e.graph.outputs = {ops::sum(loss), counts, w};
  e.inputs = {ramp({4, 5}), ramp({5, 3}, 0.3), Array::of<std::int32_t>(std::vector<std::int32_t>{0, 2, -1, 1}, {4})};
  return e;
}

// In the place of a kernel or a leaf: leaves what it should write as it is.
int does_nothing(Context*, void* const*, const std::int64_t*, int, int) { return 0; }

struct Broken {
  program::Program program;
  std::vector<const void*> entries;
};

// The message of a call after `damage` has been done to the program or its code.
std::string message_after(const std::function<void(Broken&)>& damage, int threads) {
  const WithCheck check;
  const Example e = example();
  const driver::Compiled good = driver::compile(e.graph);
  const auto code = program::LoadedCode::load(good.program->blobs.at(0));
  Broken broken{*good.program, {}};
  for (std::size_t i = 0; i < good.program->entries.size(); ++i)
    broken.entries.push_back(code->entry(static_cast<int>(i)));
  damage(broken);
  executor::Runnable runnable(std::make_shared<const program::Program>(broken.program), broken.entries);
  runnable.check_steps(good.checker);
  try {
    runnable.call(e.inputs, {}, {threads});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void break_entry(Broken& b, int entry) {
  b.entries[static_cast<std::size_t>(entry)] = reinterpret_cast<const void*>(does_nothing);
}

}  // namespace

TEST_CASE("a right program passes the step check, on one and on several threads") {
  const WithCheck check;
  const Example e = example();
  const driver::Compiled checked = driver::compile(e.graph);
  REQUIRE(checked.checker);
  CHECK(checked.report.cache == "off");
  for (const int threads : {1, 2, 3}) {
    const auto outputs = checked.runnable->call(e.inputs, {}, {threads}).outputs;
    CHECK(outputs[2].same_bits(e.inputs[1]));
  }
}

TEST_CASE("without the flag nothing is checked") { CHECK_FALSE(driver::compile(example().graph).checker); }

TEST_CASE("the step check names the broken step, what it wrote, and the user's lines") {
  for (const int threads : {1, 2}) {
    std::string label;
    const auto of_label = [&](const auto& kind) {
      using Kind = std::decay_t<decltype(kind)>;
      return [&](Broken& b) {
        for (program::Step& s : b.program.steps)
          if (auto* step = std::get_if<Kind>(&s.node)) {
            label = s.label;
            if constexpr (std::is_same_v<Kind, program::KernelStep>) break_entry(b, step->entry);
            if constexpr (std::is_same_v<Kind, program::ContractionStep>) break_entry(b, step->tile.micro);
            if constexpr (std::is_same_v<Kind, program::LibraryStep>) {
              b.program.extents.push_back({program::ExtentOp::constant, 4, 0});
              step->extents.front() = static_cast<int>(b.program.extents.size()) - 1;  // rows: -1 is another one
            }
            return;
          }
        FAIL("no such step");
      };
    };
    for (const auto& damage : std::vector<std::function<void(Broken&)>>{
             of_label(program::KernelStep{}), of_label(program::ContractionStep{}), of_label(program::LibraryStep{})}) {
      const std::string message = message_after(damage, threads);
      INFO(message);
      CHECK(message.starts_with(label + ": element "));
      CHECK_THAT(message, contains(", and should be "));
      CHECK_THAT(message, contains("computed at user.cc:"));
    }
  }
}

TEST_CASE("an epilogue that is left out is found") {
  const std::string message = message_after(
      [](Broken& b) {
        for (const program::Step& s : b.program.steps)
          if (const auto* c = std::get_if<program::ContractionStep>(&s.node)) break_entry(b, c->epilogue);
      },
      1);
  CHECK_THAT(message, contains("dot"));
}
