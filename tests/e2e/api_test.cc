// The public API as a user meets it: symbolic extents, updates, givens, threads, derivatives, and the errors of bad
// use.
#include <atomic>
#include <cmath>
#include <thread>

#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

Array floats(std::vector<float> v, Extents shape) { return Array::of(std::span<const float>(v), std::move(shape)); }

}  // namespace

TEST_CASE("one compilation serves every batch size") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 4});
  const Shared w("w", floats({1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}));
  const Function f = function({x}, {sum(tanh(dot(x, w)), {1})});
  for (std::int64_t batch : {0, 1, 7, 64, 1000}) {
    Array in(float32, {batch, 4});
    for (std::int64_t i = 0; i < in.size(); ++i)
      in.view<float>()[static_cast<std::size_t>(i)] = 0.01f * static_cast<float>(i % 13 - 6);
    const Array out = f(in)[0];
    REQUIRE(out.shape() == Extents{batch});
    for (std::int64_t b = 0; b < batch; ++b) {
      double expected = 0;
      for (std::int64_t j = 0; j < 2; ++j) {
        double dot_product = 0;
        for (std::int64_t k = 0; k < 4; ++k) dot_product += in.at(b * 4 + k) * static_cast<double>(k * 2 + j + 1);
        expected += std::tanh(dot_product);
      }
      CHECK(std::fabs(out.at(b) - expected) < 1e-5);
    }
  }
}

TEST_CASE("updates are simultaneous: two Shareds swap") {
  const Shared a("a", floats({1, 2}, {2})), b("b", floats({3, 4}, {2}));
  const Function swap = function({}, {a.tensor()}, {.updates = {{a, b}, {b, a}}});
  const Array before = swap()[0];
  CHECK(before.at(0) == 1);
  CHECK(a.get().at(1) == 4);
  CHECK(b.get().at(0) == 1);
  CHECK(a.version() == 1);
}

TEST_CASE("givens replace tensors") {
  const Tensor x = input("x", float32, {3}), y = input("y", float32, {3});
  const Function f = function({y}, {x * 2.0}, {.givens = {{x, y + 1.0}}});
  CHECK(f({1, 2, 3})[0].at(2) == 8);
}

TEST_CASE("a given's symbolic extents are its replacement's, unless something that stays has them") {
  Dim n("n"), i("i");
  const Tensor x = input("x", float32, {n, 2}), y = input("y", float32, {n});
  const Shared data("data", floats({1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}));
  const Function rows = function({}, {mean(x)}, {.givens = {{x, slice(data, 0, 1, 3)}}});
  CHECK(rows()[0].at(0) == 4.5);
  const Function both = function({y}, {sum(x, {1}) + y}, {.givens = {{x, slice(data, 0, 0, 3)}}});
  CHECK(both({10, 20, 30})[0].at(2) == 41);
  CHECK_THAT(message_of([&] { both({10, 20}); }), contains("3 is not 2"));
}

TEST_CASE("operands whose extents are equal only by a check keep their order's type") {
  for (int round = 0; round < 8; ++round) {
    const Tensor a = input("a", float32, {Dim("n")}), b = input("b", float32, {Dim("m")});
    const Function f = round % 2 ? function({a, b}, {a + b}) : function({a, b}, {b + a});
    CHECK(f({1, 2}, {3, 4})[0].at(1) == 6);
    CHECK_THAT(message_of([&] { f({1, 2}, {3, 4, 5}); }), contains("not"));
  }
}

TEST_CASE("a graph keeps its Shared alive, and gradients pass their check") {
  const Tensor scaled = [] {
    const Shared s("s", Array::scalar(3.0));
    return input("x", float64, {5}) * s;
  }();
  CHECK(scaled.rank() == 1);
  const Tensor x = input("x", float64, {2, 3});
  Array v(float64, {2, 3});
  for (std::int64_t i = 0; i < 6; ++i)
    v.view<double>()[static_cast<std::size_t>(i)] = 0.3 * static_cast<double>(i) - 0.7;
  const GradientCheck check = gradient_check({sum(tanh(x) * softmax(x))}, {x}, {{x, v}});
  INFO(check.where);
  CHECK(check.worst < 1e-7);
}

TEST_CASE("a function is callable from several threads") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Shared total("total", Array::scalar(0.0f));
  const Function f = function({x}, {sum(x * 2.0)}, {.updates = {{total, total + sum(x)}}});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 50; ++i) {
        const Array in = floats(std::vector<float>(static_cast<std::size_t>(t + i), 1.0f), {t + i});
        wrong += f(in)[0].at(0) != 2.0 * (t + i);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(total.get().at(0) == 4 * 50 * 51 / 2 + 50 * (0 + 1 + 2 + 3));
}

TEST_CASE("random draws advance from call to call and do not depend on threads") {
  RandomStream random(7);
  const Tensor u = random.uniform({1000});
  RandomStream same(7);
  const Tensor v = same.uniform({1000});
  const Function one = function({}, {u}, {.threads = 1}), two = function({}, {v}, {.threads = 2});
  const Array a = one()[0], b = one()[0], c = two()[0];
  CHECK_FALSE(a.same_bits(b));
  CHECK(a.same_bits(c));
}

