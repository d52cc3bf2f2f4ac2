// Independent steps on several streams: recorded calls give what they give on one stream, whatever order the device
// finds; waits that are left out and memory that is given back too early are found.
#include <set>

#include <bitale/bitale.h>

#include "models/zoo/alexnet.h"
#include "models/zoo/models.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "tests/gpu/forwarding.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/message_of.h"
#include "tests/support/op_cases.h"
#include "tests/support/relative_error.h"

using namespace bitale;
using bitale::tests::contains;

namespace {

constexpr int seeds = 20;

// Flags as they are wanted, until the end of a test.
struct WithStreams {
  explicit WithStreams(int streams) { flags().streams = streams; }
  ~WithStreams() {
    flags().streams = Flags().streams;
    flags().emulated_seed = 0;
  }
};

// Drivers of the emulated device that note what is recorded, or do something wrong.
class Watched : public tests::Forwarding {
 public:
  Watched() : Forwarding(open_driver("emulated")) {}

  void record(int streams) override {
    waits = 0;
    used = streams;
    Forwarding::record(streams);
  }
  void wait_for(int event) override {
    if (waits++ != left_out) Forwarding::wait_for(event);
  }
  void* allocate(std::size_t bytes) override {
    void* memory = Forwarding::allocate(bytes);
    if (bytes > largest_bytes) largest_bytes = bytes, largest = memory;
    return memory;
  }

  int left_out = -1;        // of the waits of a recording
  int waits = 0, used = 1;  // of the latest
  void* largest = nullptr;  // of what was allocated
  std::size_t largest_bytes = 0;
};

std::shared_ptr<Watched> watched() {
  static const auto driver = [] {
    auto made = std::make_shared<Watched>();
    install_driver("watched", made);
    return made;
  }();
  return driver;
}

bool same(const std::vector<Array>& got, const std::vector<Array>& expected) {
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(tests::relative_error(got[i], expected[i]) < 1e-5)) return false;  // elements are scattered in any order
  return got.size() == expected.size();
}

using Inputs = std::vector<Argument>;

// A function of a network: the loss and its gradient. What it is given alternates: what an earlier call left in memory
// is wrong in the next one.
struct Case {
  std::vector<Tensor> inputs, outputs;
  Inputs given[2];

  Function compiled(const std::string& device) const {
    return function(inputs, outputs, {.name = "f", .device = device});
  }
};

Case case_of(const models::BuiltModel& model, const std::vector<Array>& first, const std::vector<Array>& second) {
  Case c{model.inputs, grad(model.loss, model.parameter_tensors()), {}};
  c.outputs.push_back(model.loss);
  const auto count = static_cast<std::ptrdiff_t>(model.inputs.size());
  c.given[0] = Inputs(first.begin(), first.begin() + count);
  c.given[1] = Inputs(second.begin(), second.begin() + count);
  return c;
}

std::vector<std::vector<Array>> results_on_one(const Case& c) {
  const WithStreams one(1);
  const Function f = c.compiled(tests::tested_device());
  for (int call = 0; call < 2; ++call) f.call(c.given[0]);
  std::vector<std::vector<Array>> results;
  for (const Inputs& given : c.given) {
    results.push_back(f.call(given));
    for (Array& a : results.back()) a = a.clone();
  }
  return results;
}

void check_orders(const Case& c, int least_streams) {
  const std::vector<std::vector<Array>> expected = results_on_one(c);
  const WithStreams four(4);
  std::shared_ptr<Watched> driver = tests::is_played() ? watched() : nullptr;
  const Function f = c.compiled(driver ? "watched" : tests::tested_device());
  for (int call = 0; call < 2; ++call) f.call(c.given[0]);
  if (driver) CHECK(driver->used >= least_streams);
  for (int seed = 1; seed <= seeds; ++seed) {
    flags().emulated_seed = seed;
    const std::size_t which = seed % 2;
    INFO("seed " << seed);
    CHECK(same(f.call(c.given[which]), expected[which]));
  }
}

}  // namespace

TEST_CASE("LeNet is the same in whatever order the streams go on") {
  const models::ModelRow& row = models::find_model("lenet");
  check_orders(case_of(row.build({.random_last_layer = true}), row.sample(2, 0, 1), row.sample(2, 0, 2)), 3);
}

