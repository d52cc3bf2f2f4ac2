// Convolutions by cuDNN, asked about an H100 that is described and not there.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

#include "bench/conv/layers.h"
#include "runtime/device/cudnn/fastest.h"
#include "tests/support/catch.h"
#include "tests/support/leaks_ignored.h"
#include "tests/support/message_of.h"

using namespace bitale;
using namespace bitale::cudnn;
using bitale::tests::contains;

namespace {

// Otherwise the test says so, and ends.
bool there_is_cudnn() {
  if (Library::find() && !Library::get().path().starts_with(BITALE_CUDA_STUB)) return true;
  std::printf("[SKIP] cuDNN not found, or its stand-in was opened before\n");
  return false;
}

using Layout = Operand (*)(std::vector<std::int64_t>);
constexpr Form forms[] = {Form::forward, Form::backward_data, Form::backward_filters};

struct Precision {
  DataType type;
  bool tf32;
  bool tensor_cores() const { return tf32 || type == DataType::f16 || type == DataType::bf16; }
};
constexpr Precision precisions[] = {
    {DataType::f32, false}, {DataType::f32, true}, {DataType::f16, false}, {DataType::bf16, false}};

Convolution convolution(Form form, Layout layout, const bench::ConvLayer& l, std::int64_t batch) {
  const std::int64_t p = l.positions();
  return {.form = form,
          .type = DataType::f32,
          .image = layout({batch, l.channels, l.size, l.size}),
          .filters = layout({l.filters, l.channels / l.groups, l.kernel, l.kernel}),
          .result = layout({batch, l.filters, p, p}),
          .before = {l.padding, l.padding},
          .after = {l.padding, l.padding},
          .stride = {l.stride, l.stride},
          .dilation = {1, 1}};
}

// Images of 6 channels, 8 filters of 3x3, padded by 1.
Convolution small(Form form, std::int64_t batch = 4) {
  return convolution(form, channels_last, {"small", 6, 13, 8, 3, 1, 1, 1}, batch);
}

std::vector<ConvolutionPlan> plans(const Convolution& c) { return search_plans(c, Target(description("sm_90"))).plans; }
std::string refusal(const Convolution& c) {
  return tests::message_of([&] { find_plans(c, Target(description("sm_90"))); });
}

// "CUDNN_ATTR_TENSOR_STRIDES = 903" in NVIDIA's header.
std::map<std::string, int> enumerators(const std::filesystem::path& header) {
  std::ifstream file(header);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::regex row(R"((CUDNN_\w+)(?:\s+CUDNN_DEPRECATED_ENUM)?\s*=\s*(\d+))");
  std::map<std::string, int> found;
  for (auto match = std::sregex_iterator(all.begin(), all.end(), row); match != std::sregex_iterator(); ++match)
    found[(*match)[1]] = std::stoi((*match)[2]);
  return found;
}

}  // namespace

TEST_CASE("numbers are those of NVIDIA's header") {
  const tests::LeaksIgnored ignored;
  std::filesystem::path header = "/usr/local/cuda/include/cudnn_graph.h";
  if (!std::filesystem::exists(header)) header = "/usr/include/cudnn_graph.h";
  if (!std::filesystem::exists(header)) {
    std::printf("[SKIP] cudnn_graph.h not found\n");
    return;
  }
  const std::map<std::string, int> expected = enumerators(header);
  const auto check = [&](const char* nvidia, int value) {
    INFO(nvidia);
    REQUIRE(expected.count(nvidia) == 1);
    CHECK(expected.at(nvidia) == value);
  };
#define BITALE_CUDNN_STATUS(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_KIND(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_TYPE(type, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_ATTRIBUTE(name, nvidia, value, type) check(#nvidia, value);
#define BITALE_CUDNN_DATA_TYPE(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_CONVOLUTION_MODE(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_HEURISTIC_MODE(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_NUMERICAL_NOTE(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_BEHAVIOR_NOTE(name, nvidia, value) check(#nvidia, value);
#define BITALE_CUDNN_KNOB(name, nvidia, value) check(#nvidia, value);
#include "runtime/device/cudnn/values.def"
}

TEST_CASE("operands in both layouts") {
  const tests::LeaksIgnored ignored;
  CHECK(channels_first({2, 3, 5, 7}).strides == std::vector<std::int64_t>{105, 35, 7, 1});
  CHECK(channels_last({2, 3, 5, 7}).strides == std::vector<std::int64_t>{105, 1, 21, 3});
  CHECK(channels_last({2, 3, 5}).strides == std::vector<std::int64_t>{15, 1, 3});
  CHECK(channels_last({2, 3, 4, 5, 7}).strides == std::vector<std::int64_t>{420, 1, 105, 21, 3});
}

TEST_CASE("a library that cannot be used says why") {
  const tests::LeaksIgnored ignored;
  constexpr const char* nowhere[] = {"libcudnn-nowhere.so.9"};
  const Library missing{nowhere};
  for (const char* part : {"cuDNN is not there: looked for ", "/usr/local/cuda/lib64/libcudnn-nowhere.so.9",
                           "Folders to look in first: BITALE_CUDA"})
    CHECK_THAT(missing.why_not(), contains(part));
  constexpr const char* other[] = {"libm.so.6"};
  CHECK_THAT(Library{other}.why_not(), contains("libm.so.6, lacks cudnnGetVersion, "));
}

