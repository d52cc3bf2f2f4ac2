// Packs of unchanged operands are kept between calls; values cannot tell.
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <bitale/bitale.h>

#include "runtime/base/flags.h"
#include "tests/support/arrays.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::filled;

namespace {

Array numbers(Extents shape, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Array a(float32, std::move(shape));
  for (float& v : a.view<float>()) v = uniform(random);
  return a;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Two layers, of weights or of inputs in their place.
Tensor two_layers(const Tensor& x, const Tensor& w1, const Tensor& w2) { return dot(tanh(dot(x, w1)), w2); }

struct TwoLayers {
  Dim n{"n"};
  Tensor x = input("x", float32, {n, 120}), a = input("a", float32, {120, 90}), b = input("b", float32, {90, 10});
  Shared w1{"w1", numbers({120, 90}, 1)}, w2{"w2", numbers({90, 10}, 2)};
  Function plain = function({x, a, b}, {two_layers(x, a, b)}, {.threads = 2});
  Function forward = function({x}, {two_layers(x, w1, w2)}, {.threads = 2});

  bool agree(const Array& batch) const { return forward(batch)[0].same_bits(plain(batch, w1.get(), w2.get())[0]); }
};

}  // namespace

TEST_CASE("packs are kept of weights that a function reads, not of those that it updates") {
  TwoLayers f;
  const Function train =
      function({f.x}, {sum(square(two_layers(f.x, f.w1, f.w2)))}, {.updates = {{f.w1, f.w1 * 0.5}}, .threads = 2});
  CHECK(count(f.forward.program_text(), "pack kept") == 2);
  CHECK(count(f.plain.program_text(), "pack kept") == 0);
  CHECK_THAT(f.forward.program_text(), contains("w1 + 0, pack kept"));
  CHECK_THAT(train.program_text(), contains("w2 + 0, pack kept"));
  CHECK_THAT(train.program_text(), !contains("w1 + 0, pack kept"));
  const std::vector<Argument> batch{numbers({100, 120}, 3)};
  const PlannedMemory planned = f.forward.planned_memory(batch);
  CHECK(planned.pack_bytes >= (120 * 90 + 90 * 10) * 4);
  CHECK(planned.total() == planned.arena_bytes + planned.output_bytes + planned.constant_bytes + planned.pack_bytes);
}

TEST_CASE("kept packs follow every change of a weight") {
  TwoLayers f;
  const Function train =
      function({}, {}, {.updates = {{f.w1, f.w1 * 0.5}, {f.w2, transpose(reshape(f.w2 + 1.0, {10, 90}))}}});
  const Array batch = numbers({100, 120}, 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(f.agree(batch));
    CHECK(f.agree(batch));
    train();
    CHECK(f.agree(batch));
    f.w1.set(numbers({120, 90}, 7u + static_cast<unsigned>(i)));
  }
}

TEST_CASE("kept packs and extents that change") {
  TwoLayers f;
  for (int round = 0; round < 2; ++round)
    for (const std::int64_t rows : {1, 2, 100, 31, 200, 0, 64, 100}) {
      CHECK(f.agree(numbers({rows, 120}, 3)));
      f.w2.set(numbers({90, 10}, static_cast<unsigned>(rows)));
    }
  // a Shared whose extents change: other placements, other packs
  const Dim k("k"), m("m");
  const Tensor x = input("x", float32, {m, k}), w_in = input("w", float32, {k, 70});
  Shared w("w", numbers({50, 70}, 1), {k, 70});
  const Function forward = function({x}, {dot(x, w)}), plain = function({x, w_in}, {dot(x, w_in)});
  for (const std::int64_t depth : {50, 9, 50, 800, 50}) {
    w.set(numbers({depth, 70}, static_cast<unsigned>(depth)));
    const Array batch = numbers({90, depth}, 5);
    for (int call = 0; call < 2; ++call) CHECK(forward(batch)[0].same_bits(plain(batch, w.get())[0]));
  }
}

TEST_CASE("filters of convolutions, views of weights and constants are kept") {
  const Tensor x = input("x", float32, {8, 3, 12, 12}), v = input("v", float32, {6, 3, 5, 5}),
               y = input("y", float32, {100, 80}), u = input("u", float32, {70, 80});
  const Array table = numbers({70, 80}, 4);
  Shared filters("filters", numbers({6, 3, 5, 5}, 1)), w("w", numbers({70, 80}, 2));
  const Function forward =
      function({x, y}, {conv2d(x, filters), dot(y, transpose(w)), dot(y, transpose(constant(table)))}, {.threads = 2});
  const Function plain = function({x, v, y, u}, {conv2d(x, v), dot(y, transpose(u))}, {.threads = 2});
  CHECK(count(forward.program_text(), "pack kept") == 3);
  const Array images = numbers({8, 3, 12, 12}, 3), rows = numbers({100, 80}, 4);
  for (int i = 0; i < 3; ++i) {
    const std::vector<Array> out = forward(images, rows), want = plain(images, filters.get(), rows, w.get());
    CHECK(out[0].same_bits(want[0]));
    CHECK(out[1].same_bits(want[1]));
    CHECK(out[2].same_bits(plain(images, filters.get(), rows, table)[1]));
    if (i == 1) filters.set(numbers({6, 3, 5, 5}, 9));
  }
}

TEST_CASE("the guards and the step checker see kept packs as they see everything") {
  const auto call_twice = [] {
    TwoLayers f;
    for (int i = 0; i < 2; ++i) {
      CHECK(f.agree(numbers({70, 120}, 3)));
      f.w1.set(numbers({120, 90}, 5));
    }
  };
  for (bool Flags::* flag : {&Flags::guard, &Flags::nan_guard, &Flags::check}) {
    flags().*flag = true;
    CHECK_NOTHROW(call_twice());
    flags().*flag = false;
  }
}

TEST_CASE("callers beside a thread that sets the weight see one value or the other") {
  const Dim n("n");
  const Tensor x = input("x", float32, {n, 64});
  Shared w("w", filled(0, {64, 96}));
  const Function one = function({x}, {dot(x, w)}, {.threads = 1}), two = function({x}, {dot(x, w)}, {.threads = 2});
  CHECK_THAT(one.program_text(), contains("pack kept"));
  std::atomic<int> torn{0}, running{4};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&, i] {
      const Array batch = filled(1, {100 + i % 2, 64});
      for (int call = 0; call < 40; ++call) {
        const Array out = (i < 2 ? one : two)(batch)[0];
        for (const float v : out.view<float>()) torn += v != out.view<float>()[0];
        std::this_thread::sleep_for(std::chrono::microseconds(200));  // a writer gets its turn
      }
      --running;
    });
  for (int i = 0; running > 0; ++i) w.set(filled(static_cast<float>(i % 7), {64, 96}));
  for (std::thread& t : readers) t.join();
  CHECK(torn == 0);
  w.set(filled(3, {64, 96}));
  CHECK(one(filled(1, {100, 64}))[0].at(0) == 192);
}
