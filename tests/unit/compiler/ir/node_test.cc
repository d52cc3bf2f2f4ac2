#include "compiler/ir/node.h"

#include <thread>

#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"
#include "tests/support/catch.h"

using namespace bitale;
using ir::Dim;
using ir::Tensor;

namespace {

Tensor vector_input(const std::string& name) { return ir::input(name, {DType::f32, {Dim(4)}}); }

}  // namespace

TEST_CASE("equal applications are one node") {
  const Tensor x = vector_input("x"), y = vector_input("y");
  CHECK(x + y == x + y);
  CHECK_FALSE(x + y == y + x);
  CHECK_FALSE(x + y == x - y);
  CHECK(ir::reshape(x, {2, 2}) == ir::reshape(x, {2, 2}));
  CHECK_FALSE(ir::reshape(x, {2, 2}) == ir::reshape(x, {1, 4}));
  CHECK(x * 2 == x * 2);
  CHECK_FALSE(x * 0.0 == x * -0.0);  // constants compare by bits
  CHECK_FALSE(vector_input("x") == vector_input("x"));
}

TEST_CASE("array constants are one node if their bits are") {
  const float a[] = {1, 2, 3}, b[] = {1, 2, 4};
  const Tensor x = ir::constant(Array::of<float>(a, {3}));
  CHECK(x == ir::constant(Array::of<float>(a, {3})));
  CHECK_FALSE(x == ir::constant(Array::of<float>(b, {3})));
  const float ones[] = {1, 1, 1};
  CHECK(ir::constant(Array::of<float>(ones, {3})) == ir::full(ir::Literal::real(1, DType::f32), {3}));
}

TEST_CASE("each handle keeps its line, and the node the first few") {
  const Tensor x = vector_input("x");
  const Tensor a = ir::add(x, 1, {"model.cc", 10}), b = ir::add(x, 1, {"model.cc", 20});
  CHECK(a == b);
  CHECK(a.line().line == 10);
  CHECK(b.line().line == 20);
  CHECK(a.node().origins().size() == 2);
  for (unsigned line = 30; line < 40; ++line) ir::add(x, 1, {"model.cc", line});
  CHECK(a.node().origins().size() == ir::Node::max_origins);
}

TEST_CASE("nodes that a rewrite makes carry on the origins") {
  const Tensor x = vector_input("x");
  const Tensor a = ir::add(x, 1, {"model.cc", 10});
  const ir::OriginScope scope(a.node());
  CHECK(ir::neg(x).node().origins() == a.node().origins());
}

TEST_CASE("a dead graph leaves no nodes") {
  const auto before = ir::live_nodes();
  {
    const Tensor x = vector_input("x");
    const Tensor y = ir::dot(x, x + 1) * 3;
    CHECK(ir::live_nodes() > before);
  }
  CHECK(ir::live_nodes() == before);
}

TEST_CASE("a chain of 50,000 nodes is built, walked, rebuilt and freed") {
  const auto before = ir::live_nodes();
  {
    const Tensor x = vector_input("x");
    Tensor y = x;
    for (int i = 0; i < 50'000; ++i) y = ir::neg(y);
    CHECK(ir::topological({&y, 1}).size() == 50'001);
    ir::TensorMap<Tensor> replacement;
    replacement[x] = vector_input("z");
    const auto other = ir::substitute({&y, 1}, replacement);
    CHECK_FALSE(other[0] == y);
    CHECK(ir::topological(other).size() == 50'001);
    CHECK(ir::live_nodes() == before + 2 * 50'001);
  }
  CHECK(ir::live_nodes() == before);
}

TEST_CASE("threads that build the same graph share its nodes") {
  const Tensor x = vector_input("x");
  std::vector<std::vector<Tensor>> made(4);
  std::vector<std::thread> threads;
  for (auto& list : made) {
    threads.emplace_back([&list, &x] {
      for (int i = 0; i < 500; ++i) {
        list.push_back(x * i + 1);
        ir::neg(x * (i + 1000));  // dies at once, while others look it up
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& list : made) CHECK(list == made[0]);
}

TEST_CASE("substitution of dims reaches parameters") {
  const Dim n = Dim::symbol("n");
  const Tensor x = ir::input("x", {DType::f32, {n}});
  const Tensor y = ir::broadcast_to(ir::full(ir::Literal::real(1, DType::f32), {}), {n}) + x;
  ir::TensorMap<Tensor> replacement;
  replacement[x] = ir::input("z", {DType::f32, {Dim(7)}});
  const auto dims = [&](const Dim& d) {
    return d.substitute([&](const ir::DimSymbol&) { return std::optional(Dim(7)); });
  };
  const auto out = ir::substitute({&y, 1}, replacement, dims);
  CHECK(out[0].shape() == ir::Shape{Dim(7)});
  CHECK(out[0].node().equalities().empty());
}
