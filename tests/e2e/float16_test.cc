// float16 and bfloat16 as a user meets them.
#include <cmath>

#include <bitale/bitale.h>

#include "runtime/device/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

constexpr DType dtypes[] = {float16, bfloat16};

std::vector<Array> run(const Function& f, const std::vector<Array>& values) {
  return f.call(std::vector<Argument>(values.begin(), values.end()));
}

std::vector<Array> cast_all(std::vector<Array> values, DType dtype) {
  for (Array& a : values) a = a.cast(dtype);
  return values;
}

// Whether no element is off by more than a few of the roundings that the largest one suffers.
bool is_near(const Array& got, const Array& expected) {
  double largest = 0, off = 0;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::fabs(expected.at(i)));
    off = std::max(off, std::fabs(got.at(i) - expected.at(i)));
  }
  INFO("off by " << off << " of " << largest);
  return off <= 4 * epsilon_of(got.dtype()) * largest;
}

// What `build` makes of inputs of these values in `dtype` is what it makes of them in float32, as far as 16 bits let it
// be; at every level and on every instruction set.
template <class Build>
void like_float32(const std::vector<Array>& given, DType dtype, Build build) {
  const auto results = [&](const std::vector<Array>& values, const FunctionOptions& options) {
    std::vector<Tensor> inputs;
    for (const Array& a : values) {
      const Extents& extents = a.shape();
      inputs.push_back(input("x" + std::to_string(inputs.size()), a.dtype(), Shape(extents.begin(), extents.end())));
    }
    return run(function(inputs, build(inputs), options), values);
  };
  const std::vector<Array> values = cast_all(given, dtype);
  const std::vector<Array> expected = results(cast_all(values, float32), {});
  for (const Isa isa : executable_isas())
    for (const int level : {0, 2}) {
      INFO(name_of(dtype) << ", " << to_string(isa) << ", level " << level);
      const std::vector<Array> got =
          results(values, {.threads = 2, .level = level, .isa = to_string(isa), .cache = false});
      for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(got[i].dtype() == dtype);
        CHECK(is_near(got[i], expected[i]));
      }
    }
}

std::vector<Array> random_arrays(const std::vector<Extents>& shapes) {
  std::vector<Array> values;
  for (const Extents& shape : shapes) values.push_back(random_array(float32, shape, -1, 1, values.size() + 1));
  return values;
}

}  // namespace

TEST_CASE("a layer and its gradients in 16 bits") {
  for (const DType dtype : dtypes)
    like_float32(random_arrays({{17, 9}, {9, 5}, {5}}), dtype, [](const std::vector<Tensor>& x) {
      const Tensor y = tanh(dot(x[0], x[1]) + x[2]);
      std::vector<Tensor> out = grad(sum(y * y), {x[0], x[1], x[2]});
      out.push_back(y);
      return out;
    });
}

TEST_CASE("a convolution in 16 bits") {
  for (const DType dtype : dtypes)
    like_float32(random_arrays({{2, 3, 8, 8}, {4, 3, 3, 3}}), dtype, [](const std::vector<Tensor>& x) {
      const Tensor y = relu(conv2d(x[0], x[1]));
      std::vector<Tensor> out = grad(sum(y * y), {x[0], x[1]});
      out.push_back(y);
      return out;
    });
}

TEST_CASE("a mean in 16 bits is one of more numbers than they can count") {
  for (const DType dtype : dtypes) {
    const Tensor x = input("x", dtype, {Dim("n")});
    const Array many = Array::of<float>(std::vector<float>(100000, 3), {100000}).cast(dtype);
    for (const int level : {0, 2})
      CHECK(function({x}, {mean(x), stddev(x)}, {.level = level, .cache = false})(many)[0].at(0) == 3);
  }
}

TEST_CASE("carries, rows and results of a scan in 16 bits, and its gradients") {
  for (const DType dtype : dtypes)
    like_float32(random_arrays({{6, 2, 3}, {2, 4}, {3, 4}, {4, 4}}), dtype, [](const std::vector<Tensor>& x) {
      const Tensor states = scan({.sequences = {x[0]}, .carries = {x[1]}}, [&](const ScanStep& t) {
                              return StepResult{.carries = {tanh(dot(t.row(0), x[2]) + dot(t.carry(0), x[3]))}};
                            }).carries[0];
      std::vector<Tensor> out = grad(sum(states * states), x);
      out.push_back(states);
      return out;
    });
}