TEST_CASE("targets are described GPUs") {
  const tests::LeaksIgnored ignored;
  CHECK_THROWS_WITH(description("sm_80"), contains("sm_90 only") && contains("sm_80 was asked for"));
  if (!there_is_cudnn()) return;
  CHECK_THAT(Target(description("sm_90")).json(), contains("\"multiProcessorCount\": 132"));
  CHECK_THROWS_WITH(Target("{}"), contains("finalising the descriptor 'device'") && contains("maxGridSize"));
  CHECK_THROWS_WITH(Target("an H100"), contains("CUDNN_STATUS_BAD_PARAM"));
}

// Which engines there are is cuDNN's business, and another in each version: what is checked is what plans rely on.
TEST_CASE("cuDNN has plans for LeNet's and AlexNet's convolutions") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  const Target target(description("sm_90"));
  for (const Precision& precision : precisions) {
    std::array<std::int64_t, 2> workspace{};  // of the best plans
    for (const char* net : {"lenet", "alexnet"})
      for (const bench::ConvLayer& layer : bench::find_conv_net(net).layers)
        for (const Form form : forms)
          for (const bool last : {false, true}) {
            Convolution c =
                convolution(form, last ? channels_last : channels_first, layer, bench::find_conv_net(net).batch);
            c.type = precision.type;
            c.tf32 = precision.tf32;
            INFO(to_string(c));
            const PlanSearch search = search_plans(c, target);
            REQUIRE(!search.plans.empty());
            workspace[last] += search.plans[0].workspace_bytes();
            bool tensor_core = false;
            for (const ConvolutionPlan& p : search.plans) {
              CHECK(p.workspace_bytes() >= 0);
              tensor_core |= p.engine().has(NumericalNote::tensor_core);
            }
            CHECK(tensor_core == precision.tensor_cores());
            for (const PlanSearch::Refused& r : search.refused) CHECK(!r.why.empty());
          }
    // Tensor cores read channels last: other operands are copied into that order.
    if (precision.tensor_cores()) CHECK(workspace[1] < workspace[0]);
  }
}

TEST_CASE("heuristics propose engines with their knobs, each once") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  Convolution c = small(Form::forward, 64);
  c.tf32 = true;
  std::map<std::string, int> texts;
  std::size_t knobs = 0;
  for (const ConvolutionPlan& p : plans(c)) {
    ++texts[to_string(p.engine())];
    knobs += p.engine().knobs.size();
  }
  CHECK(knobs > 0);
  for (const auto& [text, times] : texts) {
    INFO(text);
    CHECK(times == 1);
    CHECK_THAT(text, contains("engine "));
  }
}

TEST_CASE("deterministic convolutions have deterministic engines") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  const auto any = [](const Convolution& c) {
    for (const ConvolutionPlan& p : plans(c))
      if (p.engine().has(NumericalNote::nondeterministic)) return true;
    return false;
  };
  Convolution c = convolution(Form::backward_filters, channels_first, bench::find_conv_net("lenet").layers[1], 64);
  CHECK(any(c));
  c.deterministic = true;
  CHECK_FALSE(any(c));
  CHECK(!plans(c).empty());
}

// What compiled functions hand over: padding of either side up to the windows' reach, in float32 and float64 channels
// first, in TF32 and 16 bits channels last.
TEST_CASE("padding may be any that windows reach beyond") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  struct Case {
    std::int64_t channels, filters, groups, stride, dilation, before, after;
  };
  const Case cases[] = {{6, 8, 1, 1, 1, 2, 2}, {6, 8, 1, 1, 1, 0, 1}, {6, 8, 1, 2, 1, 2, 0}, {6, 8, 2, 2, 1, 0, 2},
                        {6, 8, 2, 1, 2, 4, 1}, {1, 4, 1, 1, 1, 1, 0}, {4, 4, 4, 1, 1, 1, 2}, {3, 5, 1, 3, 1, 1, 0}};
  for (const Form form : forms)
    for (const auto& [type, tf32] : {std::pair(DataType::f32, false),
                                     {DataType::f32, true},
                                     {DataType::f64, false},
                                     {DataType::f16, false},
                                     {DataType::bf16, false}})
      for (const Case& k : cases) {
        const std::int64_t size = 13, p = (size + k.before + k.after - 2 * k.dilation - 1) / k.stride + 1;
        const Layout layout = tf32 ? channels_last : channels_first;
        const Convolution c{.form = form,
                            .type = type,
                            .image = layout({4, k.channels, size, size}),
                            .filters = layout({k.filters, k.channels / k.groups, 3, 3}),
                            .result = layout({4, k.filters, p, p}),
                            .before = {k.before, k.after},
                            .after = {k.after, k.before},
                            .stride = {k.stride, k.stride},
                            .dilation = {k.dilation, k.dilation},
                            .tf32 = tf32};
        INFO(to_string(c));
        CHECK(!plans(c).empty());
      }
}

