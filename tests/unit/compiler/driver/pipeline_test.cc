// The pipeline with all rules: it comes to an end on graphs that are made against it, gives the same text for the same
// graph, and its work is linear in the graph. Counted, not timed.
#include "compiler/driver/pipeline.h"

#include <memory>
#include <numeric>

#include "compiler/grad/grad.h"
#include "compiler/passes/rules.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

Tensor input(ir::Shape shape) {
  ops::register_all();
  return ir::input("x", {DType::f32, std::move(shape)});
}

// All rules, in the order of the pipeline.
const rewrite::RuleSet& all_rules() {
  static const rewrite::RuleSet rules = [] {
    ops::register_all();
    std::vector<const rewrite::Rule*> list;
    for (const auto& table : {driver::rules_of_ops(), passes::stabilising_rules(), passes::algebra_rules()})
      list.insert(list.end(), table.begin(), table.end());
    return rewrite::RuleSet(list);
  }();
  return rules;
}

// With so many sweeps that rules which undo one another would show.
constexpr int many_sweeps = 40, few_sweeps = 12;

rewrite::RewriteStats work_on(std::span<const Tensor> outputs, int max_sweeps = 8) {
  rewrite::Counts counts;
  rewrite::RewriteStats stats;
  rewrite::apply_rules(outputs, all_rules(), {.relaxed = true, .disabled = {}, .max_sweeps = max_sweeps}, counts,
                       &stats);
  return stats;
}

std::vector<Tensor> optimised(std::vector<Tensor> outputs, rewrite::Counts* fired = nullptr, bool relaxed = true) {
  rewrite::PassContext context;
  context.options.relaxed = relaxed;
  context.verify = true;
  std::vector<rewrite::PassReport> reports;
  auto result = rewrite::run_pipeline(driver::pipeline(), {{}, std::move(outputs)}, context, reports).outputs;
  if (fired) *fired = context.rules_fired;
  return result;
}

std::int64_t count_nodes(std::span<const Tensor> outputs) {
  return static_cast<std::int64_t>(ir::topological(outputs).size());
}

// ---- families of graphs ----

Tensor chain(int n) {
  const Tensor x = input({8, 8});
  Tensor y = x;
  for (int i = 0; i < n; ++i) switch (i % 10) {
      case 0:
        y = ops::sin(y);
        break;
      case 1:
        y = ir::transpose(y);
        break;
      case 2:
        y = ir::neg(y);
        break;
      case 3:
        y = y * 0.3;
        break;
      case 4:
        y = ir::flip(y, {i % 2});
        break;
      case 5:
        y = ops::exp(y) + -1.0;
        break;
      case 6:
        y = x - y;
        break;
      case 7:
        y = ir::reshape(ir::reshape(y, {64}), {8, 8});
        break;
      case 8:
        y = 1.0 / (1.0 + ops::exp(-y));
        break;
      default:
        y = y - x;
    }
  return y;
}

Tensor wide(int n) {
  const Tensor x = input({8});
  std::vector<Tensor> layer;
  for (int i = 0; i < n; ++i)
    layer.push_back(ir::pad(ir::slice(x * (1 + 1e-3 * i), {i % 5}, {3}, {1}), {i % 6}, {8}, {1}));
  while (layer.size() > 1) {
    std::vector<Tensor> next;
    for (std::size_t i = 0; i + 1 < layer.size(); i += 2) next.push_back(layer[i] + layer[i + 1]);
    if (layer.size() % 2 == 1) next.push_back(layer.back());
    layer = std::move(next);
  }
  return ir::sum(layer[0], {0});
}

// Exponentially many paths.
Tensor sharing(int n) {
  Tensor y = input({4, 4});
  for (int i = 0; i < n; ++i) y = i % 3 == 0 ? ops::tanh(y * y + y) : i % 3 == 1 ? (y - y * 0.5) / y : y * (y + y);
  return ir::slice(y, {1, 0}, {2, 3}, {1, 1});
}

// One product that a sum takes factors out of, and one concatenation of concatenations.
Tensor products_and_parts(int n) {
  const Tensor x = input({6, 4}), row = ir::broadcast_to(input({4}), {6, 4});
  Tensor product = x, parts = x;
  for (int i = 0; i < n; ++i) {
    product = (i % 2 ? product * row : product * x) * 0.9;
    parts = ir::concat({parts, ir::slice(x, {i % 3, 0}, {2, 4}, {1, 1})}, 0);
  }
  return ir::sum(product, {0}) + ir::sum(ir::slice(parts, {1, 0}, {5, 4}, {1, 1}), {0});
}

// Every node wants to take the slice of what is under it, through everything that lets it pass.
Tensor lifts(int n) {
  const Tensor w = input({16, 16});
  Tensor y = input({16, 16});
  for (int i = 0; i < n; ++i)
    y = i % 4 == 0   ? ir::dot(y, w)
        : i % 4 == 1 ? ops::tanh(y)
        : i % 4 == 2 ? ir::transpose(y)
                     : y + ir::broadcast_to(ir::sum(w, {0}), {16, 16});
  return ir::slice(y, {3, 2}, {2, 5}, {1, 2});
}

struct Family {
  const char* name;
  Tensor (*make)(int n);
};
constexpr Family families[] = {{"chain", chain},
                               {"wide", wide},
                               {"sharing", sharing},
                               {"products and parts", products_and_parts},
                               {"lifts", lifts}};

}  // namespace