TEST_CASE("the gradient of what all steps of a scan read is not added up in 16 bits") {
  const int steps = 3000;  // of 1 each: beyond 256 bfloat16 counts no further
  const Tensor x = input("x", bfloat16, {steps}), w = input("w", bfloat16, {});
  for (const Checkpoint& checkpoint : {Checkpoint::all(), Checkpoint::none()}) {
    const ScanResult r = scan({.sequences = {x}, .checkpoint = checkpoint},
                              [&](const ScanStep& t) { return StepResult{.outputs = {t.row(0) * w}}; });
    const Tensor g = grad(cast(sum(cast(r.outputs[0], float32)), bfloat16), w);
    const Array ones = Array::of<float>(std::vector<float>(steps, 1), {steps}).cast(bfloat16);
    for (const int level : {0, 2}) {
      const Function f = function({x, w}, {g}, {.level = level, .unused_inputs = true, .cache = false});
      CHECK(f(ones, 2)[0].at(0) == Array::scalar(3000.0f).cast(bfloat16).at(0));
    }
  }
}

TEST_CASE("a choice between results in 16 bits") {
  for (const DType dtype : dtypes)
    like_float32(random_arrays({{5}, {5}}), dtype, [](const std::vector<Tensor>& x) {
      return std::vector<Tensor>{
          cond(sum(x[0]) < sum(x[1]), [&] { return exp(x[0]) * x[1]; }, [&] { return x[0] - x[1]; })};
    });
}

TEST_CASE("draws, indices and sorting in 16 bits") {
  const Tensor x = input("x", float16, {6}), i = input("i", int64, {3});
  RandomStream stream(7);
  const Tensor uniform = stream.uniform({1000}, bfloat16);
  const Function f = function({x, i}, {sort(x), argmax(x), take(x, i, 0), uniform, cumsum(x, 0)}, {.cache = false});
  const auto out = f({3, -1, 0.5, 8, 2, -4}, {5, 0, 3});
  const auto values = [](const Array& a) {
    std::vector<double> all;
    for (std::int64_t k = 0; k < a.size(); ++k) all.push_back(a.at(k));
    return all;
  };
  CHECK(values(out[0]) == std::vector<double>{-4, -1, 0.5, 2, 3, 8});
  CHECK(out[1].at(0) == 3);
  CHECK(values(out[2]) == std::vector<double>{-4, 3, 8});
  CHECK(out[3].dtype() == bfloat16);
  for (const double u : values(out[3])) CHECK((u >= 0 && u <= 1));
  CHECK(values(out[4]) == std::vector<double>{3, 2, 2.5, 10.5, 12.5, 8.5});
}

TEST_CASE("a network of bfloat16 weights learns, with momentum in float32") {
  const Dim n("n");
  const Tensor x = input("x", float32, {n, 2}), y = input("y", int64, {n});
  const auto random = [](Extents shape, std::uint64_t seed) { return random_array(bfloat16, shape, -0.7, 0.7, seed); };
  std::vector<Shared> weights{{"w1", random({2, 16}, 1)},
                              {"b1", Array::zeros(bfloat16, {16})},
                              {"w2", random({16, 2}, 2)},
                              {"b2", Array::zeros(bfloat16, {2})}};
  const Tensor h = tanh(dot(cast(x, bfloat16), weights[0]) + weights[1]);
  const Tensor loss = mean(cross_entropy(dot(h, weights[2]) + weights[3], y));
  CHECK(loss.dtype() == bfloat16);
  const std::vector<Tensor> g = grad(loss, {weights[0], weights[1], weights[2], weights[3]});
  FunctionOptions options{.name = "step"};
  for (std::size_t k = 0; k < weights.size(); ++k) {
    CHECK(g[k].dtype() == bfloat16);
    const Shared velocity("v" + std::to_string(k), Array::zeros(float32, weights[k].get().shape()));
    const Tensor v = 0.9 * velocity + cast(g[k], float32);
    options.updates.emplace_back(velocity, v);
    options.updates.emplace_back(weights[k], cast(cast(weights[k], float32) - 0.05 * v, bfloat16));
  }
  options.cache = false;
  const Function step = function({x, y}, {loss}, options);
  options.check = true;
  const Function checked = function({x, y}, {loss}, options);
  Array points = random_array(float32, {128, 2}, -1, 1, 3), labels(int64, {128});
  for (std::int64_t k = 0; k < 128; ++k)
    labels.view<std::int64_t>()[static_cast<std::size_t>(k)] = points.at(2 * k) * points.at(2 * k + 1) > 0;
  const double before = checked(points, labels)[0].at(0);
  CHECK_NOTHROW(checked(points, labels));  // every step does what the interpreter says
  double after = before;
  for (int i = 0; i < 300; ++i) after = step(points, labels)[0].at(0);
  CHECK(before > 0.5);
  CHECK(after < 0.25);
  CHECK(weights[0].get().dtype() == bfloat16);
}

