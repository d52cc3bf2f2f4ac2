#include "compiler/kernel/interpret.h"

#include <cmath>
#include <limits>

#include "compiler/kernel/builder.h"
#include "tests/support/catch.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;
using namespace bitale::kernel;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

// Runs a verified kernel on vectors.
void run(const Kernel& k, const std::vector<void*>& buffers, const std::vector<std::int64_t>& extents) {
  verify(k);
  interpret(k, buffers, extents);
}

}  // namespace

TEST_CASE("softmax of rows") {
  std::vector<float> x{1, 2, 3, 1000, 1001, 1002}, y(6);
  run(tests::softmax(), {x.data(), y.data()}, {2, 3});
  const double total = std::exp(-2.0) + std::exp(-1.0) + 1;
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(y[i] == static_cast<float>(std::exp(static_cast<double>(i % 3) - 2) / total));
}

TEST_CASE("guarded loads give their fill value") {
  std::vector<float> x{5, 1, 2, 7, 3}, y(4);
  run(tests::padded_max(), {x.data(), y.data()}, {4, 5});
  CHECK(y == std::vector<float>{5, 7, 7, -infinity});
}

TEST_CASE("guarded stores outside do nothing") {
  Builder b("edge");
  const int y = b.buffer("y", DType::i32, true);
  b.loop(LoopKind::sequential, Extent::constant(5), [&](Scalar i) {
    const Index back{Extent::constant(-1), {{i.id, Extent::constant(1)}}};
    b.store(y, back, b.integer(9, DType::i32), {{back, Extent::constant(3)}});
  });
  std::vector<std::int32_t> out(4);
  run(b.finish(), {out.data()}, {});
  CHECK(out == std::vector<std::int32_t>{9, 9, 9, 0});
}

TEST_CASE("every combiner, with ties, NaN and empty rows") {
  struct Results {
    std::vector<float> sum, prod, max, min, best, worst;
    std::vector<std::uint8_t> any, all;
    std::vector<std::int64_t> arg_max, arg_min;
  };
  const auto reduce = [](std::vector<float> x, std::int64_t rows, std::int64_t columns) {
    const auto n = static_cast<std::size_t>(rows);
    Results r;
    for (auto* column : {&r.sum, &r.prod, &r.max, &r.min, &r.best, &r.worst}) column->resize(n);
    for (auto* column : {&r.any, &r.all}) column->assign(n, 77);
    for (auto* column : {&r.arg_max, &r.arg_min}) column->assign(n, 77);
    run(tests::every_combiner(),
        {x.data(), r.sum.data(), r.prod.data(), r.max.data(), r.min.data(), r.best.data(), r.worst.data(), r.any.data(),
         r.all.data(), r.arg_max.data(), r.arg_min.data()},
        {rows, columns});
    return r;
  };
  const Results r =
      reduce({3, -1, 3, -1, 2, nan_value, nan_value, 9, -infinity, -infinity, -infinity, -infinity}, 3, 4);
  CHECK(r.sum[0] == 4);
  CHECK(r.prod[0] == 9);
  CHECK(r.max[0] == 3);
  CHECK(r.min[0] == -1);
  CHECK(r.any == std::vector<std::uint8_t>{1, 1, 0});
  CHECK(r.all == std::vector<std::uint8_t>{0, 0, 0});
  CHECK(r.arg_max == std::vector<std::int64_t>{0, 1, 0});
  CHECK(r.arg_min == std::vector<std::int64_t>{1, 1, 0});
  CHECK(std::isnan(r.max[1]));
  CHECK(std::isnan(r.min[1]));
  CHECK(std::isnan(r.best[1]));
  CHECK(r.best[2] == -infinity);

  const Results empty = reduce({}, 1, 0);
  CHECK(empty.sum[0] == 0);
  CHECK(empty.prod[0] == 1);
  CHECK(empty.max[0] == -infinity);
  CHECK(empty.min[0] == infinity);
  CHECK(empty.any[0] == 0);
  CHECK(empty.all[0] == 1);
  CHECK(empty.best[0] == -infinity);
  CHECK(empty.arg_max[0] == 0);
}

TEST_CASE("integer sums wrap and small extremes start at the type's own limits") {
  Builder b("wrap");
  const int x = b.buffer("x", DType::i8, false), sum = b.buffer("sum", DType::i8, true),
            low = b.buffer("low", DType::i8, true);
  const auto results = b.reduce(LoopKind::vector, Extent::constant(3), [&](Scalar i) {
    const Scalar v = b.load(x, {{}, {{i.id, Extent::constant(1)}}});
    return std::vector<Builder::Yield>{{Combiner::sum, {v}}, {Combiner::min, {v}}};
  });
  b.store(sum, {}, results[0]);
  b.store(low, {}, results[1]);
  std::vector<std::int8_t> in{100, 100, 127}, out(2);
  run(b.finish(), {in.data(), &out[0], &out[1]}, {});
  CHECK(out == std::vector<std::int8_t>{static_cast<std::int8_t>(327 - 256), 100});
}

