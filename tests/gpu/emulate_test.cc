// The printed kernels mean what the interpreter says.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>

#include "compiler/codegen/cuda/print.h"
#include "compiler/kernel/builder.h"
#include "compiler/kernel/interpret.h"
#include "tests/gpu/kernel_runner.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;

namespace {

struct Case {
  kernel::Kernel kernel;
  std::vector<std::int64_t> extents;
  std::int64_t elements;  // enough for every buffer
};

std::vector<Case> cases() {
  std::vector<Case> all{{tests::softmax(), {5, 300}, 1500},       {tests::softmax(), {3, 7}, 21},
                        {tests::bias_gelu(), {4, 33}, 132},       {tests::padded_max(), {20, 41}, 41},
                        {tests::every_combiner(), {3, 270}, 810}, {tests::every_combiner(), {2, 0}, 2},
                        {tests::scatter_add(), {9, 40}, 1000},    {tests::sum_all(), {1000}, 1000},
                        {tests::reverse_rows(), {5}, 240},        {tests::two_phases(), {77}, 77},
                        {tests::sums_of_four(), {10}, 40}};
  for (const DType type : {DType::i8, DType::i16, DType::i32, DType::i64, DType::u8})
    all.push_back({tests::integers(type), {500}, 500});
  for (const DType type : {DType::f32, DType::f64}) all.push_back({tests::floats(type), {500}, 500});
  for (std::size_t i = 0; i < all.size(); ++i) all[i].kernel.name += std::to_string(i);
  return all;
}

using Bytes = std::vector<std::byte>;

// Random elements, some of them special; indices of rows stay small.
Bytes random_elements(const kernel::Buffer& b, std::int64_t n, std::mt19937_64& random) {
  Bytes bytes(static_cast<std::size_t>(n) * size_of(b.storage));
  dispatch(b.storage, [&](auto t) {
    using T = typename decltype(t)::type;
    using Limits = std::numeric_limits<T>;
    auto* element = reinterpret_cast<T*>(bytes.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint64_t dice = random() % 40;
      if constexpr (std::is_floating_point_v<T>) {
        element[i] = std::normal_distribution<T>(0, 3)(random);
        if (dice == 0) element[i] = std::floor(element[i]);
        if (b.name == "a" && dice == 1) element[i] = Limits::infinity();
        if (b.name == "a" && dice == 2) element[i] = Limits::quiet_NaN();
        if (b.name == "a" && dice == 3) element[i] = static_cast<T>(1e20);
      } else {
        element[i] = static_cast<T>(random());
        if (dice == 0) element[i] = Limits::max();
        if (dice == 1) element[i] = Limits::lowest();
        if (dice == 2) element[i] = 0;
        if (dice == 3) element[i] = static_cast<T>(-1);
        if (b.name == "rows") element[i] = static_cast<T>(random() % 20);
      }
    }
  });
  return bytes;
}

// Integers are equal; floats differ by rounding at most.
template <class T>
bool near(T a, T b) {
  if constexpr (!std::is_floating_point_v<T>)
    return a == b;
  else
    return a == b || (std::isnan(a) && std::isnan(b)) ||
           std::fabs(a - b) <= 64 * std::numeric_limits<T>::epsilon() * (1 + std::fabs(b));
}

}  // namespace

