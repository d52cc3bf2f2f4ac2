#include "tests/support/differential.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "compiler/driver/pipeline.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/rules.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "tests/support/compiled_backend.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"

namespace bitale::tests {
namespace {

using ir::Node;
using ir::NodePtr;
using ir::Tensor;

constexpr int noisy_runs = 4;

// ---- interpretation with noise ----

std::uint64_t bits_at(const Array& a, std::int64_t i) {
  std::uint64_t bits = 0;
  const std::size_t size = size_of(a.dtype());
  std::memcpy(&bits, static_cast<const char*>(a.data()) + static_cast<std::size_t>(i) * size, size);
  return bits;
}

// Every element of `out` is one of the inputs', or zero: nothing was rounded.
bool only_moves(std::span<const Array> inputs, const Array& out) {
  std::unordered_set<std::uint64_t> known{0};
  for (const Array& in : inputs)
    if (in.dtype() == out.dtype())
      for (std::int64_t i = 0; i < in.size(); ++i) known.insert(bits_at(in, i));
  for (std::int64_t i = 0; i < out.size(); ++i)
    if (!known.contains(bits_at(out, i))) return false;
  return true;
}

Array with_noise(const Array& a, Random& random) {
  if (!is_floating(a.dtype())) return a;
  const double epsilon = epsilon_of(a.dtype());
  const double least = a.dtype() == DType::f16 ? 0x1p-24 : 0;  // below it float32 goes on where float16 rounds to zero
  Array out = a.cast(computed_as(a.dtype()));
  dispatch(out.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>)
      for (T& v : out.view<T>())
        v = static_cast<T>(v * (1 + 8 * (random.uniform() - 0.5) * epsilon) + least * 2 * (random.uniform() - 0.5));
  });
  return is_only_stored(a.dtype()) ? out.cast(a.dtype()) : out;
}

struct Interpreted {
  std::vector<Array> outputs;
  bool non_finite = false;  // somewhere inside
};

bool has_non_finite(const Array& a) {
  if (!is_floating(a.dtype())) return false;
  for (std::int64_t i = 0; i < a.size(); ++i)
    if (!std::isfinite(a.at(i))) return true;
  return false;
}

// Floats came out that are not just moved.
bool rounds(std::span<const Array> inputs, const std::vector<Array>& results) {
  return std::any_of(results.begin(), results.end(),
                     [&](const Array& r) { return is_floating(r.dtype()) && !only_moves(inputs, r); });
}

// The interpreter node by node. With noise: where a node rounds, its results and its operands get it (an op may cancel
// inside: mod of a large number, a sum of many terms).
Interpreted interpret(const BuiltCase& graph, Random* noise) {
  ir::TensorMap<Array> values;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) values.insert_or_assign(graph.inputs[i], graph.values[i]);
  std::map<std::uint64_t, std::int64_t> extents;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    for (int k = 0; k < graph.inputs[i].rank(); ++k)
      if (const ir::DimSymbol* s = graph.inputs[i].dim(k).as_symbol())
        extents.emplace(s->id, graph.values[i].shape()[static_cast<std::size_t>(k)]);
  const auto symbols = [&](const ir::DimSymbol& s) { return extents.at(s.id); };
  Interpreted out;
  for (const NodePtr& node : ir::topological(graph.outputs)) {
    if (values.contains(Tensor(node, 0))) continue;
    std::vector<Array> inputs;
    for (const Tensor& t : node->inputs()) inputs.push_back(values.at(t));
    std::vector<Array> results = eval::evaluate_node(*node, inputs, symbols);
    for (const Array& r : results) out.non_finite = out.non_finite || has_non_finite(r);
    if (noise && rounds(inputs, results)) {
      for (Array& in : inputs) in = with_noise(in, *noise);
      results = eval::evaluate_node(*node, inputs, symbols);
      for (Array& r : results) r = with_noise(r, *noise);
    }
    for (std::size_t i = 0; i < results.size(); ++i)
      values.insert_or_assign(Tensor(node, static_cast<int>(i)), results[i]);
  }
  for (const Tensor& t : graph.outputs) out.outputs.push_back(values.at(t));
  return out;
}

// ---- values with tolerances ----

// How far each element of each output moved under noise; infinite where it changed kind (NaN, infinite) or, of an
// integer output, at all.
using Spread = std::vector<std::vector<double>>;

double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::fabs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

