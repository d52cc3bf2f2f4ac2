// Linear algebra beyond what the generated tests see: what graphs are made of, and edges of the domains.
#include <cmath>
#include <limits>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "ops/api/ops.h"
#include "ops/linalg/rules.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using ir::Dim;
using ir::Tensor;
using tests::contains;

namespace {

Tensor matrix(const std::string& name, ir::Shape shape) { return ir::input(name, {DType::f64, std::move(shape)}); }
Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }

std::vector<const ir::Node*> nodes_of(std::span<const Tensor> outputs, const std::string& op) {
  std::vector<const ir::Node*> found;
  for (const ir::NodePtr& n : ir::topological(outputs))
    if (n->op().name == op) found.push_back(n.get());
  return found;
}

int count_of(const Tensor& t, const std::string& op) {
  const Tensor outputs[] = {t};
  return static_cast<int>(nodes_of(outputs, op).size());
}

std::vector<Tensor> with_rules(std::span<const Tensor> outputs) {
  rewrite::Counts counts;
  ops::register_all();
  return rewrite::apply_rules(outputs, rewrite::RuleSet({ops::linalg_rules().begin(), ops::linalg_rules().end()}), {},
                              counts);
}

Array value(const Tensor& t, const std::vector<eval::Binding>& bindings) {
  const Tensor outputs[] = {t};
  return eval::evaluate(outputs, bindings)[0];
}

}  // namespace

TEST_CASE("matmul repeats nothing") {
  const Dim b = Dim::symbol("b");
  CHECK(count_of(ops::matmul(matrix("x", {b, 3, 4}), matrix("w", {4, 5})), "broadcast_to") == 0);
  const Tensor y = ops::matmul(matrix("x", {2, 1, 3, 4}), matrix("w", {5, 4, 6}));
  CHECK(y.shape() == ir::Shape{2, 5, 3, 6});
  CHECK(count_of(y, "broadcast_to") == 0);
  CHECK(count_of(y, "dot") == 1);
  // One product of matrices, without a batch.
  const Tensor z[] = {ops::matmul(matrix("x", {b, 3, 4}), matrix("w", {4, 5}))};
  CHECK(nodes_of(z, "dot")[0]->params_as<ir::DotParams>().batch_a.empty());
}

TEST_CASE("einsum contracts the cheapest pairs first") {
  const Tensor a = matrix("a", {2, 100}), b = matrix("b", {100, 100}), c = matrix("c", {100, 100}),
               v = matrix("v", {100});
  const auto products = [](const Tensor& t) {
    std::vector<std::string> shapes;
    const Tensor outputs[] = {t};
    for (const ir::Node* n : nodes_of(outputs, "dot")) shapes.push_back(to_string(n->type().shape));
    return shapes;
  };
  CHECK(products(ops::einsum("ij,jk,kl->il", {a, b, c})) == std::vector<std::string>{"[2, 100]", "[2, 100]"});
  CHECK(products(ops::einsum("ij,jk,k->i", {b, c, v})) == std::vector<std::string>{"[100]", "[100]"});
  CHECK(products(ops::multi_dot({b, c, v})) == std::vector<std::string>{"[100]", "[100]"});
  CHECK(products(ops::multi_dot({a, b, c})) == std::vector<std::string>{"[2, 100]", "[2, 100]"});
  CHECK(count_of(ops::einsum("ij,ij->ij", {b, c}), "dot") == 0);  // elementwise
}

TEST_CASE("einsum over symbolic extents, an axis of 1, and integers") {
  const Dim n = Dim::symbol("n");
  const Tensor x = matrix("x", {n, n}), w = matrix("w", {1, 3});
  const Array in = doubles({1, 2, 3, 4}, {2, 2});
  tests::check_close(value(ops::einsum("ii", {x}), {{x, in}}), doubles({5}, {}), 0);
  tests::check_close(value(ops::einsum("ii->i", {x}), {{x, in}}), doubles({1, 4}, {2}), 0);
  tests::check_close(value(ops::einsum("ij,jk->ik", {x, w}), {{x, in}, {w, doubles({1, 10, 100}, {1, 3})}}),
                     doubles({3, 30, 300, 7, 70, 700}, {2, 3}), 0);
  const Tensor i = ir::input("i", {DType::i8, {2, 2}});
  CHECK(ops::einsum("ij->ji", {i}).dtype() == DType::i8);
  CHECK(ops::einsum("ij,jk", {i, i}).dtype() == DType::i64);
}

TEST_CASE("a solution and its gradient share one factorisation") {
  const Tensor a = matrix("a", {3, 3}), b = matrix("b", {3, 2});
  const Tensor wrt[] = {a, b};
  const Tensor x = ops::solve(a, b), cost = ir::sum(x, {0, 1}) + ir::sum(ops::inverse(a), {0, 1}) + ops::slogdet(a).log;
  auto outputs = ad::grad(cost, wrt);
  outputs.push_back(cost);
  CHECK(nodes_of(outputs, "lu_factors").size() == 1);
  const Tensor y = ops::solve(a, b, true);
  auto definite = ad::grad(ir::sum(y, {0, 1}), wrt);
  definite.push_back(y);
  CHECK(nodes_of(definite, "cholesky").size() == 1);
  CHECK(nodes_of(definite, "lu_factors").empty());
}