TEST_CASE("printed kernels agree with the interpreter, for any number of blocks") {
  const std::vector<Case> all = cases();
  std::vector<kernel::Kernel> kernels;
  kernels.reserve(all.size());
  for (const Case& c : all) kernels.push_back(c.kernel);
  const tests::KernelRunner runner(kernels);
  std::mt19937_64 random(4);
  for (std::size_t number = 0; number < all.size(); ++number) {
    const Case& c = all[number];
    std::vector<Bytes> start;
    for (const kernel::Buffer& b : c.kernel.buffers)
      if (b.scratch == 0) start.push_back(random_elements(b, c.elements, random));
    for (const std::int64_t blocks : {1, 2, 7}) {
      std::vector<Bytes> expected = start, got = start;
      std::vector<void*> to_expected;
      std::vector<tests::HostBuffer> to_got;
      for (Bytes& b : expected) to_expected.push_back(b.data());
      for (Bytes& b : got) to_got.push_back({b.data(), b.size(), b.data()});
      kernel::interpret(c.kernel, to_expected, c.extents);
      runner.run(number, to_got, c.extents, blocks);
      for (std::size_t b = 0; b < got.size(); ++b)
        dispatch(c.kernel.buffers[b].storage, [&](auto t) {
          using T = typename decltype(t)::type;
          const auto* e = reinterpret_cast<const T*>(expected[b].data());
          const auto* g = reinterpret_cast<const T*>(got[b].data());
          std::int64_t wrong = -1;
          for (std::int64_t i = 0; i < c.elements && wrong < 0; ++i)
            if (!near(g[i], e[i])) wrong = i;
          const std::int64_t shown = std::max<std::int64_t>(wrong, 0);
          CAPTURE(c.kernel.name, c.kernel.buffers[b].name, blocks, wrong, +e[shown], +g[shown]);
          CHECK(wrong < 0);
        });
    }
  }
}

