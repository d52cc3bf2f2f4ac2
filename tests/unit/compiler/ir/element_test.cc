#include "compiler/ir/element.h"

#include <map>
#include <random>

#include "compiler/kernel/interpret.h"
#include "compiler/prim/prim.h"
#include "tests/support/catch.h"

using namespace bitale;
using ir::Dim;
using ir::Expr;
using ir::Formula;
using ir::Index;

namespace {

// The value of an integer expression for given loop variables, by recursion.
std::int64_t value_of(const Formula& f, int id, const std::map<int, std::int64_t>& vars) {
  const ir::ExprNode& n = f.node(id);
  switch (n.op) {
    case ir::ScalarOp::constant:
      return n.integer;
    case ir::ScalarOp::var:
      return vars.at(id);
    default:
      break;
  }
  std::vector<kernel::Lane> args;
  for (int a : n.args)
    if (a >= 0) args.push_back({.integer = value_of(f, a, vars)});
  return kernel::evaluate(n.op, n.type, n.type, args).integer;
}

std::int64_t value_of(const Index& index, const std::map<int, std::int64_t>& vars) {
  std::int64_t v = index.constant.value();
  for (const auto& [id, coefficient] : index.terms) v += coefficient.value() * value_of(*index.formula, id, vars);
  return v;
}

// True where every term is a loop variable.
bool is_affine(const Index& index) {
  for (const auto& [id, coefficient] : index.terms)
    if (index.formula->node(id).op != ir::ScalarOp::var) return false;
  return true;
}

}  // namespace

TEST_CASE("a split of a merged index gives the variables back") {
  Formula f;
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  const Index i(f.variable(n)), j(f.variable(m)), k(f.variable(28));
  const std::vector<Index> at{i, j, k};
  const std::vector<Dim> shape{n, m, 28};
  const auto back = ir::unflatten(ir::flatten(at, shape), shape);
  for (std::size_t a = 0; a < at.size(); ++a) CHECK(back[a] == at[a]);
  const auto merged = ir::unflatten(ir::flatten(at, shape), std::vector<Dim>{n, m * Dim(28)});
  CHECK(merged[0] == i);
  CHECK(merged[1] == j * Dim(28) + k);
}

TEST_CASE("an index that does not divide becomes an expression") {
  Formula f;
  const Index i(f.variable(10));
  CHECK(is_affine(floordiv(i * Dim(6), 3)));
  CHECK_FALSE(is_affine(floordiv(i, 3)));
  CHECK_FALSE(is_affine(mod(i * Dim(2) + Index(1), 4)));
  CHECK(mod(i, 10) == i);
  CHECK(floordiv(i, 10) == Index(0));
  CHECK(mod(i, 1) == Index(0));
}

TEST_CASE("floordiv and mod of an index are exact") {
  std::mt19937 random(2);
  auto pick = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  for (int round = 0; round < 300; ++round) {
    Formula f;
    const int ranges[] = {pick(1, 4), pick(1, 4)};
    const Index vars[] = {Index(f.variable(ranges[0])), Index(f.variable(ranges[1]))};
    const Index index = vars[0] * Dim(pick(-4, 12)) + vars[1] * Dim(pick(-4, 12)) + Index(pick(-9, 9));
    const int divisor = pick(1, 6);
    const Index q = floordiv(index, divisor), r = mod(index, divisor);
    for (int x = 0; x < ranges[0]; ++x) {
      for (int y = 0; y < ranges[1]; ++y) {
        const std::map<int, std::int64_t> at{{vars[0].terms.empty() ? -1 : vars[0].terms[0].first, x},
                                             {vars[1].terms.empty() ? -2 : vars[1].terms[0].first, y}};
        const std::int64_t v = value_of(index, at), expected_r = ((v % divisor) + divisor) % divisor;
        REQUIRE(value_of(r, at) == expected_r);
        REQUIRE(value_of(q, at) == (v - expected_r) / divisor);
      }
    }
  }
}

TEST_CASE("equal expressions of a formula are one node") {
  Formula f;
  const Expr x = f.load(0, DType::f32, {}), y = f.load(1, DType::f32, {});
  CHECK(x + y == x + y);
  CHECK_FALSE(x + y == y + x);
  CHECK(f.constant(0.0, DType::f32) == f.constant(0.0, DType::f32));
  CHECK_FALSE(f.constant(0.0, DType::f32) == f.constant(-0.0, DType::f32));
  CHECK_FALSE(f.constant(1.0, DType::f32) == f.constant(1.0, DType::f64));
  for (int i = 0; i < 1000; ++i) f.integer(i);
  CHECK(f.load(0, DType::f32, {}) == x);
}

TEST_CASE("operands of a scalar instruction have one dtype") {
  Formula f;
  CHECK_THROWS_AS(f.constant(1, DType::f32) + f.constant(1, DType::f64), InternalError);
  CHECK_THROWS_AS(ir::select(f.integer(1), f.integer(1), f.integer(2)), InternalError);
}
