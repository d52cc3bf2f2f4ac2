#include "runtime/library/library.h"

#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "runtime/library/form.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

TEST_CASE("unknown library calls are refused by name") {
  REQUIRE_THROWS_WITH(library::find("fft"), contains("no library call 'fft'"));
}

TEST_CASE("every library says whether it is there") {
  const auto rows = library::status();
  REQUIRE_FALSE(rows.empty());
  REQUIRE(rows[0].name == "OpenBLAS");
  REQUIRE(rows[0].available == !rows[0].version.empty());
}

TEST_CASE("OpenBLAS multiplies") {
  if (!library::status()[0].available) return;
  for (const bool transposed : {false, true}) {
    Make m;
    const int two = m.constant(2), three = m.constant(3);
    const int a = m.input("a", {two, three}), b = m.input("b", {three, two}), c = m.output("c", {two, two});
    LibraryStep s{"sgemm", {a, b, c}, {false, false, true}, {two, two, three, three, two, two}, {0, 0}, {2, 0}};
    if (transposed) {  // b as the transpose of itself
      s.integers = {0, 1};
      s.extents[4] = three;
    }
    m.step(s, "product");
    const executor::Runnable f(m.done(), std::vector<const void*>{});
    const auto r =
        f.call(std::vector{array<float>({1, 2, 3, 4, 5, 6}, {2, 3}), array<float>({1, 0, 0, 1, 1, 1}, {3, 2})}, {}, {});
    REQUIRE(values<float>(r.outputs[0]) ==
            (transposed ? std::vector<float>{2, 12, 8, 30} : std::vector<float>{8, 10, 20, 22}));
  }
}

TEST_CASE("sizes that OpenBLAS cannot count are refused") {
  if (!library::status()[0].available) return;
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), huge = m.constant(std::int64_t{1} << 40), c = m.output("c", {n});
  m.step(LibraryStep{"dgemm", {x, x, c}, {false, false, true}, {huge, n, n, n, n, n}, {0, 0}, {1, 0}}, "product");
  const executor::Runnable f(m.done(), std::vector<const void*>{});
  REQUIRE_THROWS_WITH(f.call(std::vector{array<float>({1}, {1})}, {}, {}),
                      contains("dgemm is malformed: its extent 1099511627776 is more than it can count"));
}

namespace {

using Form = library::CallForm;

struct Call {
  std::string function;
  std::vector<Form::Buffer> buffers;
  std::vector<std::int64_t> extents, integers;
  std::vector<double> reals = {};

  std::string fault() const {
    try {
      library::check_form(function, {buffers, extents, integers, reals});
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

constexpr auto f32_number = static_cast<std::int64_t>(DType::f32);

Call scatter() {
  return {"scatter_add",
          {{DType::f32, 24, false}, {DType::i64, 5, false}, {DType::f32, 40, false}, {DType::f32, 24, true}},
          {2, 3, 4, 5},
          {f32_number}};
}
Call product() {
  return {"sgemm",
          {{DType::f32, 6, false}, {DType::f32, 12, false}, {DType::f32, 8, true}},
          {2, 4, 3, 3, 4, 4},
          {0, 0},
          {1, 0}};
}
}  // namespace

TEST_CASE("calls that are well formed pass") {
  CHECK(scatter().fault().empty());
  CHECK(product().fault().empty());
}

TEST_CASE("calls from outside are checked before they run") {
  const auto faulty = [](Call call, auto change) {
    change(call);
    return call.fault();
  };
  const auto expect = [](const std::string& fault, const std::string& text) { CHECK_THAT(fault, contains(text)); };
  expect(faulty(scatter(), [](Call& c) { c.buffers.pop_back(); }), "has 3 buffers, expected 4");
  expect(faulty(scatter(), [](Call& c) { c.extents.pop_back(); }), "has 3 extents, expected 4");
  expect(faulty(scatter(), [](Call& c) { c.integers.clear(); }), "has 0 numbers, expected 1");
  expect(faulty(scatter(), [](Call& c) { c.integers[0] = 99; }), "no dtype 99");
  expect(faulty(scatter(), [](Call& c) { c.integers[0] = static_cast<std::int64_t>(DType::f16); }),
         "nothing computes in float16");
  expect(faulty(scatter(), [](Call& c) { c.extents[0] = -2; }), "extent -2 is negative");
  expect(faulty(scatter(), [](Call& c) { c.extents[3] = 6; }), "buffer 1 has 5 elements, expected 6");
  expect(faulty(scatter(), [](Call& c) { c.buffers[1].storage = DType::i32; }), "buffer 1 holds int32, expected int64");
  expect(faulty(scatter(), [](Call& c) { c.buffers[3].written = false; }),
         "it writes buffer 3, and the step says otherwise");
  expect(faulty(scatter(), [](Call& c) { c.extents = {std::int64_t{1} << 32, std::int64_t{1} << 32, 1, 1}; }),
         "more than can be");
  expect(faulty(scatter(), [](Call& c) { c.function = "fft"; }), "no library call 'fft'");
  expect(faulty(product(), [](Call& c) { c.extents[4] = 3; }), "rows of 4 elements are 3 from each other");
  expect(faulty(product(), [](Call& c) { c.integers[0] = 1; }), "buffer 0 has 6 elements, expected 8");
  expect(faulty(product(), [](Call& c) { c.buffers[2].elements = 7; }), "buffer 2 has 7 elements, expected 8");
  expect(faulty(product(), [](Call& c) { c.reals.clear(); }), "has 0 factors");
  const Call argsort{"argsort", {{DType::f32, 4, false}, {DType::i64, 5, true}}, {1, 4, 1, 5}, {f32_number, 0}};
  expect(argsort.fault(), "extent 5 is larger than 4");
  const Call recurrence{"linear_recurrence",
                        {{DType::i64, 1, false}, {DType::i64, 1, false}, {DType::i64, 1, true}},
                        {1, 1, 1},
                        {static_cast<std::int64_t>(DType::i64), 0}};
  expect(recurrence.fault(), "takes no int64");
  const Call callback{"callback", {}, {}, {1 << 20, 0}};
  expect(callback.fault(), "function 1048576 is none of this process");
}

TEST_CASE("the sizes of an SVD depend on whether it is full") {
  for (const bool full : {false, true}) {
    const std::int64_t k = 2, m = 2, n = 6;
    Call svd{"svd",
             {{DType::f64, m * n, false},
              {DType::f64, m * (full ? m : k), true},
              {DType::f64, k, true},
              {DType::f64, (full ? n : k) * n, true}},
             {1, m, n},
             {static_cast<std::int64_t>(DType::f64), full}};
    CHECK(svd.fault().empty());
    svd.integers[1] = !full;
    CHECK_THAT(svd.fault(), contains("buffer 3"));
  }
}
