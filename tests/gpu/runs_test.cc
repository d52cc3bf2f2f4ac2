// Runs of four iterations, which load and store neighbours together, and indices that are ints.
#include <cstring>
#include <random>
#include <vector>

#include "compiler/codegen/cuda/print.h"
#include "compiler/kernel/builder.h"
#include "compiler/kernel/interpret.h"
#include "tests/gpu/kernel_runner.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::kernel;
using tests::contains;

namespace {

Extent constant(std::int64_t v) { return Extent::constant(v); }

// Of rows i and columns j: y = x shifted by `rows_up` rows, from a `fill` beyond the ends, + bias[j] * scale[i], and
// m = x < j + i, in bytes.
struct Rows {
  std::int64_t columns = 8, offset = 0, along = 1, rows_up = 0, apart = columns;
  DType type = DType::f32;
  bool aligned = true, bounds_columns = false, accumulates = false, heavy = false;

  Kernel kernel(const std::string& name = "rows") const {
    Builder b(name);
    const int x = b.buffer("x", type, false), bias = b.buffer("bias", type, false),
              scale = b.buffer("scale", type, false), y = b.buffer("y", type, true),
              m = b.buffer("m", DType::bool_, true);
    const Extent rows = b.extent_argument();
    b.loop(LoopKind::parallel, rows, [&](Scalar i) {
      const Scalar by = b.load(scale, {{}, {{i.id, constant(1)}}});
      b.loop(LoopKind::sequential, constant(columns), [&](Scalar j) {
        const Index to{{}, {{i.id, constant(columns)}, {j.id, constant(1)}}};
        const Index from{constant(offset - rows_up * apart), {{i.id, constant(apart)}, {j.id, constant(along)}}};
        std::vector<Bound> guard;
        if (rows_up != 0) guard.push_back({{constant(-rows_up), {{i.id, constant(1)}}}, rows});
        if (bounds_columns) guard.push_back({{constant(-1), {{j.id, constant(1)}}}, constant(columns)});
        const Scalar fill = guard.empty() ? Scalar{} : b.constant(2.5, type);
        Scalar v = b.load(x, from, guard, fill);
        for (int times = 0; heavy && times < 8; ++times) v = call(ScalarOp::tanh, {v});
        b.store(y, to, v + b.load(bias, {{}, {{j.id, constant(1)}}}) * by, {}, accumulates);
        b.store(m, to, call(ScalarOp::lt, {v, call(ScalarOp::cast, type, {j + i})}));
      });
    });
    Kernel k = b.finish();
    for (Buffer& buffer : k.buffers) buffer.aligned = aligned;
    return k;
  }

  int run() const {
    const std::vector<codegen::cuda::Phase> all = codegen::cuda::phases(kernel());
    REQUIRE(all.size() == 1);
    return all[0].run;
  }
};

template <class T>
std::vector<T> random_elements(std::size_t n, std::mt19937_64& random) {
  std::vector<T> all(n);
  for (T& v : all) v = static_cast<T>(std::normal_distribution<double>(2, 3)(random));
  return all;
}

template <class T>
void check_against_interpreter(const Kernel& kernel, const tests::KernelRunner& runner, std::size_t number,
                               std::int64_t rows) {
  std::mt19937_64 random(3);
  const std::size_t n = 24 * 32;
  std::vector<T> x = random_elements<T>(n, random), bias = random_elements<T>(32, random),
                 scale = random_elements<T>(32, random), y(n, T(7)), expected_y = y;
  std::vector<unsigned char> m(n, 9), expected_m = m;
  void* expected[] = {x.data(), bias.data(), scale.data(), expected_y.data(), expected_m.data()};
  kernel::interpret(kernel, expected, {{rows}});
  const auto buffer = [](auto& v) { return tests::HostBuffer{v.data(), v.size() * sizeof v[0], v.data()}; };
  for (const std::int64_t blocks : {1, 3}) {
    std::vector<T> got_y = y;
    std::vector<unsigned char> got_m = m;
    const tests::HostBuffer got[] = {buffer(x), buffer(bias), buffer(scale), buffer(got_y), buffer(got_m)};
    runner.run(number, got, {{rows}}, blocks);
    CAPTURE(kernel.name, rows, blocks);
    CHECK(got_m == expected_m);
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i)
      worst = std::max(worst, std::abs(static_cast<double>(got_y[i]) - static_cast<double>(expected_y[i])));
    CHECK(worst < 1e-5);
  }
}

}  // namespace

TEST_CASE("a thread has four neighbours where they lie side by side, the first at a multiple of four") {
  CHECK(Rows{}.run() == 4);
  CHECK(Rows{.columns = 4}.run() == 4);
  CHECK(Rows{.type = DType::f64}.run() == 4);
  CHECK(Rows{.rows_up = 1}.run() == 4);
  CHECK(Rows{.offset = 4, .apart = 12}.run() == 4);
  CHECK(Rows{.along = 0, .apart = 8}.run() == 4);  // the same element of x for all of a row
  CHECK(Rows{.columns = 6}.run() == 1);
  CHECK(Rows{.offset = 2}.run() == 1);
  CHECK(Rows{.along = 2, .apart = 16}.run() == 1);
  CHECK(Rows{.along = -1}.run() == 1);
  CHECK(Rows{.apart = 10}.run() == 1);
  CHECK(Rows{.aligned = false}.run() == 1);
  CHECK(Rows{.bounds_columns = true}.run() == 1);
  CHECK(Rows{.accumulates = true}.run() == 1);
  CHECK(Rows{.heavy = true}.run() == 1);
}

TEST_CASE("runs agree with the interpreter") {
  const std::vector<Rows> all{{},
                              {.columns = 4},
                              {.columns = 6},
                              {.rows_up = 1},
                              {.rows_up = -2},
                              {.offset = 4, .apart = 12},
                              {.along = 0, .apart = 8},
                              {.along = 2, .apart = 16},
                              {.bounds_columns = true},
                              {.aligned = false}};
  for (const DType type : {DType::f32, DType::f64}) {
    std::vector<Kernel> kernels;
    for (Rows rows : all) {
      rows.type = type;
      kernels.push_back(rows.kernel("rows_" + std::to_string(kernels.size())));
    }
    const tests::KernelRunner runner(kernels);
    for (std::size_t i = 0; i < kernels.size(); ++i)
      for (const std::int64_t rows : {0, 1, 23})
        type == DType::f32 ? check_against_interpreter<float>(kernels[i], runner, i, rows)
                           : check_against_interpreter<double>(kernels[i], runner, i, rows);
  }
}

TEST_CASE("the text of a run loads and stores four elements at once") {
  const std::string text = codegen::cuda::print(Rows{.rows_up = 1}.kernel());
  CHECK_THAT(text, contains("// rows_phase0: one thread for 4 iterations of 2 loops."));
  CHECK_THAT(text, contains("inside(i - 1, e0) ? four(x[i * 8 + (j - 8)]) : Four<float>{}") ||
                       contains("inside(i - 1, e0) ? four(x[at - 8]) : Four<float>{}"));
  CHECK_THAT(text, contains("four(y[at]) = ys1;"));
  CHECK_THAT(text, contains("const float scale1 = scale[i];"));
  CHECK_THAT(text, contains("for (Walk<2> walk("));
}