TEST_CASE("nested reductions") {
  Builder b("nested");
  const int x = b.buffer("x", DType::f64, false), y = b.buffer("y", DType::f64, true);
  const Extent rows = b.extent_argument(), columns = b.extent_argument();
  const Scalar best = b.reduce(LoopKind::sequential, rows, [&](Scalar r) {
    const Scalar total = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      return std::vector<Builder::Yield>{
          {Combiner::sum, {b.load(x, {{}, {{r.id, columns}, {c.id, Extent::constant(1)}}})}}};
    })[0];
    return std::vector<Builder::Yield>{{Combiner::max, {total}}};
  })[0];
  b.store(y, {}, best);
  std::vector<double> in{1, 2, 5, 6, -1, 0}, out(1);
  run(b.finish(), {in.data(), out.data()}, {3, 2});
  CHECK(out[0] == 11);
}

TEST_CASE("accumulating stores add in order, also to the same element") {
  std::vector<std::int64_t> rows{2, 0, 2};
  std::vector<float> x{1, 2, 3, 4, 5, 6}, table{100, 100, 100, 100, 100, 100};
  run(tests::scatter_add(), {rows.data(), x.data(), table.data()}, {3, 2});
  CHECK(table == std::vector<float>{103, 104, 100, 100, 106, 108});
}

TEST_CASE("a phase reads what an earlier one wrote") {
  std::vector<float> x{1, 2, 3}, t(3), y(3);
  run(tests::two_phases(), {x.data(), t.data(), y.data()}, {3});
  CHECK(y == std::vector<float>{9, 4, 1});
}

TEST_CASE("scratch is poisoned at each parallel iteration") {
  Builder b("poison");
  const int y = b.buffer("y", DType::f32, true);
  const int s = b.scratch("s", DType::f32, 1);
  b.loop(LoopKind::parallel, Extent::constant(2), [&](Scalar i) {
    b.store(y, {{}, {{i.id, Extent::constant(1)}}}, b.load(s, {}));
    b.store(s, {}, b.constant(1, DType::f32));
  });
  std::vector<float> out(2);
  run(b.finish(), {out.data()}, {});
  CHECK(std::isnan(out[0]));
  CHECK(std::isnan(out[1]));
}

TEST_CASE("scratch, short vectors and sums without a parallel loop") {
  std::vector<std::int32_t> x(96), y(96);
  for (std::size_t i = 0; i < 96; ++i) x[i] = static_cast<std::int32_t>(i);
  run(tests::reverse_rows(), {x.data(), y.data()}, {2});
  CHECK(y[0] == 47);
  CHECK(y[48] == 95);
  std::vector<float> fours{1, 2, 3, 4, 5, 6, 7, 8}, sums(2);
  run(tests::sums_of_four(), {fours.data(), sums.data()}, {2});
  CHECK(sums == std::vector<float>{10, 26});
  std::vector<double> in{0.5, 0.25, 8}, total(1);
  run(tests::sum_all(), {in.data(), total.data()}, {3});
  CHECK(total[0] == 8.75);
}

TEST_CASE("float32 is rounded when stored, not before") {
  std::vector<float> x{1}, bias{1e-9f}, scale{1}, y(1);
  Builder b("late");
  const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
  const Scalar one = b.load(in, {});
  b.store(out, {}, (one + b.constant(1e-9, DType::f32)) - one);
  run(b.finish(), {x.data(), y.data()}, {});
  CHECK(y[0] == Approx(1e-9));
}

TEST_CASE("bool is stored as 0 or 1, and any other byte reads as true") {
  Builder b("flip");
  const int x = b.buffer("x", DType::bool_, false), y = b.buffer("y", DType::bool_, true);
  b.loop(LoopKind::vector, Extent::constant(2), [&](Scalar i) {
    const Index at{{}, {{i.id, Extent::constant(1)}}};
    b.store(y, at, call(ScalarOp::bit_not, {b.load(x, at)}));
  });
  std::vector<std::uint8_t> in{0, 200}, out{7, 7};
  run(b.finish(), {in.data(), out.data()}, {});
  CHECK(out == std::vector<std::uint8_t>{1, 0});
}