Spread measure(const BuiltCase& graph, const std::vector<Array>& plain, std::uint64_t seed) {
  Spread spread;
  for (const Array& a : plain) spread.emplace_back(static_cast<std::size_t>(a.size()), 0.0);
  Random random(seed);
  for (int run = 0; run < noisy_runs; ++run) {
    const std::vector<Array> noisy = interpret(graph, &random).outputs;
    for (std::size_t o = 0; o < plain.size(); ++o)
      for (std::int64_t i = 0; i < plain[o].size(); ++i) {
        double d = distance(noisy[o].at(i), plain[o].at(i));
        if (d > 0 && !is_floating(plain[o].dtype())) d = std::numeric_limits<double>::infinity();
        double& s = spread[o][static_cast<std::size_t>(i)];
        s = std::max(s, d);
      }
  }
  return spread;
}

Spread wider(Spread a, const Spread& b) {
  for (std::size_t o = 0; o < a.size(); ++o)
    for (std::size_t i = 0; i < a[o].size(); ++i) a[o][i] = std::max(a[o][i], b[o][i]);
  return a;
}

std::string differing(const std::vector<Array>& got, const std::vector<Array>& expected, const Spread& spread) {
  for (std::size_t o = 0; o < expected.size(); ++o) {
    const Array &g = got[o], &e = expected[o];
    const std::string where = "output " + std::to_string(o);
    if (g.dtype() != e.dtype() || g.shape() != e.shape())
      return where + " has another type: got " + to_string(g) + ", expected " + to_string(e);
    const double unit = is_floating(e.dtype()) ? unit_of(e.dtype()) : 0;
    double largest = 0;
    for (std::int64_t i = 0; i < e.size(); ++i)
      if (std::isfinite(e.at(i))) largest = std::max(largest, std::fabs(e.at(i)));
    for (std::int64_t i = 0; i < e.size(); ++i) {
      const double x = g.at(i), y = e.at(i), d = distance(x, y);
      const double moved = spread[o][static_cast<std::size_t>(i)];
      // Where noise moves an element by a good part of the largest one, it has no digits.
      if (d == 0 || std::isinf(moved) || moved > 0.1 * std::max(std::fabs(y), largest)) continue;
      const double allowed = unit * std::max({std::fabs(y), 1e-2 * largest, 1e-2}) + 16 * moved;
      if (!(d <= allowed))
        return where + ", element " + std::to_string(i) + " of " + shape_text(e.shape()) + ": got " +
               std::to_string(x) + ", expected " + std::to_string(y) + " to within " + std::to_string(allowed);
    }
  }
  return {};
}

// ---- the pipeline ----

const std::set<std::string>& stabilising_names() {
  static const std::set<std::string> names = [] {
    ops::register_all();
    std::set<std::string> out;
    for (const auto& table : {passes::stabilising_rules(), passes::algebra_rules(), driver::rules_of_ops()})
      for (const rewrite::Rule* rule : table)
        if (rule->rule_class == rewrite::RuleClass::stabilising) out.insert(rule->name);
    return out;
  }();
  return names;
}

struct Optimised {
  BuiltCase graph;
  bool stabilised = false;  // a rule fired, or a rounding to 16 bits was left out, that may make finite what was not
};

Optimised optimise(const BuiltCase& graph, int level) {
  rewrite::PassContext context;
  context.level = level;
  context.verify = true;
  std::vector<rewrite::PassReport> reports;
  Optimised out{graph, false};
  out.graph.outputs =
      rewrite::run_pipeline(driver::pipeline(), {graph.inputs, graph.outputs}, context, reports).outputs;
  for (const auto& [rule, count] : context.rules_fired)
    out.stabilised = out.stabilised || (count > 0 && stabilising_names().contains(rule));
  for (const NodePtr& node : ir::topological(graph.outputs))
    out.stabilised = out.stabilised || (level > 0 && ir::has_stored_dtypes(*node));
  return out;
}

}  // namespace

Expected expected(const BuiltCase& graph, std::uint64_t seed) {
  Interpreted plain = interpret(graph, nullptr);
  Spread moved = measure(graph, plain.outputs, seed);
  return {std::move(plain.outputs), std::move(moved), plain.non_finite};
}

std::string differing(const std::vector<Array>& got, const Expected& e) { return differing(got, e.outputs, e.moved); }

BuiltCase rewritten(const BuiltCase& graph, int level) { return optimise(graph, level).graph; }