TEST_CASE("Random graphs of all ops and rules, and their gradients, come to rest") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    const BuiltCase graph = random_graph(seed, {.steps = 40});
    for (const BuiltCase& g : {graph, random_gradient(graph, seed)}) {
      if (g.outputs.empty()) continue;
      const std::int64_t n = count_nodes(g.outputs);
      const rewrite::RewriteStats stats = work_on(g.outputs, many_sweeps);
      CHECK(stats.sweeps <= few_sweeps);  // the last one found nothing to do
      CHECK(stats.firings <= 64 + 16 * n);
      rewrite::Counts fired;
      const auto once = optimised(g.outputs, &fired);
      CHECK(count_nodes(once) <= 2 * n + 64);
      for (int i = 0; i < 3; ++i) CHECK(count_nodes(optimised(once)) <= count_nodes(once) + 16);
    }
  }
}

namespace {

// Left sides of all rules over left sides of others: shapes are few, so that one's right side is an operand of the
// next.
std::vector<Tensor> towers(std::uint64_t seed) {
  Random random(seed);
  std::vector<Tensor> pool{input({2, 3})};
  const auto operand = [&](DType dtype, const ir::Shape& shape) {
    for (int i = 0; i < 8; ++i) {
      const Tensor& t = random.pick(pool);
      if (t.shape() == shape && is_floating(t.dtype()) == is_floating(dtype)) return ir::cast(t, dtype);
    }
    return ir::input("x", {dtype, shape});
  };
  for (int round = 0; round < 6; ++round)
    for (const rewrite::Rule* rule : all_rules().all()) {
      const auto variable = [&](const std::string&, bool boolean) {
        return operand(boolean ? DType::bool_ : rule->dtype, {2, 3});
      };
      const std::vector<Tensor> sides =
          rule->left_sides ? rule->left_sides(operand)
                           : std::vector{rewrite::instantiate(rule->pattern, {rule->dtype, {2, 3}}, variable)};
      pool.insert(pool.end(), sides.begin(), sides.end());
    }
  return {pool.end() - 400, pool.end()};
}

}  // namespace

TEST_CASE("Left sides of all rules on top of each other come to rest") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    const std::vector<Tensor> outputs = towers(seed);
    const std::int64_t n = count_nodes(outputs);
    const rewrite::RewriteStats stats = work_on(outputs, many_sweeps);
    CHECK(stats.sweeps <= few_sweeps);
    CHECK(stats.firings <= 4 * n);
    CHECK(count_nodes(optimised(outputs)) <= n);
  }
}

TEST_CASE("The work of rewriting is linear in the graph") {
  for (const Family& family : families) {
    const Tensor small = family.make(500), large = family.make(2000);
    const double grown = static_cast<double>(count_nodes({&large, 1})) / static_cast<double>(count_nodes({&small, 1}));
    const rewrite::RewriteStats few = work_on({&small, 1}), many = work_on({&large, 1});
    INFO(family.name << ": " << few.visits << " and " << many.visits << " visits, " << few.attempts << " and "
                     << many.attempts << " attempts, " << few.firings << " and " << many.firings << " firings, "
                     << few.sweeps << " and " << many.sweeps << " sweeps");
    const auto at_most = [&](std::int64_t count) {
      return static_cast<std::int64_t>(1.1 * grown * double(count)) + 100;
    };
    CHECK(many.visits <= at_most(few.visits));
    CHECK(many.attempts <= at_most(few.attempts));
    CHECK(many.firings <= at_most(few.firings));
  }
}

TEST_CASE("Graphs of 10,000 to 50,000 nodes go through the pipeline without recursion") {
  for (const Family& family : families) {
    INFO(family.name);
    const Tensor y = family.make(sanitized ? 2'000 : 10'000);  // nodes for each of which there are a few
    rewrite::PassContext context;
    std::vector<rewrite::PassReport> reports;
    const ir::Graph graph = rewrite::run_pipeline(driver::pipeline(), {{}, {y}}, context, reports);
    CHECK(graph.outputs[0].type() == y.type());
  }
}

TEST_CASE("The same graph gives the same text, wherever its nodes lie in memory") {
  const auto text = [](const std::vector<Tensor>& outputs) { return ir::to_string(ir::Graph{{}, optimised(outputs)}); };
  std::vector<std::unique_ptr<char[]>> holes;  // other addresses, in another order
  std::vector<Tensor> others;                  // other ids
  for (const Family& family : families) {
    const std::string first = text({family.make(200)});
    for (int i = 0; i < 300; ++i) {
      holes.push_back(std::make_unique<char[]>(static_cast<std::size_t>(40 + 16 * (i * 7 % 30))));
      others.push_back(ops::sin(input({2})));
    }
    for (std::size_t i = 0; i < holes.size(); i += 3) holes[i].reset();
    CHECK(text({family.make(200)}) == first);
  }
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    const BuiltCase one = random_graph(seed, {.steps = 30});
    for (std::size_t i = seed % 3; i < holes.size(); i += 3) holes[i].reset();
    const BuiltCase two = random_graph(seed, {.steps = 30});
    CHECK(text(one.outputs) == text(two.outputs));
  }
}