TEST_CASE("one matrix and a batch of right sides is one system") {
  const Dim n = Dim::symbol("n");
  const Tensor a = matrix("a", {3, 3}), b = matrix("b", {n, 3, 2});
  for (const Tensor& x : {ops::solve(a, b), ops::triangular_solve(a, b), ops::solve(a, b, true)}) {
    CHECK(x.shape() == b.shape());
    CHECK(count_of(x, "broadcast_to") == 0);
  }
  const Tensor one = matrix("one", {3, 2}), values[] = {b};
  const Tensor outputs[] = {ops::solve(a, one)}, inputs[] = {one};
  CHECK(count_of(ad::vmap(outputs, inputs, values, {true}, n)[0], "broadcast_to") == 0);
}

TEST_CASE("a product with an inverse is a solution, unless the inverse is there anyway") {
  const Dim n = Dim::symbol("n");
  const Tensor a = matrix("a", {n, n}), b = matrix("b", {n, 4});
  const Tensor alone[] = {ir::dot(ops::inverse(a), b)};
  CHECK(with_rules(alone)[0] == ops::solve(a, b));
  const Tensor both[] = {ir::dot(ops::inverse(a), b), ops::inverse(a)};
  CHECK(with_rules(both)[0] == both[0]);
  const Tensor big[] = {ir::dot(ops::inverse(a), matrix("c", {n, 4, 5}))};
  CHECK(with_rules(big)[0] == big[0]);
}

TEST_CASE("the log of a determinant does not overflow") {
  const Tensor a = matrix("a", {40, 40});
  Array x = Array::zeros(DType::f64, {40, 40});
  for (std::size_t i = 0; i < 40; ++i) x.view<double>()[41 * i] = 1e30;
  const Tensor log[] = {ops::log(ops::det(a))};
  const Tensor stable = with_rules(log)[0];
  CHECK(count_of(stable, "det") == 0);
  tests::check_close(value(stable, {{a, x}}), doubles({40 * std::log(1e30)}, {}), 1e-12);
}

TEST_CASE("equal eigenvalues: functions of the values alone have their derivative, those of vectors are finite") {
  const Tensor a = matrix("a", {3, 3}), wrt[] = {a};
  const Array one = doubles({2, 0, 0, 0, 2, 0, 0, 0, 2}, {3, 3});
  const ops::Eigh e = ops::eigh(a);
  const Tensor by_values = ad::grad(ir::sum(e.values * e.values, {0}), wrt)[0];
  tests::check_close(value(by_values, {{a, one}}), doubles({4, 0, 0, 0, 4, 0, 0, 0, 4}, {3, 3}), 1e-12);
  // v diag(w^2) v^T is a^2, whatever the vectors: its gradient is right although theirs do not exist.
  const Tensor square = ops::einsum("ij,j,kj->ik", {e.vectors, e.values * e.values, e.vectors});
  const Tensor through = ad::grad(ir::sum(square, {0, 1}), wrt)[0];
  for (std::int64_t i = 0; i < 9; ++i) CHECK(std::isfinite(value(through, {{a, one}}).at(i)));
  const ops::Svd d = ops::svd(a);
  const Tensor by_s = ad::grad(ir::sum(d.s, {0}), wrt)[0];
  tests::check_close(value(by_s, {{a, one}}), doubles({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3}), 1e-12);
}

TEST_CASE("the determinant of a singular matrix is 0, and its gradient a data error") {
  const Tensor a = matrix("a", {2, 2}), wrt[] = {a};
  const Array x = doubles({1, 2, 2, 4}, {2, 2});
  CHECK(std::fabs(value(ops::det(a), {{a, x}}).at(0)) < 1e-15);
  CHECK_THROWS_WITH(value(ad::grad(ops::det(a), wrt)[0], {{a, x}}), contains("inverse: the matrix is singular"));
}

TEST_CASE("integers are floats to decompositions") {
  const Tensor i = ir::input("i", {DType::i32, {2, 2}});
  CHECK(ops::cholesky(i).dtype() == ir::default_float);
  CHECK(ops::solve(i, matrix("b", {2})).dtype() == DType::f64);
}

TEST_CASE("what is not finite gives NaN in references too") {
  const Tensor a = matrix("a", {2, 2});
  const Array x =
      doubles({1, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1}, {2, 2});
  const std::vector<Tensor> results{ops::cholesky(a),     ops::inverse(a),  ops::det(a),  ops::eigh(a).vectors,
                                    ops::eigvalsh(a),     ops::svd(a).u,    ops::pinv(a), ops::qr(a).r,
                                    ops::slogdet(a).sign, ops::lstsq(a, a), ops::expm(a)};
  for (const Tensor& t : results) {
    const Array y = value(t, {{a, x}});
    for (std::int64_t k = 0; k < y.size(); ++k) CHECK(std::isnan(y.at(k)));
  }
}