Finding differential(const BuiltCase& graph, const DifferentialOptions& options) {
  std::string stage = "interpreter";
  try {
    const Interpreted plain = interpret(graph, nullptr);
    const Spread spread = measure(graph, plain.outputs, options.seed);
    for (int level : options.levels) {
      const std::string at = "O" + std::to_string(level);
      stage = "rewrites of " + at;
      const Optimised optimised = optimise(graph, level);
      const Interpreted rewritten = interpret(optimised.graph, nullptr);
      const Spread both = wider(spread, measure(optimised.graph, rewritten.outputs, options.seed + 1));
      if (!(optimised.stabilised && plain.non_finite))
        if (std::string d = differing(rewritten.outputs, plain.outputs, both); !d.empty())
          return {stage, d + "\nrewritten:\n" + ir::to_string(ir::Graph{{}, optimised.graph.outputs})};
      stage = "values at " + at;
      const Backend backend =
          options.device == "cpu" ? compiled(options.isa, level, options.threads) : compiled_for(options.device, level);
      if (std::string d = differing(backend.run(graph.outputs, graph.bindings()), rewritten.outputs, both); !d.empty())
        return {stage, d + "\nrewritten:\n" + ir::to_string(ir::Graph{{}, optimised.graph.outputs})};
    }
  } catch (const std::exception& e) {
    const std::string text = e.what();
    return {stage + " fails: " + text.substr(0, 24), text};
  }
  return {};
}

// ---- shrinking ----

namespace {

// `tensor` (not an input) becomes a fresh input with the value that it has.
std::optional<BuiltCase> cut(const BuiltCase& graph, const Tensor& tensor) {
  const Tensor one[] = {tensor};
  const std::vector<Array> value = eval::evaluate(one, graph.bindings());
  const Tensor fresh = ir::input("cut" + std::to_string(graph.inputs.size()), tensor.type());
  BuiltCase out = graph;
  out.inputs.push_back(fresh);
  out.values.push_back(value[0]);
  ir::TensorMap<Tensor> with;
  with.emplace(tensor, fresh);
  for (std::size_t i = 0; i < tensor.node().outputs().size(); ++i)
    if (static_cast<int>(i) != tensor.output()) return std::nullopt;
  out.outputs = ir::substitute(graph.outputs, with);
  return out;
}

// `tensor` becomes its first operand of the same type.
std::optional<BuiltCase> bypass(const BuiltCase& graph, const Tensor& tensor) {
  for (const Tensor& operand : tensor.node().inputs()) {
    if (!(operand.type() == tensor.type())) continue;
    BuiltCase out = graph;
    ir::TensorMap<Tensor> with;
    with.emplace(tensor, operand);
    out.outputs = ir::substitute(graph.outputs, with);
    return out;
  }
  return std::nullopt;
}

}  // namespace

BuiltCase shrink(BuiltCase graph, const std::string& kind, const std::function<Finding(const BuiltCase&)>& fails) {
  const auto take = [&](BuiltCase smaller) {
    if (fails(smaller).kind != kind) return false;
    graph = std::move(smaller);
    return true;
  };
  const auto with_output = [&](const Tensor& t) {
    BuiltCase one = graph;
    one.outputs = {t};
    return one;
  };
  if (graph.outputs.size() > 1)
    for (const Tensor& t : std::vector<Tensor>(graph.outputs))
      if (take(with_output(t))) break;
  // Drop outputs one by one if none fails alone; then the shallowest tensor that fails.
  for (std::size_t i = 0; graph.outputs.size() > 1 && i < graph.outputs.size();) {
    BuiltCase fewer = graph;
    fewer.outputs.erase(fewer.outputs.begin() + static_cast<std::ptrdiff_t>(i));
    if (!take(std::move(fewer))) ++i;
  }
  if (graph.outputs.size() == 1)
    for (const NodePtr& node : ir::topological(std::vector<Tensor>(graph.outputs)))
      if (take(with_output(Tensor(node, 0)))) break;
  // Cut as near to the outputs as it goes.
  bool smaller = true;
  while (smaller) {
    smaller = false;
    std::vector<NodePtr> order = ir::topological(graph.outputs);
    for (auto it = order.rbegin(); it != order.rend() && !smaller; ++it) {
      const Tensor t(*it, 0);
      if ((*it)->op().leaf == ir::Leaf::input) continue;
      if (auto shorter = bypass(graph, t)) smaller = take(std::move(*shorter));
      if (smaller || std::find(graph.outputs.begin(), graph.outputs.end(), t) != graph.outputs.end()) continue;
      if (auto shorter = cut(graph, t)) smaller = take(std::move(*shorter));
    }
  }
  take(without_unused_inputs(graph));
  return graph;
}

std::string to_string(const BuiltCase& graph) {
  std::string s = ir::to_string(ir::Graph{graph.inputs, graph.outputs});
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    s += "x" + std::to_string(i) + " = " + to_string(graph.values[i]) + "\n";
  return s;
}

}  // namespace bitale::tests
