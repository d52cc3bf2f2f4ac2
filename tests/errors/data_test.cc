// Data that a compiled function cannot use: the call fails with the op, the value and the user's line, and nothing has
// changed.
#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

Array floats(std::vector<float> v, Extents shape) { return Array::of(std::span<const float>(v), std::move(shape)); }
Array integers(std::vector<std::int64_t> v) {
  return Array::of(std::span<const std::int64_t>(v), {static_cast<std::int64_t>(v.size())});
}

void check_message(const std::string& message, const std::string& op, const std::string& index,
                   const std::string& extent) {
  for (const std::string& part :
       {op, "index " + index + " is out of range for an extent of " + extent, std::string("data_test.cc:")})
    CHECK_THAT(message, contains(part));
}

}  // namespace

TEST_CASE("gather reports an index outside, from both ends, at every level") {
  Dim n("n"), rows("rows");
  const Tensor table = input("table", float32, {rows, 2}), at = input("at", int64, {n});
  for (const int level : {0, 2}) {
    const Function f = function({table, at}, {gather(table, at) * 2.0}, {.level = level});
    const Array x = floats({1, 2, 3, 4, 5, 6}, {3, 2});
    CHECK(f(x, integers({-3, 2}))[0].at(3) == 12);
    check_message(message_of([&] { f(x, integers({0, 3})); }), "gather", "3", "3");
    check_message(message_of([&] { f(x, integers({-4})); }), "gather", "-4", "3");
    CHECK(f(x, integers({1}))[0].at(0) == 6);  // a failed call leaves nothing behind
  }
}

TEST_CASE("a label outside the classes is reported by the loss and by its gradient") {
  Dim n("n");
  const Tensor x = input("x", float32, {n, 3}), labels = input("labels", int32, {n});
  const Shared w("w", floats({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3}));
  const Tensor loss = mean(cross_entropy(dot(x, w), labels));
  const Function step = function({x, labels}, {}, {.updates = {{w, w - 0.1 * grad(loss, w)}}});
  const Array bad = Array::of<std::int32_t>(std::vector<std::int32_t>{0, 17}, {2});
  const Array good = Array::of<std::int32_t>(std::vector<std::int32_t>{0, 2}, {2});
  const Array rows = floats({1, 2, 3, 4, 5, 6}, {2, 3}), before = w.get();
  check_message(message_of([&] { step(rows, bad); }), "pick", "17", "3");
  CHECK(w.get().same_bits(before));
  CHECK(w.version() == 0);
  step(rows, good);
  CHECK_FALSE(w.get().same_bits(before));
}

TEST_CASE("updates do not commit when any data check of the call fails") {
  const Tensor at = input("at", int64, {2});
  const Shared a("a", floats({1, 2, 3}, {3})), b("b", floats({4, 5, 6}, {3}));
  const Function f = function({at}, {sum(gather(b, at))}, {.updates = {{a, a * 2.0}, {b, b + a}}});
  for (int i = 0; i < 3; ++i) {
    check_message(message_of([&] { f(integers({0, 5})); }), "gather", "5", "3");
    CHECK(a.get().at(0) == 1);
    CHECK(b.get().at(2) == 6);
  }
  CHECK(f(integers({0, -1}))[0].at(0) == 10);
  CHECK(a.get().at(0) == 2);
}

TEST_CASE("indices that the same function computes are checked") {
  const Tensor x = input("x", float32, {4}), at = input("at", int64, {4});
  const Function f = function({x, at}, {exp(gather(x, at * 2 - 1)) + x});
  const Array values = floats({0, 0, 0, 0}, {4});
  CHECK(f(values, integers({0, 1, 2, 0}))[0].at(0) == 1);
  check_message(message_of([&] { f(values, integers({0, 1, 2, 3})); }), "gather", "5", "4");
}

TEST_CASE("constant indices are checked by the call") {
  const Tensor x = input("x", float32, {3});
  const Function f = function({x}, {gather(x, constant(integers({1, 7})))});
  check_message(message_of([&] { f({1, 2, 3}); }), "gather", "7", "3");
}

TEST_CASE("what nobody reads is not checked") {
  const Tensor x = input("x", float32, {3}), at = input("at", int64, {2});
  const Tensor g = gather(x, at);
  const Function f = function({x, at}, {x * 2.0 + sum(zeros(float32, g.shape()))}, {.unused_inputs = true});
  CHECK(f({1, 2, 3}, integers({9, 9}))[0].at(0) == 2);
}

TEST_CASE("scatter_add reports an index outside") {
  const Tensor x = input("x", float32, {3}), at = input("at", int64, {2});
  const Function f = function({x, at}, {scatter_add(x, at, slice(x, 0, 0, 2))});
  CHECK(f({1, 2, 3}, integers({-1, -1}))[0].at(2) == 6);
  check_message(message_of([&] { f({1, 2, 3}, integers({0, -4})); }), "scatter_add", "-4", "3");
}