TEST_CASE("of plans that run, the fastest is taken") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  Convolution c = convolution(Form::forward, channels_last, bench::find_conv_net("alexnet").layers[2], 256);
  c.tf32 = true;
  const std::vector<ConvolutionPlan> all = plans(c);
  REQUIRE(all.size() > 8);
  std::map<std::string, int> runs;
  const auto take = [&](const std::function<double(std::size_t)>& ms) {
    runs.clear();
    return to_string(fastest_plan(c, all, [&](const ConvolutionPlan& p, int times) {
                       const std::string name = to_string(p.engine());
                       runs[name] += times;
                       for (std::size_t i = 0; i < all.size(); ++i)
                         if (to_string(all[i].engine()) == name) return ms(i) * times;
                       throw Error("a plan of something else");
                     }).engine());
  };
  const auto name = [&](std::size_t i) { return to_string(all[i].engine()); };
  CHECK(take([](std::size_t i) { return i == 3 ? 0.5 : 1.0; }) == name(3));
  CHECK(runs.size() == 8);  // the first ones
  CHECK(runs[name(0)] == 10);
  CHECK(take([](std::size_t i) { return i == 0 ? 1.0 : 2.0; }) == name(0));
  CHECK(runs[name(1)] == 4);  // much slower
  CHECK(take([](std::size_t i) { return i < 5 ? throw Error("no memory") : static_cast<double>(i); }) == name(5));
  const std::string message = tests::message_of([&] { take([](std::size_t) -> double { throw Error("no memory"); }); });
  CHECK_THAT(message,
             contains("convolution " + to_string(c) + ": cuDNN's plans:\n  failed: " + name(0) + ": no memory"));
}

TEST_CASE("other types, and windows of all kinds") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  for (const Form form : forms) {
    std::vector<Convolution> all(10, small(form));
    all[0].type = DataType::f64;
    all[1].type = DataType::f16;
    all[2].type = DataType::bf16;
    all[3].flip = true;
    all[4].dilation = all[4].before = all[4].after = {2, 2};
    all[5].before = {0, 0}, all[5].after = {2, 2};
    all[6] = small(form, 1);
    all[7] = convolution(form, channels_first, {"ones", 1, 1, 1, 1, 1, 0, 1}, 1);
    all[8] = {.form = form,
              .image = channels_first({4, 6, 9, 7, 5}),
              .filters = channels_first({8, 3, 3, 3, 3}),
              .result = channels_first({4, 8, 4, 5, 5}),
              .before = {0, 0, 1},
              .after = {0, 0, 1},
              .stride = {2, 1, 1},
              .dilation = {1, 1, 1}};
    all[9].alignment = 4;
    for (const Convolution& c : all) {
      INFO(to_string(c));
      CHECK(!plans(c).empty());
    }
  }
}

TEST_CASE("what is no convolution is an error with the shapes and cuDNN's words") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn()) return;
  for (const Form form : forms) {
    const auto refused = [&](void (*change)(Convolution&), const std::string& part, const std::string& why) {
      Convolution c = small(form);
      change(c);
      const std::string message = refusal(c);
      CHECK_THAT(message, contains("convolution " + to_string(form) + ", image "));
      CHECK_THAT(message, contains(part));
      CHECK_THAT(message, contains(why));
    };
    const std::string bad = "CUDNN_STATUS_BAD_PARAM (";
    refused([](Convolution& c) { c.filters = channels_last({8, 5, 3, 3}); }, "filters [8, 5, 3, 3]", bad);
    refused([](Convolution& c) { c.filters = channels_last({7, 3, 3, 3}); }, "filters [7, 3, 3, 3]", bad);
    refused([](Convolution& c) { c.result = channels_last({4, 8, 12, 13}); }, "result [4, 8, 12, 13]", bad);
    refused([](Convolution& c) { c.image.extents[0] = c.result.extents[0] = 0; }, "image [0, 6, 13, 13]", bad);
    refused([](Convolution& c) { c.filters = channels_last({8, 6, 33, 3}); }, "filters [8, 6, 33, 3]", bad);
    refused([](Convolution& c) { c.stride = {0, 1}; }, "stride [0, 1]", bad);
    refused([](Convolution& c) { c.before = {-1, 1}; }, "padding [-1, 1] and [1, 1]", bad);
    refused([](Convolution& c) { c.stride = {1}; }, "stride [1]", "a number for each spatial axis");
    refused([](Convolution& c) { c.image.strides.pop_back(); }, "[1014, 1, 78]", "a stride for each");
    refused([](Convolution& c) { c.filters.extents.pop_back(); }, "filters [8, 6, 3]", "the same number of axes");
  }
}

TEST_CASE("without a GPU there is no handle") {
  const tests::LeaksIgnored ignored;
  if (!there_is_cudnn() || std::filesystem::exists("/dev/nvidiactl")) return;
  CHECK_THROWS_WITH(Handle(nullptr), contains("cuDNN: opening it for the GPU: CUDNN_STATUS_"));
}
