// Matrices that a compiled function cannot use, and shapes that do not fit: the messages.

#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

Array doubles(std::vector<double> v, Extents shape) { return Array::of(std::span<const double>(v), std::move(shape)); }

void check_message(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) CHECK_THAT(message, contains(part));
  CHECK_THAT(message, contains("matrix_test.cc:"));
}

// Two matrices, of which the second is neither regular nor definite.
Array second_is_bad() { return doubles({2, 0, 0, 2, 1, 2, 2, 4}, {2, 2, 2}); }

}  // namespace

TEST_CASE("the matrix that cannot be factored is named, at every level") {
  Dim b("b"), n("n");
  const Tensor a = input("a", float64, {b, n, n});
  for (const int level : {0, 2}) {
    const Function f = function({a}, {sum(cholesky(a))}, {.level = level});
    check_message(message_of([&] { f(second_is_bad()); }),
                  {"cholesky: matrix 1 of 2, counted from 0, is not positive definite (pivot 1 is 0)",
                   "add a multiple of the identity"});
    CHECK(f(doubles({4}, {1, 1, 1}))[0].at(0) == 2);  // a failed call leaves nothing behind
    const Function g = function({a}, {sum(inverse(a)) + sum(solve(a, a))}, {.level = level});
    check_message(message_of([&] { g(second_is_bad()); }), {"matrix 1 of 2", "is singular (pivot 1 is 0)"});
  }
}

TEST_CASE("one matrix is not counted") {
  const Tensor a = input("a", float64, {2, 2}), x = input("x", float64, {2});
  const Function f = function({a, x}, {solve(a, x)});
  check_message(message_of([&] { f(doubles({1, 1, 1, 1}, {2, 2}), doubles({1, 2}, {2})); }),
                {"solve: the matrix is singular (pivot 1 is 0)"});
  const Function g = function({a, x}, {lstsq(a, x)});
  check_message(message_of([&] { g(doubles({1, 1, 1, 1}, {2, 2}), doubles({1, 2}, {2})); }),
                {"lstsq: the matrix has columns that depend on each other", "pinv"});
}

TEST_CASE("shapes that do not fit are refused while the graph is built") {
  const Tensor wide = input("wide", float64, {2, 3}), square = input("square", float64, {4, 4}),
               vector = input("vector", float64, {3});
  check_message(message_of([&] { cholesky(wide); }), {"cholesky: operand 0 must have square matrices (2 and 3)"});
  check_message(message_of([&] { det(wide); }), {"det: operand 0 must have square matrices (2 and 3)"});
  check_message(message_of([&] { inverse(vector); }), {"inverse: the operand must have rank 2 or more"});
  check_message(message_of([&] { solve(square, vector); }),
                {"solve: the matrices have 4 rows, and the right sides 3", "vector (float64[3]"});
  check_message(message_of([&] { lstsq(wide, input("b", float64, {2})); }), {"not be wider than high", "pinv"});
  check_message(message_of([&] { matmul(wide, square); }),
                {"matmul: axis 1 of the first operand and axis 0 of the second are summed over together", "(3 and 4)"});
  check_message(message_of([&] { matmul(input("a", float64, {2, 3, 3}), input("b", float64, {4, 3, 3})); }),
                {"matmul: batch axes do not broadcast (2 and 4)"});
  check_message(message_of([&] { tensordot(wide, square, {1}, {0}); }), {"tensordot: axis 1", "(3 and 4)"});
  check_message(message_of([&] { tensordot(wide, square, 3); }), {"tensordot: there are not 3 axes to sum over"});
  check_message(message_of([&] { cross(vector, square); }), {"cross: the last axes of both operands"});
  check_message(message_of([&] { vdot(wide, square); }), {"vdot: operands have 6 and 16 elements"});
}

TEST_CASE("subscripts that make no sense are refused") {
  const Tensor a = input("a", float64, {2, 3}), b = input("b", float64, {4, 5});
  check_message(message_of([&] { einsum("ij,jk", {a, b}); }), {"einsum: \"ij,jk\": 'j' is both 3 and 4", "a (float64"});
  check_message(message_of([&] { einsum("ij", {a, b}); }), {"it has 1 terms, and there are 2 operands"});
  check_message(message_of([&] { einsum("i,jk", {a, b}); }), {"term 0, \"i\", names 1 of the 2 axes"});
  check_message(message_of([&] { einsum("ij->ik", {a}); }), {"the result has 'k', which no operand has"});
  check_message(message_of([&] { einsum("ij->ii", {a}); }), {"the result names 'i' twice"});
  check_message(message_of([&] { einsum("i1", {a}); }), {"'1' has no meaning here"});
  check_message(message_of([&] { einsum("......", {a}); }), {"'.' has no meaning here"});
}

TEST_CASE("there is no gradient of the full svd's vectors") {
  const Tensor a = input("a", float64, {3, 2});
  check_message(message_of([&] { grad(sum(svd(a, {.full = true}).u), a); }),
                {"svd: the full u and vt have no derivative"});
  CHECK(grad(sum(svd(a, {.full = true}).s), a).rank() == 2);
}
