// Near misses of the cache: a changed function takes from it the kernels that did not change.
#include <filesystem>
#include <thread>

#include <bitale/bitale.h>
#include <nlohmann/json.hpp>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;
using Json = nlohmann::json;

namespace {

// While it lives, an empty cache of its own.
class OwnCache {
 public:
  OwnCache() { flags().cache = folder_.path(); }
  ~OwnCache() { flags().cache = saved_; }
  const TempFolder& folder() const { return folder_; }

 private:
  const TempFolder folder_;
  const std::string saved_ = flags().cache;
};

Array ramp(Extents shape) {
  Array a(float32, std::move(shape));
  float v = -1;
  for (float& e : a.view<float>()) e = (v += 0.125F) > 1 ? v = -1 : v;
  return a;
}

// A step of a regression: products forward and backward, the epilogue of one of which has the rate in it.
struct Model {
  std::string x = "x", w = "w", function = "step";
  double rate = 0.125;
  bool deeper = false;
};

Function step(const Model& m, FunctionOptions options = {}) {
  const Dim n("n");
  const Tensor x = input(m.x, float32, {n, 6});
  const Shared w(m.w, ramp({6, 6}));
  Tensor y = tanh(dot(x, w));
  if (m.deeper) y = sigmoid(dot(y, w));
  const Tensor loss = mean(square(y));
  options.updates = {{w, w - m.rate * grad(loss, w)}};
  options.name = m.function;
  return function({x}, {loss}, options);
}

struct Counts {
  int hits = 0, misses = 0;
  bool operator==(const Counts&) const = default;
};

Counts counts(const Function& f) {
  const Json json = Json::parse(f.compile_report_json());
  return {json["kernel_cache"]["hits"].get<int>(), json["kernel_cache"]["misses"].get<int>()};
}

bool opened_generator(const Function& f) { return f.compile_report().find("load code generator") != std::string::npos; }

float run(const Function& f) {
  const std::vector<Argument> arguments{ramp({5, 6})};
  f.call(arguments);
  return f.call(arguments)[0].view<float>()[0];  // after one update
}

}  // namespace

TEST_CASE("another learning rate costs the kernel that has it") {
  const OwnCache cache;
  const Function first = step({});
  const int all = counts(first).misses;
  CHECK(counts(first) == Counts{0, all});
  CHECK(all > 4);
  const Function near = step({.rate = 0.25});
  CHECK_FALSE(near.from_cache());
  CHECK(counts(near) == Counts{all - 1, 1});
  CHECK(opened_generator(near));
  CHECK_THAT(near.compile_report(), contains("kernels: " + std::to_string(all - 1) + " cached, 1 generated"));
  CHECK_THAT(near.compile_report(), contains("generate code  (1 kernels, 0 leaves"));
  const Json trace = Json::parse(near.compile_trace());
  CHECK(trace["otherData"]["kernel_hits"] == all - 1);
  CHECK(trace["otherData"]["kernel_misses"] == 1);
  CHECK(run(near) == run(step({.rate = 0.25}, {.cache = false})));
  CHECK(run(near) != run(first));

  const Function hit = step({.rate = 0.25});
  CHECK(hit.from_cache());
  CHECK(counts(hit) == Counts{0, 0});
}

TEST_CASE("kernels that differ in names and lines alone are the same") {
  const OwnCache cache;
  const int all = counts(step({})).misses;
  const Function renamed = step({.x = "images", .w = "weights", .function = "train"});
  CHECK_FALSE(renamed.from_cache());
  CHECK(counts(renamed) == Counts{all, 0});
  CHECK_FALSE(opened_generator(renamed));
  CHECK(run(renamed) == run(step({}, {.cache = false})));
}

TEST_CASE("a layer more takes the leaves and kernels that it shares") {
  const OwnCache cache;
  const Function shallow = step({}), deep = step({.deeper = true});
  CHECK(counts(deep).hits > 3);
  CHECK(counts(deep).misses > 0);
  const Function alone = step({.deeper = true}, {.cache = false});
  CHECK(counts(alone) == Counts{0, counts(deep).hits + counts(deep).misses});
  CHECK(run(deep) == run(alone));
}

TEST_CASE("code of another kind is not taken: quick, or for another instruction set") {
  const OwnCache cache;
  const Function first = step({}, {.isa = "v2"});
  CHECK(counts(step({.function = "quick"}, {.level = 0, .isa = "v2"})).hits == 0);
  CHECK(counts(step({.function = "wide"}, {.isa = "v3"})).hits == 0);
  CHECK(counts(step({.function = "tuned"}, {.level = 3, .isa = "v2"})).misses == 0);
  flags().disable = "no-such-rule";
  CHECK(counts(step({.function = "disabled"}, {.isa = "v2"})).misses == 0);
  flags().disable.clear();
}

TEST_CASE("what is dumped is generated, so that there is a listing of it") {
  const OwnCache cache;
  const int all = counts(step({})).misses;
  const TempFolder dump;
  flags().dump = dump.path();
  const Function again = step({.function = "listed"});
  flags().dump.clear();
  CHECK(counts(again) == Counts{0, all});
  int listings = 0;
  for (const auto& file : std::filesystem::directory_iterator(dump.path()))
    listings += file.path().filename().string().starts_with("listed.micro");
  CHECK(listings > 0);
}

TEST_CASE("threads that compile neighbours at once agree") {
  const OwnCache cache;
  const float expected = run(step({}, {.cache = false}));
  std::vector<std::thread> threads;
  std::vector<float> values(4);
  for (std::size_t t = 0; t < values.size(); ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3; ++i)
        values[t] = run(step({.function = "f" + std::to_string(t) + std::to_string(i)}, {.threads = 1}));
    });
  for (std::thread& t : threads) t.join();
  for (const float v : values) CHECK(v == expected);
  CHECK(counts(step({.function = "last"})).misses == 0);
}

TEST_CASE("processes that write at once leave a cache that is whole") {
  const OwnCache cache;
  const std::vector<std::pair<std::string, std::string>> here = {{"BITALE_CACHE", cache.folder().path()}};
  const std::vector<std::string> train = {"train", "lenet", "--epochs", "0", "--quiet", "--threads", "1"};
  std::vector<Ran> ran(3);
  std::vector<std::thread> threads;
  for (Ran& r : ran) threads.emplace_back([&] { r = run_bitale(train, here); });
  for (std::thread& t : threads) t.join();
  for (const Ran& r : ran) {
    CHECK(r.status == 0);
    CHECK(r.err.empty());
  }
  const Ran list = run_bitale({"cache", "list"}, here);
  CHECK(list.err.empty());
  CHECK_THAT(list.out, contains("lenet_train") && contains("2 functions") && contains(" kernels of these functions"));
  CHECK_THAT(list.out, !contains("unreadable"));
  for (const auto& file : std::filesystem::directory_iterator(cache.folder().path()))
    CHECK(file.path().extension() != ".tmp");
}
