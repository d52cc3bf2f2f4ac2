// runtime/device/cuda.cc on the stand-in for NVIDIA's driver library (tests/cuda_stub): what it asks the driver for,
// and what it says when that fails.
#include <cstdlib>
#include <map>
#include <numeric>
#include <sstream>

#include <bitale/bitale.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/codegen/cuda/emulate.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "compiler/kernel/interpret.h"
#include "models/zoo/models.h"
#include "runtime/base/flags.h"
#include "runtime/device/driver.h"
#include "tests/gpu/kernel_runner.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::Stub;

namespace {

// What a fresh process, with this in its environment, says when it opens device "cuda" (`index` of it).
std::string opening(const char* variable, const char* value, const std::string& device = "cuda") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    flags().cuda = BITALE_CUDA_STUB;
    setenv(variable, value, 1);
    std::string said = "it opened";
    try {
      open_driver(device);
    } catch (const std::exception& e) {
      said = e.what();
    }
    _exit(write(ends[1], said.data(), said.size()) < 0);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return said;
}

}  // namespace

// First, while no driver is open: children start from what this process has.
TEST_CASE("a driver that cannot be used says why") {
  CHECK_THAT(opening("CUDA_STUB_VERSION", "11080"),
             contains("the driver is of CUDA 11.8, and CUDA 12 or later is needed"));
  CHECK_THAT(opening("CUDA_STUB_INIT", "34"), contains("is the toolkit's stub, not a driver"));
  CHECK_THAT(opening("CUDA_STUB_INIT", "100"), contains("finds no GPU"));
  CHECK_THAT(opening("CUDA_STUB_INIT", "999"), contains("does not start: CUDA_ERROR (some error)"));
  CHECK_THAT(opening("CUDA_STUB_GPUS", "2", "cuda:2"), contains("device 'cuda:2': there are 2 GPUs, counted from 0"));
  CHECK_THAT(opening("CUDA_STUB_GPUS", "1", "cuda:0"), contains("it opened"));
}

TEST_CASE("kernels run through the driver API") {
  const Stub stub;
  const auto driver = open_driver("cuda");
  CHECK(driver->target() == "sm_90");
  const codegen::cuda::Modules modules = tests::modules_of({tests::bias_gelu()});
  const auto loaded = driver->load(codegen::cuda::emulate(modules.modules[0]));
  std::vector<float> x(12), bias(4), got(12), want(12);
  std::iota(x.begin(), x.end(), -6.0f);
  std::iota(bias.begin(), bias.end(), 0.5f);
  std::int64_t extents[] = {3, 4};
  float scale = 2;
  void* host[] = {x.data(), bias.data(), &scale, want.data()};
  kernel::interpret(tests::bias_gelu(), host, extents);

  const DeviceMemory on_device[] = {{driver, 48}, {driver, 16}, {driver, 4}, {driver, 48}};
  driver->to_device(on_device[0].data(), x.data(), 48);
  driver->to_device(on_device[1].data(), bias.data(), 16);
  driver->to_device(on_device[2].data(), &scale, 4);
  std::vector<void*> addresses, parameters;
  for (const DeviceMemory& m : on_device) addresses.push_back(m.data());
  for (void*& a : addresses) parameters.push_back(&a);
  for (std::int64_t& e : extents) parameters.push_back(&e);
  for (const program::Launch& l : modules.launches[0])
    driver->launch(loaded->function(l.function), 2, l.threads, parameters);
  driver->to_host(got.data(), on_device[3].data(), 48);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-6));
  CHECK_THROWS_WITH(loaded->function("absent"), contains("the module has no function absent"));
}

TEST_CASE("calls of the driver that fail are errors with its words") {
  const Stub stub;
  const auto driver = open_driver("cuda");
  CHECK_THROWS_WITH(
      driver->allocate(std::size_t{1} << 40),
      contains("device 'cuda:0': allocating 1099511627776 bytes: CUDA_ERROR_OUT_OF_MEMORY (out of memory)"));
  const DeviceMemory memory(driver, 64);
  setenv("CUDA_STUB_FAIL", "cuStreamSynchronize=700", 1);
  char byte = 0;
  CHECK_THROWS_WITH(driver->to_host(&byte, memory.data(), 1),
                    contains("device 'cuda:0': running: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access"));
  // What could not be recorded leaves nothing behind: later requests are done at once.
  setenv("CUDA_STUB_FAIL", "cuStreamBeginCapture_v2=700", 1);
  CHECK_THROWS_WITH(driver->record(1), contains("device 'cuda:0': recording: CUDA_ERROR_ILLEGAL_ADDRESS"));
  unsetenv("CUDA_STUB_FAIL");
  driver->fill(memory.data(), 7, 64);
  driver->to_host(&byte, memory.data(), 1);
  CHECK(byte == 7);
}

