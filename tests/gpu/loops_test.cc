// Loops as one kernel of the tests' device: the values and gradients of the CPU, whatever a loop binds.
#include <bitale/bitale.h>

#include "runtime/base/flags.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Restores what loops are to be.
class Loops {
 public:
  explicit Loops(const char* what) : before_(flags().loops) { flags().loops = what; }
  ~Loops() { flags().loops = before_; }
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

 private:
  const std::string before_;
};

using Values = std::vector<Array>;

std::vector<Array> run(const Function& f, const Values& values) {
  return f.call(std::vector<Argument>(values.begin(), values.end()));
}

std::size_t kernels_of(const Function& f) { return occurrences(f.program_text(), "as one kernel @"); }
std::size_t with_clusters(const Function& f) { return occurrences(f.program_text(), "(of clusters)"); }
std::size_t loops_of(const Function& f) { return occurrences(f.program_text(), ": loop "); }

Array random(const Extents& shape, std::uint64_t seed, DType type = float64) {
  return random_array(type, shape, -1, 1, seed);
}

// Calls both with each of the values, and again: then it is recorded, and then replayed.
void check_same(const Function& got, const Function& expected, const std::vector<Values>& calls, double tolerance) {
  for (const Values& values : calls) {
    const std::vector<Array> want = run(expected, values);
    for (int call = 0; call < 4; ++call) {
      const std::vector<Array> have = run(got, values);
      REQUIRE(have.size() == want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        INFO("result " << i << ", call " << call << ", first argument " << shape_text(values[0].shape()));
        CHECK(difference(have[i], want[i], tolerance) == "");
      }
    }
  }
}

// `kernels`: how many of the loops are kernels; -1: all.
void check(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const std::vector<Values>& calls,
           int kernels = -1, double tolerance = 100) {
  const Function expected = function(inputs, outputs, {.name = "on_cpu", .threads = 1});
  bool clusters = false;
  {
    const Loops as("kernels");
    const Function f = function(inputs, outputs, {.name = "as_kernels", .device = tests::tested_device()});
    CAPTURE(f.compile_report());
    CHECK(kernels_of(f) == (kernels < 0 ? loops_of(f) : static_cast<std::size_t>(kernels)));
    CHECK(loops_of(f) > 0);
    clusters = with_clusters(f) > 0;
    check_same(f, expected, calls, tolerance);
  }
  std::vector<const char*> others{"launches"};
  if (clusters) others.push_back("grid");
  for (const char* what : others) {
    const Loops as(what);
    const Function f = function(inputs, outputs, {.name = "as_asked", .device = tests::tested_device()});
    if (std::string_view(what) == "grid") CHECK(with_clusters(f) == 0);
    check_same(f, expected, calls, tolerance);
  }
}

void check_with_gradients(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                          const std::vector<Values>& calls, int kernels = -1, double tolerance = 100) {
  Tensor cost;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor term = sum(outputs[i] * outputs[i] * static_cast<double>(i + 1));
    cost = i == 0 ? term : cost + term;
  }
  std::vector<Tensor> all = grad(cost, inputs);
  all.insert(all.end(), outputs.begin(), outputs.end());
  check(inputs, outputs, calls, kernels, tolerance);
  check(inputs, all, calls, kernels, tolerance);
}

}  // namespace

TEST_CASE("a recurrence, for every number of steps and rows by one compilation") {
  const Dim steps("steps"), batch("batch");
  for (const DType type : {float32, float64}) {
    const Tensor x = input("x", type, {steps, batch, 3}), h0 = input("h0", type, {batch, 5});
    const Tensor w = input("w", type, {3, 5}), u = input("u", type, {5, 5});
    for (const bool backwards : {false, true}) {
      const ScanResult r = scan({.sequences = {x}, .carries = {h0}, .go_backwards = backwards}, [&](const ScanStep& t) {
        return StepResult{.carries = {tanh(dot(t.row(0), w) + dot(t.carry(0), u))}};
      });
      std::vector<Values> calls;
      for (const auto& [n, rows] : {std::pair(1, 1), std::pair(2, 3), std::pair(7, 2), std::pair(0, 2)})
        calls.push_back({random({n, rows, 3}, 1, type), random({rows, 5}, 2, type), random({3, 5}, 3, type),
                         random({5, 5}, 4, type)});
      check_with_gradients({x, h0, w, u}, {r.carries[0], r.last[0]}, calls);
    }
  }
}