TEST_CASE("the stacked autoencoder is the same in whatever order the streams go on") {
  const models::ModelRow& row = models::find_model("sae");
  check_orders(case_of(row.build({.random_last_layer = true}), row.sample(2, 0, 1), row.sample(2, 0, 2)), 2);
}

TEST_CASE("the LSTM is the same in whatever order the streams go on") {
  const models::ModelRow& row = models::find_model("lstm");
  check_orders(case_of(row.build({.random_last_layer = true, .hidden = 24, .vocabulary = 10'000}), row.sample(3, 5, 1),
                       row.sample(3, 5, 2)),
               2);
}

TEST_CASE("AlexNet, small, is the same in whatever order the streams go on") {
  models::AlexNetOptions options;
  options.input_size = 67;
  options.classes = 10;
  options.shrink = 16;
  options.scaled_weights = true;
  const std::int64_t labels[] = {3, 7};
  const auto sample = [&](std::uint64_t seed) {
    return std::vector<Array>{tests::random_array(float32, {2, 3, 67, 67}, -1, 1, seed),
                              Array::of<std::int64_t>(labels, {2})};
  };
  check_orders(case_of(models::alexnet(options), sample(1), sample(2)), 2);
}

namespace {

// Chains that meet in the end, and whose temporaries take each other's memory. No sums are long enough to be cut.
Case chains() {
  const Tensor x = input("x", float32, {7, 6});
  Shared w("w", tests::random_array(float32, {6, 5}, -1, 1, 1)), v("v", tests::random_array(float32, {5, 4}, -1, 1, 2));
  const Tensor h = tanh(dot(x, w)), y = tanh(dot(h, v)), loss = mean(square(y)) + mean(square(dot(h, transpose(h))));
  Case c{{x}, grad(loss, {w, v}), {}};
  c.outputs.insert(c.outputs.end(), {loss, sum(h, {0}), max(y, {1}), sum(exp(x), {1})});
  for (const int i : {0, 1})
    c.given[i] = {tests::random_array(float32, {7, 6}, -1, 1, static_cast<std::uint64_t>(3 + i))};
  return c;
}

constexpr int calls_of_seed = 5;

// Whether calls in some of the orders differ, or are errors.
bool is_found(const Case& c, const std::vector<std::vector<Array>>& expected) {
  const Function f = c.compiled("watched");
  try {
    for (int call = 0; call < 2; ++call) f.call(c.given[0]);
    for (int call = 0; call < seeds * calls_of_seed; ++call) {
      flags().emulated_seed = 1 + call / calls_of_seed;
      const std::size_t which = call % 2;
      if (!same(f.call(c.given[which]), expected[which])) return true;
    }
  } catch (const std::exception&) {
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a wait that is left out is found") {
  if (!tests::is_played()) return;
  const Case c = chains();
  const std::vector<std::vector<Array>> expected = results_on_one(c);
  const WithStreams four(4);
  const std::shared_ptr<Watched> driver = watched();
  CHECK_FALSE(is_found(c, expected));
  const int waits = driver->waits;
  CHECK(driver->used > 1);
  CHECK(waits > 3);
  for (driver->left_out = 0; driver->left_out < waits; ++driver->left_out) {
    INFO("wait " << driver->left_out << " of " << waits);
    CHECK(is_found(c, expected));
  }
  driver->left_out = -1;
}

TEST_CASE("memory that is given back before its last use is found") {
  if (!tests::is_played()) return;
  const Case c = chains();
  const std::shared_ptr<Watched> driver = watched();
  driver->largest_bytes = 0;
  const Function f = c.compiled("watched");
  for (int call = 0; call < 3; ++call) f.call(c.given[0]);
  driver->release(driver->largest);
  CHECK_THROWS_WITH(f.call(c.given[0]),
                    contains("a recording that is replayed uses " + std::to_string(driver->largest_bytes) +
                             " bytes of memory that were given back before"));
}

namespace {

// How many streams two products of x go to that have nothing else in common, k terms in each of their sums.
int streams_of_products(const Dim& k, std::int64_t length) {
  Dim n("n");
  const Tensor x = input("x", float32, {n, k}), w = input("w", float32, {k, 3}), v = input("v", float32, {k, 4});
  const Function f = function({x, w, v}, {dot(x, w), dot(x, v)}, {.device = "watched"});
  const Inputs given{Array::zeros(float32, {2, length}), Array::zeros(float32, {length, 3}),
                     Array::zeros(float32, {length, 4})};
  for (int call = 0; call < 2; ++call) f.call(given);
  return watched()->used;
}

}  // namespace

// The emulated device does launches one after another, and could not show that they meet in memory of their module.
TEST_CASE("products whose sums may be cut into parts, which meet in one place, keep their order") {
  if (!tests::is_played()) return;
  watched();
  CHECK(streams_of_products(Dim("k"), 5) == 1);
  CHECK(streams_of_products(Dim(5), 5) == 2);
}

namespace {

constexpr std::size_t bytes = 64;

struct Pieces {
  const std::shared_ptr<Driver> driver = open_driver("emulated");
  const DeviceMemory a{driver, bytes}, b{driver, bytes};

  // What b holds after its memory was filled with `byte` and the recording was replayed; each order comes to a value.
  std::set<int> outcomes(const Driver::Recording& recording) const {
    std::set<int> found;
    for (int replay = 0; replay < 40; ++replay) {
      driver->fill(a.data(), 1, bytes);
      driver->fill(b.data(), 2, bytes);
      driver->replay(recording);
      std::uint8_t byte = 0;
      driver->to_host(&byte, b.data(), 1);
      found.insert(byte);
    }
    return found;
  }
};

}  // namespace

TEST_CASE("streams of a recording go on in any order, but for what events say") {
  if (!tests::is_played()) return;
  for (const bool waits : {false, true}) {
    const Pieces p;
    p.driver->record(2);
    const int begin = p.driver->event();
    p.driver->fill(p.a.data(), 3, bytes);
    const int filled = p.driver->event();
    p.driver->choose_stream(1);
    p.driver->wait_for(waits ? filled : begin);
    p.driver->copy(p.b.data(), p.a.data(), bytes);
    const int copied = p.driver->event();
    p.driver->choose_stream(0);
    p.driver->wait_for(copied);
    const auto recording = p.driver->recorded();
    CHECK(p.outcomes(*recording) == (waits ? std::set<int>{3} : std::set<int>{1, 3}));
  }
}

TEST_CASE("streams that do not begin or end with the first are errors") {
  if (!tests::is_played()) return;
  const Pieces p;
  p.driver->record(2);
  p.driver->choose_stream(1);
  CHECK_THROWS_WITH(p.driver->fill(p.a.data(), 3, bytes), contains("stream 1 of a recording is asked for something "
                                                                   "before it has waited for an event"));
  p.driver->choose_stream(0);
  const int begin = p.driver->event();
  p.driver->choose_stream(1);
  p.driver->wait_for(begin);
  p.driver->fill(p.a.data(), 3, bytes);
  CHECK_THROWS_WITH(p.driver->recorded(), contains("the first stream has not waited for stream 1"));
}

TEST_CASE("what is pending may use memory that was given back, and nothing later may") {
  if (!tests::is_played()) return;
  const Pieces p;
  void* const memory = p.driver->allocate(100);
  p.driver->fill(memory, 5, bytes);
  p.driver->copy(p.b.data(), memory, bytes);
  p.driver->release(memory);
  CHECK_THROWS_WITH(p.driver->copy(p.b.data(), memory, bytes),
                    contains("device 'emulated': a request uses 100 bytes of memory that were given back before"));
  std::uint8_t byte = 0;
  p.driver->to_host(&byte, p.b.data(), 1);
  CHECK(byte == 5);
  CHECK_THROWS_WITH(p.driver->to_host(&byte, memory, 1), contains("were given back before"));
}

TEST_CASE("a number of streams that no device has is an error") {
  const WithStreams none(0);
  const Tensor x = input("x", float32, {3});
  const Function f = function({x}, {2.0 * x}, {.device = tests::tested_device()});
  f(Array::zeros(float32, {3}));
  CHECK_THROWS_WITH(f(Array::zeros(float32, {3})), contains("BITALE_STREAMS is 0, expected 1 to 64"));
}