TEST_CASE("what a function asks the driver for, in its first call and in later ones") {
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  const Stub stub;
  Dim n("n");
  const Tensor x = input("x", float32, {n, 3});
  Shared w("w", Array::zeros(float32, {3, 2}));
  const Tensor loss = mean(square(tanh(dot(x, w))));
  const Function step =
      function({x}, {loss}, {.updates = {{w, w - 0.1 * grad(loss, w)}}, .name = "step", .device = "cuda"});
  std::string text;
  const auto note = [&](const std::string& what) {
    text += "-- " + what + "\n" + stub.log();
    stub.clear();
  };
  const Array data = Array::zeros(float32, {5, 3});
  Array result = step(data)[0];
  note("the first call, and no look at its result");
  result.data();
  note("looking at it");
  w.get();
  note("looking at the Shared");
  step(data);
  note("the second call");
  Tensor y = input("y", float32, {});
  const Function twice = function({y}, {2.0 * y}, {.name = "twice", .device = "cuda"});
  stub.clear();
  twice(twice(step(data)[0])[0]);
  note("the third, whose result goes through two calls of another function");
  CHECK(text == tests::golden("gpu_driver_calls.txt", text));
}

namespace {

// What was recorded the last time: how often each function is in it.
std::string recorded(const std::string& log) {
  const std::size_t begin = log.rfind("cuStreamBeginCapture_v2"), end = log.find("cuStreamEndCapture", begin);
  REQUIRE(end != log.npos);
  const std::string recording = log.substr(begin, end - begin);
  std::string text = "recorded:";
  for (const std::string name :
       {"cuLaunchKernel", "cuLaunchCooperativeKernel", "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async"})
    text += fmt::format(" {} {}", tests::occurrences(recording, name + " "), name);
  // How many waits there are depends on how many modules, and with them CPUs.
  return text + (tests::occurrences(recording, "cuStreamWaitEvent ") > 0 ? ", on several streams\n" : "\n");
}

// What a step of training of a small batch asks for when it has been called often; memory is named as it appears.
std::string steady_calls(const Stub& stub, const models::ModelRow& row, const models::BuiltModel& model) {
  FunctionOptions options{.name = "step", .device = "cuda"};
  const std::vector<Tensor> gradients = grad(model.loss, model.parameter_tensors());
  for (std::size_t i = 0; i < gradients.size(); ++i)
    options.updates.emplace_back(model.parameters[i], model.parameters[i] - 0.1 * gradients[i]);
  const Function step = function(model.inputs, {model.loss}, options);
  std::vector<Array> arrays = row.sample(2, 3, 1);
  arrays.resize(model.inputs.size());
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  for (int call = 0; call < 6; ++call) step.call(arguments);
  const std::string before = stub.log();
  stub.clear();
  step.call(arguments);
  std::istringstream log(stub.log());
  std::map<std::string, std::string> names;
  std::string text = "-- " + model.name + " " + model.step + "\n" + recorded(before);
  for (std::string line; std::getline(log, line);) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (word[0] == 'm') word = names.try_emplace(word, "m" + std::to_string(names.size())).first->second;
      text += word + " ";
    }
    text.back() = '\n';
  }
  return text;
}

}  // namespace

TEST_CASE("what steps of training ask the driver for") {
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  std::string text;
  for (const char* name : {"lenet", "sae", "lstm"}) {
    const Stub stub;
    const models::ModelRow& row = models::find_model(name);
    text += steady_calls(stub, row, row.build({}));
  }
  CHECK(text == tests::golden("gpu_network_calls.txt", text));
}

TEST_CASE("streams of a recording begin and end with the first, or it is an error") {
  const Stub stub;
  const auto driver = open_driver("cuda");
  const DeviceMemory a(driver, 64), b(driver, 64);
  for (const bool joined : {true, false}) {
    driver->record(2);
    driver->fill(a.data(), 7, 64);
    const int filled = driver->event();
    driver->choose_stream(1);
    driver->wait_for(filled);
    driver->copy(b.data(), a.data(), 64);
    const int copied = driver->event();
    driver->choose_stream(0);
    if (!joined) {
      CHECK_THROWS_WITH(driver->recorded(), contains("device 'cuda:0': recording: CUDA_ERROR"));
      continue;
    }
    driver->wait_for(copied);
    const auto recording = driver->recorded();
    char byte = 0;
    driver->fill(b.data(), 1, 64);  // recorded no more
    driver->to_host(&byte, b.data(), 1);
    CHECK(byte == 1);
    driver->replay(*recording);
    driver->to_host(&byte, b.data(), 1);
    CHECK(byte == 7);
  }
}