namespace {

// The text without its n-th barrier; empty if it has fewer.
std::string without_barrier(const std::string& text, int n) {
  const std::string barrier = "__syncthreads();";
  std::size_t at = text.find(barrier);
  for (; n > 0 && at != text.npos; --n) at = text.find(barrier, at + 1);
  return at == text.npos ? "" : std::string(text).replace(at, barrier.size(), "");
}

// y[s] = sum of x[s, :], or of x[:, s]; the extents of a call are how many sums there are, and of how many elements.
kernel::Kernel matrix_sums(const char* name, bool of_rows, kernel::LoopKind kind) {
  kernel::Builder b(name);
  const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
  const kernel::Extent count = b.extent_argument(), length = b.extent_argument(), one = kernel::Extent::constant(1);
  b.loop(kernel::LoopKind::parallel, count, [&](kernel::Scalar s) {
    const kernel::Scalar total = b.reduce(kind, length, [&](kernel::Scalar e) {
      const kernel::Term of_sum{s.id, of_rows ? length : one}, of_element{e.id, of_rows ? one : count};
      const kernel::Scalar element = b.load(x, {kernel::Extent::constant(0), {of_sum, of_element}});
      return std::vector<kernel::Builder::Yield>{{kernel::Combiner::sum, {element}}};
    })[0];
    b.store(y, {kernel::Extent::constant(0), {{s.id, one}}}, total);
  });
  return b.finish();
}

// Every row's reduction writes where the one before it has to have been read.
kernel::Kernel row_sums() { return matrix_sums("row_sums", true, kernel::LoopKind::vector); }
kernel::Kernel column_sums() { return matrix_sums("column_sums", false, kernel::LoopKind::sequential); }

// Whether any of some launches over 6 rows (or columns) of 300 fails, or gives other sums than the interpreter.
bool shows_a_fault(const kernel::Kernel& sums, const codegen::cuda::Modules& modules) {
  const tests::KernelRunner runner(modules);
  std::mt19937_64 random(7);
  for (int launch = 0; launch < 20; ++launch) {
    std::vector<float> x(1800), y(6), want(6);
    for (float& v : x) v = std::normal_distribution<float>(0, 3)(random);
    const tests::HostBuffer buffers[] = {{x.data(), 4 * x.size(), x.data()}, {y.data(), 4 * y.size(), y.data()}};
    void* expected[] = {x.data(), want.data()};
    const std::int64_t extents[] = {6, 300};
    kernel::interpret(sums, expected, extents);
    try {
      runner.run(0, buffers, extents, 2);
    } catch (const InternalError&) {
      return true;
    }
    for (std::size_t i = 0; i < y.size(); ++i)
      if (!near(y[i], want[i])) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a barrier that is missing is found") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  for (const kernel::Kernel& sums : {row_sums(), column_sums()}) {
    const codegen::cuda::Modules whole = tests::modules_of({sums});
    CAPTURE(whole.modules[0].text);
    CHECK_FALSE(shows_a_fault(sums, whole));
    int barriers = 0;
    for (;; ++barriers) {
      codegen::cuda::Modules without = whole;
      without.modules[0].text = without_barrier(whole.modules[0].text, barriers);
      if (without.modules[0].text.empty()) break;
      CAPTURE(without.modules[0].text);
      // A block has only one round of columns here: nothing is written after the second barrier.
      if (sums.name == "row_sums" || barriers == 0) CHECK(shows_a_fault(sums, without));
    }
    CHECK(barriers == 2);
  }
}

namespace {

// The sum of all elements of rows of 300, and the largest.
kernel::Kernel total() {
  kernel::Builder b("total");
  const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
  const kernel::Extent rows = b.extent_argument(), columns = kernel::Extent::constant(300),
                       one = kernel::Extent::constant(1);
  using Yields = std::vector<kernel::Builder::Yield>;
  const auto all = b.reduce(kernel::LoopKind::sequential, rows, [&](kernel::Scalar r) {
    const auto row = b.reduce(kernel::LoopKind::vector, columns, [&](kernel::Scalar c) {
      const kernel::Scalar v = b.load(x, {kernel::Extent::constant(0), {{r.id, columns}, {c.id, one}}});
      return Yields{{kernel::Combiner::sum, {v}}, {kernel::Combiner::max, {v}}};
    });
    return Yields{{kernel::Combiner::sum, {row[0]}}, {kernel::Combiner::max, {row[1]}}};
  });
  b.store(y, {kernel::Extent::constant(0), {}}, all[0]);
  b.store(y, {kernel::Extent::constant(1), {}}, all[1]);
  return b.finish();
}

bool shows_a_fault_in_total(const codegen::cuda::Modules& modules) {
  const tests::KernelRunner runner(modules);
  std::mt19937_64 random(7);
  for (const std::int64_t rows : {0, 1, 50})
    for (const std::int64_t blocks : {1, 3, 64, 100}) {
      std::vector<float> x(static_cast<std::size_t>(300 * rows) + 1), y(2), want(2);
      for (float& v : x) v = std::normal_distribution<float>(0, 3)(random);
      const tests::HostBuffer buffers[] = {{x.data(), 4 * x.size(), x.data()}, {y.data(), 4 * y.size(), y.data()}};
      void* expected[] = {x.data(), want.data()};
      kernel::interpret(total(), expected, {{rows}});
      try {
        runner.run(0, buffers, {{rows}}, blocks);
      } catch (const InternalError&) {
        return true;
      }
      if (std::fabs(y[0] - want[0]) > 1e-2f || y[1] != want[1]) return true;
    }
  return false;
}

}  // namespace

TEST_CASE("a long reduction to one element is shared by blocks") {
  const auto phases = codegen::cuda::phases(total());
  REQUIRE(phases.size() == 1);
  CHECK(phases[0].by_all);
  const codegen::cuda::Modules whole = tests::modules_of({total()});
  CHECK(whole.launches[0][0].least > 1);  // it has memory of the module's: recordings keep such launches in order
  CAPTURE(whole.modules[0].text);
  CHECK_FALSE(shows_a_fault_in_total(whole));
  if (!tests::is_played()) return;
  for (const char* const part : {"if (before == blocks - 1) reduction_arrived = 0;", "leave_part(1, max1);",
                                 "if (blockIdx.x >= blocks) return;"}) {
    codegen::cuda::Modules without = whole;
    std::string& text = without.modules[0].text;
    const std::size_t at = text.find(part);
    CAPTURE(part);
    REQUIRE(at != text.npos);
    text.erase(at, std::string_view(part).size());
    CHECK(shows_a_fault_in_total(without));
  }
}

TEST_CASE("threads that wait for each other in different places fail the launch") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  codegen::cuda::Modules modules;
  codegen::cuda::Module& module = modules.modules.emplace_back();
  module.text =
      "extern \"C\" __global__ void apart(float* x) {\n  if (threadIdx.x < 32)\n    __syncthreads();\n  else\n"
      "    __syncthreads();\n  x[threadIdx.x] = 1.0f;\n}\n";
  module.functions = {{"apart", true}};
  modules.launches = {{{"apart", 0, 64, 64, {}}}};
  std::vector<float> x(64);
  const tests::HostBuffer buffers[] = {{x.data(), 4 * x.size(), x.data()}};
  CHECK_THROWS_WITH(tests::KernelRunner(modules).run(0, buffers, {}, 1), tests::contains("wait for each other"));
}