TEST_CASE("kernels load and store 16 bits, and compute in float32") {
  const Tensor x = input("x", float16, {Dim("n")});
  const std::string kernels = stages({x}, {exp(x) + x}).kernels;
  INFO(kernels);
  CHECK(kernels.find("float16 read") != std::string::npos);
  CHECK(kernels.find("float16 written") != std::string::npos);
  CHECK(kernels.find("float32 = exp") != std::string::npos);
}

namespace {

int occurrences(const std::string& text, const std::string& words) {
  int count = 0;
  for (std::size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++count;
  return count;
}

}  // namespace

// No kernel widens what they read. The one that there is follows the convolution, whose epilogue relu is not in float32
// either, and writes 16 bits.
TEST_CASE("contractions read 16 bits as they lie in memory") {
  for (const DType dtype : dtypes) {
    const Dim n("n");
    const Tensor x = input("x", dtype, {n, 3, 8, 8}), w = input("w", dtype, {4, 3, 3, 3}),
                 v = input("v", dtype, {4 * 36, 5});
    const Tensor features = relu(conv2d(x, w, {.algorithm = ConvAlgorithm::implicit_gemm}));
    const std::string program = stages({x, w, v}, {dot(reshape(features, {n, 4 * 36}), v)}).program;
    INFO(program);
    CHECK(occurrences(program, ": contraction float32") == 2);
    CHECK(occurrences(program, " in " + std::string(name_of(dtype))) == 4);
    CHECK(occurrences(program, ": kernel") == 1);
    CHECK(occurrences(program, "'cast+relu'") == 1);
  }
}

TEST_CASE("packs of 16-bit weights are kept, and made again for new values") {
  for (const DType dtype : dtypes) {
    const Array first = random_array(dtype, {70, 50}, -1, 1, 1), second = random_array(dtype, {70, 50}, -1, 1, 2);
    Shared w("w", first);
    const Tensor x = input("x", dtype, {Dim("n"), 70}), wide = input("x", float32, {Dim("n"), 70}),
                 weights = input("w", float32, {70, 50});
    const Function f = function({x}, {cast(dot(x, w), float32)}, {.cache = false});
    const Function want = function({wide, weights}, {dot(wide, weights)}, {.cache = false});
    for (const std::int64_t rows : {1, 3, 300})
      for (const Array* value : {&first, &first, &second}) {
        w.set(*value);
        const Array rows_of_x = random_array(dtype, {rows, 70}, -1, 1, 3);
        CHECK(difference(f(rows_of_x)[0], want(rows_of_x.cast(float32), value->cast(float32))[0]) == "");
      }
  }
}

TEST_CASE("a program of 16-bit floats comes from the cache as it was") {
  const auto build = [] {
    const Tensor x = input("x", bfloat16, {Dim("n")});
    return function({x}, {exp(x) * 3 + constant(Array::of<float>(std::vector<float>{0.1f}, {1}).cast(bfloat16))});
  };
  const Array x = random_array(bfloat16, {33}, -1, 1, 5);
  const Array first = build()(x)[0];
  const Function again = build();
  CHECK(again.from_cache());
  CHECK(again(x)[0].same_bits(first));
}

TEST_CASE("what 16 bits do not hold is said so") {
  const Tensor x = input("x", float16, {2});
  CHECK_THROWS_WITH(x + 1e6, contains("does not fit into float16"));
  CHECK_THROWS_WITH(x + 70000, contains("does not fit into float16"));
  CHECK((x + 1e-3).dtype() == float16);
  CHECK((x + input("y", bfloat16, {2})).dtype() == float32);
  CHECK((x + input("i", int64, {2})).dtype() == float16);
  const Function f = function({x}, {x * 2}, {.cache = false, .nan_guard = true});
  CHECK_THROWS_WITH(f({60000, 1}), contains("is not finite"));
}