TEST_CASE("an LSTM cell, whose gates are slices of one product") {
  const Dim steps("steps"), batch("batch");
  for (const std::int64_t width : {16, 5}) {
    const Tensor x = input("x", float32, {steps, batch, 4 * width}), u = input("u", float32, {width, 4 * width});
    const Tensor h0 = input("h0", float32, {batch, width}), c0 = input("c0", float32, {batch, width});
    const ScanResult r = scan({.sequences = {x}, .carries = {h0, c0}}, [&](const ScanStep& t) {
      const Tensor all = t.row(0) + dot(t.carry(0), u);
      const auto gate = [&](int g) { return slice(all, 1, g * width, (g + 1) * width); };
      const Tensor c = sigmoid(gate(0)) * t.carry(1) + sigmoid(gate(1)) * tanh(gate(2));
      return StepResult{.carries = {sigmoid(gate(3)) * tanh(c), c}};
    });
    std::vector<Values> calls;
    for (const auto& [n, rows] : {std::pair(3, 2), std::pair(5, 35)})
      calls.push_back({random({n, rows, 4 * width}, 1, float32), random({width, 4 * width}, 2, float32),
                       random({rows, width}, 3, float32), random({rows, width}, 4, float32)});
    check_with_gradients({x, u, h0, c0}, {r.carries[0], r.last[1]}, calls, -1, 1000);
  }
}

TEST_CASE("far taps of carries and sequences, and rows that are stacked more than once") {
  const Dim rows("rows"), steps = rows - 1;
  const Tensor x = input("x", float64, {rows, 4}), h0 = input("h0", float64, {5, 4});
  const Tensor u = input("u", float64, {4, 4});
  const ScanResult r =
      scan({.sequences = {{x, {-1, 0}}}, .carries = {{h0, {-1, -2, -5}}}, .steps = steps}, [&](const ScanStep& t) {
        const Tensor h = tanh(dot(t.carry(0, -1), u) + t.carry(0, -5) * t.row(0, -1) + t.carry(0, -2) - t.row(0, 0));
        return StepResult{.carries = {h}, .outputs = {h * 2.0, t.carry(0, -5), h}};
      });
  std::vector<Values> calls;
  for (const std::int64_t n : {1, 2, 6, 9})
    calls.push_back({random({n + 1, 4}, 1), random({5, 4}, 2), random({4, 4}, 3)});
  check_with_gradients({x, h0, u}, {r.carries[0], r.last[0], r.outputs[0], r.outputs[1], r.outputs[2]}, calls);
}

TEST_CASE("gradients through the last steps alone") {
  const Tensor x = input("x", float64, {Dim("steps"), 3}), h0 = input("h0", float64, {3}), u = input("u", float64, {3});
  const ScanResult r = scan({.sequences = {x}, .carries = {h0}, .truncate_gradient = Dim(3)}, [&](const ScanStep& t) {
    return StepResult{.carries = {tanh(t.row(0) * u + t.carry(0))}};
  });
  std::vector<Values> calls;
  for (const std::int64_t n : {1, 3, 8}) calls.push_back({random({n, 3}, 1), random({3}, 2), random({3}, 3)});
  check_with_gradients({x, h0, u}, {r.carries[0]}, calls);
}

