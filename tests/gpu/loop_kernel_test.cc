// The barriers in the kernel of a loop: those that it has are needed, and their lack is found.
#include "runtime/program/loop_kernel.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <random>

#include "compiler/codegen/cuda/loop.h"
#include "compiler/kernel/builder.h"
#include "runtime/base/error.h"
#include "tests/gpu/contractions.h"
#include "tests/gpu/kernel_runner.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"

using namespace bitale;
using namespace bitale::program;
using codegen::cuda::LoopForm;
using codegen::cuda::LoopPart;

namespace {

constexpr std::int64_t length = 600, trips = 5;

// out[i] = 2 a[n-1-i] + b[i], or without b.
kernel::Kernel turned(const std::string& name, bool adds) {
  kernel::Builder b(name);
  const int from = b.buffer("from", DType::f32, false), more = adds ? b.buffer("more", DType::f32, false) : -1,
            to = b.buffer("to", DType::f32, true);
  const kernel::Extent one = kernel::Extent::constant(1), back = kernel::Extent::constant(-1);
  b.loop(kernel::LoopKind::parallel, kernel::Extent::constant(length), [&](kernel::Scalar i) {
    kernel::Scalar value = b.load(from, {kernel::Extent::constant(length - 1), {{i.id, back}}});
    value = value + value;
    if (adds) value = value + b.load(more, {kernel::Extent::constant(0), {{i.id, one}}});
    b.store(to, {kernel::Extent::constant(0), {{i.id, one}}}, value);
  });
  return b.finish();
}

Buffer vector_of(const std::string& name, Role role, int index = -1) {
  return {.name = name, .storage = DType::f32, .dims = {0}, .role = role, .index = index};
}

// h' = 2 reversed(2 reversed(h)) + x: two steps, each of which reads what other blocks wrote.
struct Recurrence {
  Program outer;
  LoopStep loop;
  kernel::Kernel first = turned("first", false), second = turned("second", true);
  LoopForm form;

  Recurrence() {
    Program body;
    body.name = "body";
    body.extents = {{ExtentOp::constant, length}};
    body.buffers = {vector_of("h", Role::input, 0), vector_of("x", Role::input, 1), vector_of("next", Role::output, 0),
                    vector_of("t", Role::temporary)};
    body.steps = {{KernelStep{0, {0, 3}, {false, true}, {}}, "first", {}},
                  {KernelStep{1, {3, 1, 2}, {false, false, true}, {}}, "second", {}}};
    outer.extents = {{ExtentOp::constant, length}, {ExtentOp::constant, trips}};
    outer.buffers = {vector_of("h0", Role::input, 0), vector_of("xs", Role::input, 1),
                     vector_of("last", Role::output, 0)};
    outer.buffers[1].dims = {1, 0};
    loop.trips = 1;
    loop.bindings = {{BindingKind::carry, 0, 0, 2, 2}, {BindingKind::sequence, 1, 1}};
    loop.body = std::make_shared<const Program>(std::move(body));
    form.name = "loop";
    form.outer = &outer;
    form.step = &loop;
    form.parts = {LoopPart{&first, {}, {0, 3}, {}}, LoopPart{&second, {}, {3, 1, 2}, {}}};
    form.groups = {1, 1};
    form.threads = 256;
  }

  codegen::cuda::Modules modules() const {
    codegen::cuda::ModuleParts parts;
    parts.loops = {form};
    return codegen::cuda::print_modules(parts, 1);
  }
};

tests::HostBuffer all_of(std::vector<float>& v) { return {v.data(), v.size() * sizeof(float), v.data()}; }

// Whether any of some launches fails, or gives other values than the recurrence has.
bool shows_a_fault(const Recurrence& r, const codegen::cuda::Modules& modules) {
  const tests::KernelRunner runner(modules);
  const auto size = static_cast<std::size_t>(length);
  std::mt19937_64 random(3);
  for (int launch = 0; launch < 20; ++launch) {
    const float nan = std::nanf("");
    std::vector<float> h0(size), xs(size * trips), last(size, nan), own(size, nan), t(size, nan);
    for (std::vector<float>* v : {&h0, &xs})
      for (float& value : *v) value = static_cast<float>(random() % 8);
    std::vector<float> want = h0;
    for (std::size_t i = 0; i < trips; ++i)
      for (std::size_t j = 0; j < size; ++j) want[j] = 4 * want[j] + xs[i * size + j];
    std::vector<tests::HostBuffer> buffers;
    for (const LoopKernel::Argument& a : print_loop(r.form).kernel.arguments) {
      using Kind = LoopKernel::Argument::Kind;
      REQUIRE((a.kind == Kind::outer || a.kind == Kind::own));
      std::vector<float>* const outer[] = {&h0, &xs, &last};
      buffers.push_back(all_of(a.kind == Kind::outer ? *outer[a.index] : a.index == 3 ? t : own));
    }
    try {
      runner.run(0, buffers, {}, 3);
    } catch (const InternalError&) {
      return true;
    }
    if (last != want) return true;
  }
  return false;
}

// The text without its n-th barrier of all blocks.
std::string without_barrier(const std::string& text, std::size_t n) {
  const std::string barrier = "grid_barrier();";
  std::size_t at = text.find(barrier);
  for (; n > 0; --n) at = text.find(barrier, at + 1);
  return std::string(text).replace(at, barrier.size(), "__syncthreads();");
}

}  // namespace