TEST_CASE("messages of bad use name what was given") {
  Dim batch("batch");
  const Tensor x = input("x", float32, {batch, 784});
  const Tensor w = input("w", float32, {800, 500});
  const std::string bad_dot = message_of([&] { dot(x, w); });
  for (const char* part : {"dot", "[batch, 784]", "[800, 500]", "api_test.cc"}) CHECK_THAT(bad_dot, contains(part));
  CHECK_THAT(message_of([&] { function({x}, {sum(x) + sum(w)}); }), contains("missing"));
  CHECK_THAT(message_of([&] { function({x, x}, {sum(x)}); }), contains("given twice"));
  CHECK_THAT(message_of([&] { function({x, w}, {sum(x)}); }), contains("is not used"));
  Shared s("s", Array::scalar(1.0f));
  CHECK_THAT(message_of([&] { function({}, {}, {.updates = {{s, s + 1.0}, {s, s + 2.0}}}); }),
             contains("updated twice"));
  CHECK_THAT(message_of([&] { grad(sum(x), w); }), contains("w"));
  const Function f = function({x}, {sum(x)}, {.name = "total"});
  CHECK_THAT(message_of([&] { f(); }), contains("takes 1 arguments (x), got 0"));
  CHECK_THAT(message_of([&] { f(Array::zeros(float64, {1, 784})); }), contains("expected dtype float32"));
  CHECK_THAT(message_of([&] { f(Array::zeros(float32, {2, 7})); }), contains("784"));
  CHECK_THAT(message_of([&] { f({1, 2, 3}); }), contains("expected rank 2"));
  CHECK_THAT(message_of([&] { s.set(Array::zeros(float32, {2})); }), contains("rank"));
  CHECK_THAT(message_of([&] { function({x}, {sum(x)}, {.device = "tpu"}); }), contains("tpu"));
}

TEST_CASE("extents that meet under two names are checked at call entry, also when rewriting drops the node") {
  Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n}), y = input("y", float32, {m});
  const Function f = function({x, y}, {where(equal(x, x), x + y * 0.0, x + y)});
  CHECK(f({1, 2}, {3, 4})[0].size() == 2);
  CHECK_THAT(message_of([&] { f({1, 2}, {3, 4, 5}); }), contains("must be equal"));
}

TEST_CASE("an integer that comes to a narrower one by way of a float saturates, at every level") {
  const Tensor x = input("x", int16, {2});
  for (const int level : {0, 1, 2}) {
    const Function f = function({x}, {cast(cast(x, float32), int8), cast(x, int8)}, {.level = level});
    const std::vector<Array> out = f(std::vector<std::int16_t>{245, -300});
    CHECK(out[0].at(0) == 127);
    CHECK(out[0].at(1) == -128);
    CHECK(out[1].at(0) == -11);  // the direct way wraps round
  }
}

TEST_CASE("vmap is a loop over rows") {
  const Dim n("n");
  const Tensor x = input("x", float64, {n, 3}), y = input("y", float64, {n}), w = input("w", float64, {3});
  const auto of_row = [&](const Tensor& row, const Tensor& scale) { return sum(tanh(row * w)) * scale; };
  const Tensor all = vmap([&](const std::vector<Tensor>& r) { return std::vector<Tensor>{of_row(r[0], r[1])}; },
                          std::vector<Tensor>{x, y})[0];
  const Tensor doubled = vmap([](const Tensor& row) { return row * 2.0; }, x);
  const Function f = function({x, y, w}, {all, doubled, grad(sum(all), w)});
  const std::vector<double> rows{1, 2, 3, 4, 5, 6}, scales{10, 100}, weights{0.1, 0.2, 0.3};
  const std::vector<Array> out =
      f(Array::of<double>(rows, {2, 3}), Array::of<double>(scales, {2}), Array::of<double>(weights, {3}));
  double slope = 0;
  for (std::int64_t i = 0; i < 2; ++i) {
    double expected = 0;
    for (std::int64_t k = 0; k < 3; ++k) {
      const double v = static_cast<double>(3 * i + k + 1), scale = i == 0 ? 10 : 100;
      const double t = std::tanh(v * 0.1 * static_cast<double>(k + 1));
      expected += t * scale;
      if (k == 0) slope += (1 - t * t) * v * scale;
    }
    CHECK(out[0].at(i) == Approx(expected));
    CHECK(out[1].at(3 * i + 2) == static_cast<double>(6 * i + 6));
  }
  CHECK(out[2].at(0) == Approx(slope));
  const Tensor s = input("s", float64, {});
  const auto identity = [](const Tensor& row) { return row; };
  CHECK_THAT(message_of([&] { vmap(identity, s); }), contains("vmap at api_test.cc"));
  CHECK_THAT(message_of([&] { vmap([](const std::vector<Tensor>& r) { return r; }, std::vector<Tensor>{}); }),
             contains("there must be an argument"));
}

TEST_CASE("gradient_check of a graph that reads a Shared") {
  const Tensor x = input("x", float64, {2, 2});
  const Shared w("w", Array::of<double>(std::vector<double>{0.1, -0.2, 0.3, 0.4}, {2, 2}));
  const Array value = Array::of<double>(std::vector<double>{1, 2, -1, 0.5}, {2, 2});
  CHECK(gradient_check({sum(tanh(dot(x, w)))}, {x}, {{x, value}}).worst < 1e-6);
}