TEST_CASE("loops that end early, and their gradients, which run the steps that counted") {
  const Tensor x = input("x", float64, {Dim("steps"), 3}), h0 = input("h0", float64, {3}),
               u = input("u", float64, {3, 3});
  for (const bool backwards : {false, true}) {
    const ScanResult r = scan({.sequences = {x},
                               .carries = {{expand_dims(h0, 0) * ones(float64, {2, 1}), {-1, -2}}},
                               .go_backwards = backwards},
                              [&](const ScanStep& t) {
                                const Tensor h = dot(t.carry(0, -1), u) + t.row(0) * t.carry(0, -2);
                                return StepResult{.carries = {h}, .outputs = {h * h}, .until = sum(abs(h)) > 4.0};
                              });
    std::vector<Values> calls;
    for (const std::int64_t n : {1, 3, 9})
      for (const std::uint64_t seed : {1u, 2u, 3u})
        calls.push_back(
            {random_array(float64, {n, 3}, -2, 2, seed), random({3}, seed + 10), random({3, 3}, seed + 20)});
    check_with_gradients({x, h0, u}, {r.carries[0], r.last[0], r.outputs[0]}, calls);
    check({x, h0, u}, {r.steps, r.last[0]}, calls);
  }
}

TEST_CASE("reductions in a step, numbers of steps, and no rows that are computed apart") {
  const Dim steps("steps"), n("n");
  const Tensor x = input("x", float64, {steps, n}), h0 = input("h0", float64, {n});
  const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
    const Tensor h = softmax(t.carry(0) + t.row(0)) * cast(t.number() + 1, float64) + mean(t.carry(0));
    return StepResult{.carries = {h}, .outputs = {sum(h * t.row(0)), slice(h, 0, 0, 1)}};
  });
  std::vector<Values> calls;
  for (const auto& [length, wide] : {std::pair(1, 3), std::pair(5, 70), std::pair(3, 1)})
    calls.push_back({random({length, wide}, 1), random({wide}, 2)});
  check_with_gradients({x, h0}, {r.last[0], r.outputs[0], r.outputs[1]}, calls, -1, 1000);
}

TEST_CASE("reductions of rows, which blocks do at the same time") {
  const Dim steps("steps"), batch("batch");
  const Tensor x = input("x", float32, {steps, batch, 40}), h0 = input("h0", float32, {batch, 40});
  const Tensor u = input("u", float32, {40, 40});
  const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
    const Tensor a = dot(t.carry(0), u) + t.row(0), centred = a - mean(a, {1}, true);
    return StepResult{.carries = {softmax(centred / sqrt(mean(centred * centred, {1}, true) + 0.1)) * 3.0}};
  });
  std::vector<Values> calls;
  for (const std::uint64_t seed : {1u, 2u, 3u})
    calls.push_back(
        {random({7, 5, 40}, seed, float32), random({5, 40}, seed + 5, float32), random({40, 40}, 9, float32)});
  check_with_gradients({x, h0, u}, {r.carries[0]}, calls, -1, 1000);
}

TEST_CASE("rows that are too long for one block, and products whose sums are in parts") {
  const Tensor x = input("x", float32, {Dim("steps"), 2, 1500}), h0 = input("h0", float32, {2, 1500});
  const Tensor u = input("u", float32, {1500, 7}), v = input("v", float32, {7, 1500});
  const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
    return StepResult{.carries = {tanh(dot(dot(t.carry(0), u), v) + t.row(0))}};
  });
  const auto small = [](const Extents& shape, std::uint64_t seed) {
    return random_array(float32, shape, -0.05, 0.05, seed);
  };
  check({x, h0, u, v}, {r.last[0], r.carries[0]},
        {{random({3, 2, 1500}, 1, float32), random({2, 1500}, 2, float32), small({1500, 7}, 3), small({7, 1500}, 4)}},
        -1, 1000);
}