TEST_CASE("a barrier of all blocks that is missing is found") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  const Recurrence r;
  const codegen::cuda::LoopText printed = print_loop(r.form);
  CAPTURE(printed.text);
  CHECK(printed.kernel.barriers == 2);
  REQUIRE(tests::occurrences(printed.text, "grid_barrier();") == 2);
  REQUIRE(printed.launch.together.size() == 2);
  CHECK(printed.launch.together[0].per_block == 256);
  const codegen::cuda::Modules whole = r.modules();
  CHECK_FALSE(shows_a_fault(r, whole));
  for (std::size_t n = 0; n < 2; ++n) {
    codegen::cuda::Modules without = whole;
    without.modules[0].text = without_barrier(whole.modules[0].text, n);
    CAPTURE(without.modules[0].text);
    CHECK(shows_a_fault(r, without));
  }
}

namespace {

// h' = h u + x: one product, whose rows stay with clusters.
struct Rows {
  static constexpr std::int64_t rows = 20, width = 16;
  Program outer;
  LoopStep loop;
  kernel::Kernel epilogue = tests::epilogue_of(DType::f32, false);
  LoopForm form;

  Rows() {
    Program body;
    body.extents = {{ExtentOp::constant, rows}, {ExtentOp::constant, width}};
    const auto matrix = [](const char* name, Role role, int index, std::vector<int> dims) {
      return Buffer{.name = name, .storage = DType::f32, .dims = std::move(dims), .role = role, .index = index};
    };
    body.buffers = {matrix("h", Role::input, 0, {0, 1}), matrix("x", Role::input, 1, {0, 1}),
                    matrix("u", Role::input, 2, {1, 1}), matrix("next", Role::output, 0, {0, 1})};
    outer.extents = {{ExtentOp::constant, rows}, {ExtentOp::constant, width}, {ExtentOp::constant, trips}};
    outer.buffers = {matrix("h0", Role::input, 0, {0, 1}), matrix("xs", Role::input, 1, {2, 0, 1}),
                     matrix("u", Role::input, 2, {1, 1}), matrix("last", Role::output, 0, {0, 1})};
    loop.trips = 2;
    loop.rows = 0;
    loop.bindings = {{BindingKind::carry, 0, 0, 3, 3}, {BindingKind::sequence, 1, 1}, {BindingKind::invariant, 2, 2}};
    loop.body = std::make_shared<const Program>(std::move(body));
    tests::ContractionCase c{.name = "product", .batch = {}, .m = {}, .n = {}, .k = {}};
    c.m = {{.extent = rows, .a = width, .bias = width, .out = width}};
    c.n = {{.extent = width, .b = 1, .bias = 1, .out = 1}};
    c.k = {{.extent = width, .a = 1, .b = width}};
    LoopPart part{nullptr, tests::form_of(c, epilogue.name, 0), {0, 2, 1, 3}, {}};
    part.contraction->in_loop = true;
    part.resident = codegen::cuda::plan_resident(*part.contraction);
    form.name = "loop";
    form.outer = &outer;
    form.step = &loop;
    form.parts = {std::move(part)};
    form.groups = {1};
    form.by_rows = form.clusters = true;
    form.threads = codegen::cuda::cluster_threads;
  }

