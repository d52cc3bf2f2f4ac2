// The text of the four networks' functions, in the study's sizes, compiles for GPUs without spilling registers.
#include <cstdio>
#include <regex>
#include <set>

#include "compiler/codegen/cuda/nvrtc.h"
#include "models/zoo/models.h"
#include "tests/support/catch.h"

using namespace bitale;
using codegen::cuda::Nvrtc;

namespace {

// What ptxas says of each function: the most registers, and those that spill or read local memory.
struct Use {
  int functions = 0, registers = 0, of_loops = 0;
  std::string spills;
};

Use use_of(const std::string& log) {
  static const std::regex function("Compiling entry function '(\\w+)'|Function properties for (\\w+)"),
      frame("(\\d+) bytes stack frame, (\\d+) bytes spill stores"), registers("Used (\\d+) registers");
  Use use;
  std::string name;
  std::size_t from = 0;
  while (from < log.size()) {
    const std::size_t end = std::min(log.find('\n', from), log.size());
    const std::string line = log.substr(from, end - from);
    from = end + 1;
    std::smatch found;
    if (std::regex_search(line, found, function)) name = found[1].matched ? found[1] : found[2];
    if (std::regex_search(line, found, frame) && found[2] != "0") use.spills += " " + name;
    if (!std::regex_search(line, found, registers)) continue;
    ++use.functions;
    int& most = name.starts_with("loop_") ? use.of_loops : use.registers;
    most = std::max(most, std::stoi(found[1]));
  }
  return use;
}

// ptxas does not make the same of a text in every run: of one in twelve compilations of AlexNet's gradient, a function
// at the limit of its registers spilled 8 bytes. What always spills does so three times.
constexpr int most_attempts = 3;

void check_text(const Nvrtc& nvrtc, const models::BuiltModel& model, const std::string& architecture,
                const std::string& text) {
  Nvrtc::Result result = nvrtc.compile(text, architecture);
  Use use = use_of(result.log);
  for (int attempt = 1; use.spills != "" && attempt < most_attempts; ++attempt) {
    result = nvrtc.compile(text, architecture);
    use = use_of(result.log);
  }
  INFO(model.name << " " << model.step << " " << model.variant << ", " << architecture << ", " << use.functions
                  << " functions\n"
                  << (result.compiled ? "" : result.log));
  CHECK(result.compiled);
  CHECK(use.functions > 0);
  CHECK(use.spills == "");
  CHECK(use.registers <= 128);  // two blocks of 256 threads, or more, in a multiprocessor
  CHECK(use.of_loops <= 255);   // of clusters: one block
}

// Convolutions by generated functions, and where it is another text by what is chosen for a GPU.
void check_functions(const Nvrtc& nvrtc, const models::BuiltModel& model, const std::string& architecture) {
  std::vector<Tensor> gradient = grad(model.training_loss, model.parameter_tensors());
  gradient.push_back(model.training_loss);
  for (const auto& outputs : {std::vector<Tensor>{model.loss}, gradient}) {
    std::set<std::string> texts;
    for (const ConvAlgorithm conv : {ConvAlgorithm::implicit_gemm, ConvAlgorithm::automatic})
      texts.insert(stages(model.inputs, outputs, {.device = architecture, .unused_inputs = true, .conv = conv}).cuda);
    for (const std::string& text : texts) check_text(nvrtc, model, architecture, text);
  }
}

void check_networks(const std::string& architecture, DType dtype = float32) {
  const Nvrtc* nvrtc = Nvrtc::find();
  if (!nvrtc) return void(std::printf("[SKIP] NVRTC not found\n"));
  for (const models::ModelRow& row : models::all_models()) {
    const models::BuiltModel model = row.build({.graph_only = true, .dtype = dtype});
    for (const models::BuiltModel& step : model.before) check_functions(*nvrtc, step, architecture);
    check_functions(*nvrtc, model, architecture);
  }
}

}  // namespace

// In parts, which run at the same time.
TEST_CASE("the networks' kernels compile for sm_90 without spills", "[part0]") { check_networks("sm_90"); }
TEST_CASE("the networks' kernels compile for sm_80 without spills") { check_networks("sm_80"); }
TEST_CASE("the networks' kernels in float16 compile for sm_90 without spills", "[part1]") {
  check_networks("sm_90", float16);
}
TEST_CASE("the networks' kernels in bfloat16 compile for sm_80 without spills", "[part2]") {
  check_networks("sm_80", bfloat16);
}