TEST_CASE("what does not fit is launched step by step, and the compile report says why") {
  const Tensor x = input("x", float64, {Dim("n"), 4}), h0 = input("h0", float64, {4});
  const auto values = [] { return Values{random({3, 4}, 1), random({4}, 2)}; };
  const auto sorted = [&](const Tensor& row, const Tensor& h) { return tanh(sort(h) + row); };
  const auto either = [&](const Tensor& row, const Tensor& h) {
    return cond(sum(row) > 0.0, [&] { return row + h; }, [&] { return row * exp(h); });
  };
  const auto inner = [&](const Tensor& row, const Tensor& h) {
    return tanh(row + foldl([](const Tensor& value, const Tensor& r) { return tanh(value + r); }, x, h));
  };
  struct Part {
    std::function<Tensor(const Tensor&, const Tensor&)> step;
    const char* why;
    int kernels;
  };
  for (const Part& part :
       {Part{sorted, "a call of", 0}, Part{either, "a branch in its body", 0}, Part{inner, "a loop in its body", 1}}) {
    const Tensor last = foldl([&](const Tensor& h, const Tensor& row) { return part.step(row, h); }, x, h0);
    check({x, h0}, {last}, {values()}, part.kernels);
    const Function f = function({x, h0}, {last}, {.name = "why", .device = tests::tested_device()});
    CHECK_THAT(f.compile_report(), contains(part.why));
  }
}

TEST_CASE("scans in a gradient that keeps segments") {
  const Tensor x = input("x", float64, {Dim("steps"), 2, 3}), h0 = input("h0", float64, {2, 3}),
               u = input("u", float64, {3, 3});
  const ScanResult r =
      scan({.sequences = {x}, .carries = {h0}, .checkpoint = Checkpoint::every(Dim(2))},
           [&](const ScanStep& t) { return StepResult{.carries = {tanh(dot(t.carry(0), u) + t.row(0))}}; });
  std::vector<Tensor> outputs = grad(sum(square(r.carries[0])), {x, h0, u});
  const Loops as("kernels");
  const Function expected = function({x, h0, u}, outputs, {.name = "on_cpu", .threads = 1});
  const Function f = function({x, h0, u}, outputs, {.name = "segments", .device = tests::tested_device()});
  CHECK(kernels_of(f) > 0);
  CHECK(kernels_of(f) < loops_of(f));
  std::vector<Values> calls;
  for (const std::int64_t n : {1, 4, 5}) calls.push_back({random({n, 2, 3}, 1), random({2, 3}, 2), random({3, 3}, 3)});
  check_same(f, expected, calls, 100);
}

namespace {

// Whether the loop of h' = body(x, h), by rows of a batch, is a kernel of clusters.
bool goes_by_clusters(const std::vector<Tensor>& inputs,
                      const std::function<Tensor(const Tensor&, const Tensor&)>& body, std::optional<Dim> length = {}) {
  const Tensor& x = inputs[0];
  const ScanResult r = scan({.sequences = {x}, .carries = {inputs[1]}}, [&](const ScanStep& t) {
    const Tensor h = body(t.row(0), t.carry(0));
    return length ? StepResult{.carries = {h}, .until = any(h > 0.9)} : StepResult{.carries = {h}};
  });
  return with_clusters(function(inputs, {r.carries[0]}, {.device = tests::tested_device(), .unused_inputs = true})) ==
         1;
}

}  // namespace