  codegen::cuda::Modules modules() const {
    codegen::cuda::ModuleParts parts;
    parts.epilogues = {&epilogue};
    parts.loops = {form};
    return codegen::cuda::print_modules(parts, 1);
  }
};

bool shows_a_fault(const Rows& r, const codegen::cuda::Modules& modules) {
  const tests::KernelRunner runner(modules);
  constexpr auto n = static_cast<std::size_t>(Rows::rows), w = static_cast<std::size_t>(Rows::width);
  std::mt19937_64 random(3);
  for (int launch = 0; launch < 10; ++launch) {
    const float nan = std::nanf("");
    std::vector<float> h0(n * w), xs(trips * n * w), u(w * w), last(n * w, nan), own(n * w, nan);
    for (std::vector<float>* v : {&h0, &xs, &u})
      for (float& value : *v) value = static_cast<float>(random() % 3) - 1;  // sums are exact
    std::vector<float> want = h0;
    for (std::size_t i = 0; i < trips; ++i) {
      std::vector<float> next(xs.begin() + static_cast<std::ptrdiff_t>(i * n * w),
                              xs.begin() + static_cast<std::ptrdiff_t>((i + 1) * n * w));
      for (std::size_t row = 0; row < n; ++row)
        for (std::size_t k = 0; k < w; ++k)
          for (std::size_t j = 0; j < w; ++j) next[row * w + j] += want[row * w + k] * u[k * w + j];
      want = next;
    }
    std::vector<tests::HostBuffer> buffers;
    for (const LoopKernel::Argument& a : print_loop(r.form).kernel.arguments) {
      using Kind = LoopKernel::Argument::Kind;
      REQUIRE((a.kind == Kind::outer || a.kind == Kind::own));
      std::vector<float>* const outer[] = {&h0, &xs, &u, &last};
      buffers.push_back(all_of(a.kind == Kind::outer ? *outer[a.index] : own));
    }
    try {
      runner.run(0, buffers, {}, 2 * cluster_blocks);
    } catch (const InternalError&) {
      return true;
    }
    if (last != want) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a barrier of a cluster that is missing is found, and so are those of its blocks") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  const Rows r;
  REQUIRE(r.form.parts[0].resident);
  CHECK(r.form.parts[0].resident->columns == 2);
  const codegen::cuda::LoopText printed = print_loop(r.form);
  CAPTURE(printed.text);
  CHECK(printed.kernel.barriers == 1);
  CHECK(printed.launch.cluster == cluster_blocks);
  CHECK(printed.launch.together.empty());
  const codegen::cuda::Modules whole = r.modules();
  CHECK_FALSE(shows_a_fault(r, whole));
  const std::string& text = whole.modules[0].text;
  const std::size_t begin = text.find("void loop_contraction_0(");
  REQUIRE(tests::occurrences(text.substr(begin), "__syncthreads();") == 2);
  REQUIRE(tests::occurrences(text.substr(begin), "cluster_barrier();") == 1);
  for (const auto& [barrier, n] :
       {std::pair("cluster_barrier();", 0), std::pair("__syncthreads();", 0), std::pair("__syncthreads();", 1)}) {
    codegen::cuda::Modules without = whole;
    std::string& changed = without.modules[0].text;
    std::size_t at = changed.find(barrier, begin);
    if (n == 1) at = changed.find(barrier, at + 1);
    changed.replace(at, std::string_view(barrier).size(), barrier[0] == 'c' ? "__syncthreads();" : "");
    CAPTURE(changed);
    CHECK(shows_a_fault(r, without));
  }
}

TEST_CASE("a launch of a part of a cluster fails") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  codegen::cuda::Modules modules;
  modules.modules.push_back({"extern \"C\" __global__ void f(float* x) { cluster_barrier(); x[blockIdx.x] = 1.0f; }\n",
                             {{"f", true, false, cluster_blocks}}});
  modules.launches = {{{.function = "f", .threads = 64, .per_block = 1, .cluster = cluster_blocks}}};
  std::vector<float> x(16);
  const tests::HostBuffer buffers[] = {all_of(x)};
  const tests::KernelRunner runner(modules);
  runner.run(0, buffers, {}, 16);
  CHECK(x == std::vector<float>(16, 1.0f));
  CHECK_THROWS_WITH(runner.run(0, buffers, {}, 12), tests::contains("a part of a cluster"));
}

TEST_CASE("steps in one group do not meet, unless they go by rows") {
  Recurrence r;
  r.loop.kernel.groups = {1, 1};
  CHECK(fault_of_groups(r.loop).empty());
  r.loop.kernel.groups = {2};
  CHECK_THAT(fault_of_groups(r.loop), tests::contains("two steps in one group that meet in 't'"));
  r.loop.kernel.groups = {1};
  CHECK_THAT(fault_of_groups(r.loop), tests::contains("leave out steps"));
  r.loop.kernel.groups = {2};
  r.loop.kernel.by_rows = true;
  CHECK_THAT(fault_of_groups(r.loop), tests::contains("rows that the loop does not have"));
  r.loop.rows = 0;
  CHECK(fault_of_groups(r.loop).empty());
}

namespace {

codegen::cuda::Modules waits(const std::string& condition, bool together) {
  codegen::cuda::Modules modules;
  codegen::cuda::Module& module = modules.modules.emplace_back();
  module.text = "extern \"C\" __global__ void apart(float* x) {\n  " + condition +
                "grid_barrier();\n  x[blockIdx.x] = 1.0f;\n}\n";
  module.functions = {{"apart", true, together}};
  modules.launches = {{{"apart", 0, 64, 64, {}, 1, {{}}}}};
  if (!together) modules.launches[0][0].together.clear();
  return modules;
}

}  // namespace

TEST_CASE("blocks that wait for others that do not come fail the launch") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  std::vector<float> x(3);
  const tests::HostBuffer buffers[] = {all_of(x)};
  tests::KernelRunner(waits("", true)).run(0, buffers, {}, 3);
  CHECK(x == std::vector<float>{1, 1, 1});
  CHECK_THROWS_WITH(tests::KernelRunner(waits("if (blockIdx.x == 1) ", true)).run(0, buffers, {}, 3),
                    tests::contains("blocks wait in line"));
  CHECK_THROWS_WITH(tests::KernelRunner(waits("if (threadIdx.x > 31) ", true)).run(0, buffers, {}, 3),
                    tests::contains("wait in line"));
  CHECK_THROWS_WITH(tests::KernelRunner(waits("", false)).run(0, buffers, {}, 3),
                    tests::contains("blocks that are not there together"));
}