TEST_CASE("which loops go by clusters") {
  const auto device = open_driver(tests::tested_device());
  if (device->target() != "emulated" && device->target() < "sm_90") return void(std::printf("[SKIP] no clusters\n"));
  const Loops as("kernels");
  const Dim steps("steps"), batch("batch"), wide("wide");
  const Tensor x = input("x", float32, {steps, batch, 6}), h0 = input("h0", float32, {batch, 6}),
               u = input("u", float32, {6, 6}), many = input("many", float32, {steps, 6, 6});
  const auto step = [](const Tensor& a, const Tensor& h, const Tensor& w) { return tanh(a + dot(h, w)); };
  CHECK(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return step(a, h, u); }));
  CHECK(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return step(a, step(a, h, u), transpose(u, {1, 0})); }));
  // Without products no blocks wait for others; weights that steps make are others in each.
  CHECK_FALSE(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return tanh(a + h); }));
  CHECK_FALSE(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return step(a, h, u * mean(a, {0, 1}, true)); }));
  // All rows end together.
  CHECK_FALSE(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return step(a, h, u); }, steps));
  // Rows meet.
  CHECK_FALSE(goes_by_clusters({x, h0, u}, [&](auto& a, auto& h) { return step(a, h, u) - mean(h, {0}, true); }));
  // More weights than registers hold; as many as nobody knows.
  const Tensor large = input("large", float32, {600, 600}), v = input("v", float32, {wide, wide});
  const auto with = [&](const Dim& width, const Tensor& w) {
    return goes_by_clusters({input("x", float32, {steps, batch, width}), input("h0", float32, {batch, width}), w},
                            [&](auto& a, auto& h) { return step(a, h, w); });
  };
  CHECK_FALSE(with(600, large));
  CHECK_FALSE(with(wide, v));
}

TEST_CASE("rows of clusters: fewer than blocks, more than go through shared memory at a time") {
  const Dim steps("steps"), batch("batch");
  for (const DType type : {float32, float64}) {
    const std::int64_t width = type == float32 ? 33 : 7;
    const Tensor x = input("x", type, {steps, batch, width}), h0 = input("h0", type, {batch, width}),
                 u = input("u", type, {width, width}), v = input("v", type, {width, width});
    const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
      const Tensor reset = sigmoid(dot(t.carry(0), v));
      return StepResult{.carries = {tanh(t.row(0) + dot(t.carry(0) * reset, u))}};
    });
    std::vector<Values> calls;
    for (const auto& [n, rows] : {std::pair(2, 0), std::pair(3, 1), std::pair(2, 17), std::pair(2, 150)})
      calls.push_back({random({n, rows, width}, 1, type), random({rows, width}, 2, type),
                       random({width, width}, 3, type), random({width, width}, 4, type)});
    check({x, h0, u, v}, {r.carries[0], r.last[0]}, calls, -1, 1000);
    check({x, h0, u, v}, grad(sum(square(r.last[0])), {x, h0, u, v}), calls, -1, 1000);
  }
}

TEST_CASE("a Shared that steps update, in place") {
  std::vector<Array> after[2];
  for (const std::string& device : {std::string("cpu"), tests::tested_device()}) {
    const Loops as("kernels");
    Shared s("s", random({2, 3}, 5));
    const Tensor x = input("x", float64, {Dim("steps"), 2, 3});
    const ScanResult r = scan({.sequences = {x}}, [&](const ScanStep& t) {
      return StepResult{.outputs = {s * t.row(0)}, .updates = {{s, tanh(s + t.row(0))}}};
    });
    FunctionOptions options{.name = "updates", .device = device, .threads = 1};
    options.updates = r.updates;
    const Function f = function({x}, {r.outputs[0]}, options);
    std::vector<Array>& results = after[device != "cpu"];
    for (const std::int64_t n : {1, 0, 4, 4}) {
      results.push_back(run(f, {random({n, 2, 3}, 7)})[0]);
      results.push_back(s.get().clone());
    }
    if (device != "cpu") CHECK(kernels_of(f) == 1);
  }
  for (std::size_t i = 0; i < after[0].size(); ++i) CHECK(difference(after[1][i], after[0][i], 100) == "");
}

TEST_CASE("what loops are to be is kernels, grid or launches") {
  const Loops as("one");
  const Tensor x = input("x", float64, {3, 2});
  const Tensor last = foldl([](const Tensor& h, const Tensor& row) { return tanh(row + h); }, x, zeros(float64, {2}));
  const Function f = function({x}, {last}, {.name = "asked", .device = tests::tested_device()});
  CHECK_THROWS_WITH(f(random({3, 2}, 1)), contains("BITALE_LOOPS is 'one', expected kernels, grid or launches"));
}
