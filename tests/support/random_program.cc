#include "tests/support/random_program.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <bitale/function.h>
#include <fmt/format.h>

#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"
#include "frontends/cpp/handles.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/cpp_text.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"

namespace bitale::tests {
namespace {

using ir::Tensor;
using TensorList = std::vector<Tensor>;

std::vector<std::size_t> float_inputs(const BuiltCase& g) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < g.inputs.size(); ++i)
    if (is_floating(g.inputs[i].dtype())) out.push_back(i);
  return out;
}

TensorList float_outputs(const BuiltCase& g) {
  TensorList out;
  for (const Tensor& t : g.outputs)
    if (is_floating(t.dtype())) out.push_back(t);
  return out;
}

// The elements of an array in another order: values of the same domain.
Array permuted(const Array& a, Random& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(a.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  random.shuffle(order);
  Array out(a.dtype(), a.shape());
  const std::size_t size = size_of(a.dtype());
  for (std::size_t i = 0; i < order.size(); ++i)
    std::memcpy(static_cast<char*>(out.data()) + i * size,
                static_cast<const char*>(a.data()) + static_cast<std::size_t>(order[i]) * size, size);
  return out;
}

ir::Tensor sum_of_all(const Tensor& x) {
  std::vector<std::int64_t> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return ir::cast(ir::sum(ir::cast(x, DType::f64), axes), DType::f64);
}

// ---- tangents ----

struct Tangents {
  BuiltCase graph;     // inputs and directions to tangents of the float outputs
  BuiltCase identity;  // <u, J v> - <J^T u, v>, and the sum of the sizes of its terms
  std::vector<std::size_t> wrt;
};

Tangents tangents_of(const RandomProgram& p) {
  Tangents out;
  Random random(p.seed);
  const TensorList outputs = float_outputs(p.graph);
  out.wrt = float_inputs(p.graph);
  if (outputs.empty() || out.wrt.empty()) return out;
  BuiltCase g = p.graph;
  TensorList wrt, directions;
  for (const std::size_t i : out.wrt) {
    const Tensor& x = p.graph.inputs[i];
    wrt.push_back(x);
    directions.push_back(ir::input("v" + std::to_string(i), x.type()));
    g.inputs.push_back(directions.back());
    g.values.push_back(random_array(x.dtype(), p.graph.values[i].shape(), -1, 1, random.next()));
  }
  g.outputs = ad::jvp(outputs, wrt, directions);
  out.graph = g;
  BuiltCase id = g;
  TensorList weights;
  for (const Tensor& y : outputs) {
    const Tensor one[] = {y};
    const Array value = eval::evaluate(one, p.graph.bindings())[0];
    weights.push_back(ir::input("u" + std::to_string(weights.size()), y.type()));
    id.inputs.push_back(weights.back());
    id.values.push_back(random_array(y.dtype(), value.shape(), -1, 1, random.next()));
  }
  ad::GradOptions zero;
  zero.disconnected = ad::Disconnected::zero;
  const TensorList back = ad::vjp(outputs, weights, wrt, zero);
  Tensor forward, backward, sizes;
  const auto add = [&](Tensor& total, const Tensor& a, const Tensor& b) {
    const Tensor terms = ir::mul(ir::cast(a, DType::f64), ir::cast(b, DType::f64));
    total = ir::accumulate(total, sum_of_all(terms));
    sizes = ir::accumulate(sizes, sum_of_all(ir::abs(terms)));
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) add(forward, weights[i], g.outputs[i]);
  for (std::size_t i = 0; i < wrt.size(); ++i) add(backward, back[i], directions[i]);
  id.outputs = {ir::sub(forward, backward), sizes};
  out.identity = id;
  return out;
}

bool in_single(const BuiltCase& g) {
  const auto nodes = ir::topological(g.outputs);
  return std::any_of(nodes.begin(), nodes.end(), [](const ir::NodePtr& n) { return n->type().dtype == DType::f32; });
}

// Ops that change cotangents on purpose, and not tangents.
bool changes_cotangents(const BuiltCase& g) {
  const auto nodes = ir::topological(g.outputs);
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const ir::NodePtr& n) { return n->op().name == "grad_clip" || n->op().name == "grad_scale"; });
}

Finding check_identity(const BuiltCase& identity, std::uint64_t seed) {
  const Expected e = expected(identity, seed);
  const double gap = std::fabs(e.outputs[0].at(0)), size = e.outputs[1].at(0), moved = e.moved[0][0];
  if (e.non_finite || !std::isfinite(gap) || !std::isfinite(moved)) return {};
  const double allowed = (in_single(identity) ? 1e-5 : 1e-12) * std::max(size, 1e-2) + 16 * moved;
  if (gap <= allowed) return {};
  return {
      "<u, J v> = <J^T u, v>",
      fmt::format("<u, J v> and <J^T u, v> differ by {}, allowed {}; their terms add up to {}", gap, allowed, size)};
}

// ---- batch ----

struct Batch {
  BuiltCase graph;
  std::vector<BuiltCase> loop;
  std::vector<bool> batched;
};

Batch batch_of(const RandomProgram& p) {
  Batch out;
  Random random(p.seed);
  const std::int64_t size = random.between(1, 3);
  BuiltCase& g = out.graph;
  g.outputs = p.graph.outputs;
  out.loop.assign(static_cast<std::size_t>(size), p.graph);
  bool any = false;
  for (std::size_t i = 0; i < p.graph.inputs.size(); ++i) {
    const Tensor& x = p.graph.inputs[i];
    const bool last = i + 1 == p.graph.inputs.size();
    const bool with = random.chance(0.7) || (last && !any);
    any = any || with;
    out.batched.push_back(with);
    if (!with) {
      g.inputs.push_back(x);
      g.values.push_back(p.graph.values[i]);
      continue;
    }
    ir::Shape shape = x.shape();
    shape.insert(shape.begin(), size);
    g.inputs.push_back(ir::input("b" + std::to_string(i), {x.dtype(), shape}));
    std::vector<Array> parts;
    for (BuiltCase& one : out.loop) parts.push_back(one.values[i] = permuted(p.graph.values[i], random));
    g.values.push_back(stacked(parts));
  }
  g.outputs = ad::vmap(p.graph.outputs, p.graph.inputs, g.inputs, out.batched, size);
  return out;
}

Finding check_loop(const Batch& batch, std::uint64_t seed) {
  const Expected all = expected(batch.graph, seed);
  for (std::size_t k = 0; k < batch.loop.size(); ++k) {
    Expected one = expected(batch.loop[k], seed + k);
    std::vector<Array> got;
    for (std::size_t o = 0; o < all.outputs.size(); ++o) {
      got.push_back(part(all.outputs[o], static_cast<std::int64_t>(k)));
      const std::size_t count = one.moved[o].size();
      for (std::size_t i = 0; i < count; ++i) one.moved[o][i] = std::max(one.moved[o][i], all.moved[o][k * count + i]);
    }
    if (const std::string d = differing(got, one); !d.empty())
      return {"vmap as a loop", fmt::format("part {}: {}", k, d)};
  }
  return {};
}

// ---- updates ----

struct Updates {
  BuiltCase graph;                   // all inputs; outputs, then the new values
  std::vector<std::size_t> shareds;  // which inputs are Shared; new value i is that of shareds[i]
};

bool is_random_state(const BuiltCase& g, const Tensor& x) {
  for (const ir::NodePtr& n : ir::topological(g.outputs))
    if (n->op().name.starts_with("random_") && n->input(0) == x) return true;
  return false;
}

// New values for x: of the graph if it has a tensor of this type, of other variables, of x itself in another order.
Tensor new_value(const BuiltCase& g, const Tensor& x, const TensorList& others, Random& random) {
  TensorList candidates{x};
  for (const ir::NodePtr& n : ir::topological(g.outputs))
    for (std::size_t i = 0; i < n->outputs().size(); ++i)
      if (n->outputs()[i] == x.type()) candidates.emplace_back(n, static_cast<int>(i));
  for (const Tensor& other : others)
    if (other.type() == x.type()) candidates.push_back(other);
  Tensor value = random.pick(candidates);
  if (x.rank() > 0 && random.chance(0.3)) value = ir::flip(value, {static_cast<std::int64_t>(random.below(x.rank()))});
  if (is_floating(x.dtype()) && random.chance(0.5)) value = ir::add(ir::mul(x, 0.5), ir::mul(value, 0.25));
  return value;
}

Updates updates_of(const RandomProgram& p) {
  Updates out;
  Random random(p.seed);
  out.graph = p.graph;
  TensorList variables;
  for (std::size_t i = 0; i < p.graph.inputs.size(); ++i) {
    if (out.shareds.size() == 3 || !random.chance(0.6)) continue;
    out.shareds.push_back(i);
    variables.push_back(p.graph.inputs[i]);
  }
  if (variables.empty() && !p.graph.inputs.empty()) out.shareds = {0}, variables = {p.graph.inputs[0]};
  for (const Tensor& x : variables) {
    Tensor value = new_value(p.graph, x, variables, random);
    if (is_random_state(p.graph, x)) {
      const std::int64_t step[] = {0, 1};
      value = ir::add(x, ir::constant(Array::of(std::span<const std::int64_t>(step), {2})));
    }
    out.graph.outputs.push_back(value);
  }
  return out;
}

// The function of the public API, its Shared variables, and what takes part in a call.
struct Stepping {
  std::vector<Shared> shareds;
  Function function;
  std::vector<Argument> arguments;
};

Stepping stepping(const Updates& u, int level, const DifferentialOptions& o) {
  using detail::Access;
  Stepping s;
  ir::TensorMap<Tensor> with;
  for (const std::size_t i : u.shareds) {
    const Tensor& x = u.graph.inputs[i];
    Shape shape;
    for (const ir::Dim& d : x.shape()) shape.push_back(Access::out(d));
    s.shareds.emplace_back("s" + std::to_string(i), u.graph.values[i], shape);
    with.emplace(x, Access::symbol(s.shareds.back()));
  }
  const std::size_t outputs = u.graph.outputs.size() - u.shareds.size();
  const TensorList all = ir::substitute(u.graph.outputs, with);
  std::vector<bitale::Tensor> inputs, results;
  for (std::size_t i = 0; i < u.graph.inputs.size(); ++i)
    if (std::find(u.shareds.begin(), u.shareds.end(), i) == u.shareds.end()) {
      inputs.push_back(Access::out(u.graph.inputs[i]));
      s.arguments.emplace_back(u.graph.values[i]);
    }
  for (std::size_t i = 0; i < outputs; ++i) results.push_back(Access::out(all[i]));
  FunctionOptions options{.name = "step",
                          .device = o.device,
                          .threads = o.threads,
                          .level = level,
                          .isa = o.isa,
                          .unused_inputs = true,
                          .cache = false};
  for (std::size_t i = 0; i < s.shareds.size(); ++i)
    options.updates.emplace_back(s.shareds[i], Access::out(all[outputs + i]));
  s.function = bitale::function(inputs, results, options);
  return s;
}

// Each call starts from what the calls before it really left, so that errors do not add up.
Finding check_calls(const Updates& u, int level, const DifferentialOptions& o) {
  const std::string kind = "calls at O" + std::to_string(level);
  Random random(o.seed);
  const Stepping s = stepping(u, level, o);
  BuiltCase now = rewritten(u.graph, level);
  for (int call = 0; call < 4; ++call) {
    if (call == 2)
      for (std::size_t k = 0; k < s.shareds.size(); ++k)
        if (random.chance(0.5)) Shared(s.shareds[k]).set(permuted(u.graph.values[u.shareds[k]], random));
    for (std::size_t k = 0; k < s.shareds.size(); ++k) now.values[u.shareds[k]] = s.shareds[k].get();
    if (!has_values(now)) return {};
    const Expected e = expected(now, o.seed);
    std::vector<Array> got = s.function.call(s.arguments);
    for (const Shared& shared : s.shareds) got.push_back(shared.get());
    if (const std::string d = differing(got, e); !d.empty())
      return {kind, fmt::format("call {}: {}\nrewritten:\n{}\n{}", call, d, ir::to_string(ir::Graph{{}, now.outputs}),
                                s.function.program_text())};
  }
  return {};
}

Finding thrown(const std::string& stage, const std::exception& e) {
  const std::string text = e.what();
  return {stage + " fails: " + text.substr(0, 24), text};
}

}  // namespace

const char* name_of(Use use) {
  constexpr const char* names[] = {"values", "gradient", "tangents", "batch", "updates"};
  return names[static_cast<std::size_t>(use)];
}

BuiltCase made_of(const RandomProgram& p) {
  BuiltCase g;
  switch (p.use) {
    case Use::values:
      return p.graph;
    case Use::gradient:
      return random_gradient(p.graph, p.seed);
    case Use::tangents:
      g = tangents_of(p).graph;
      break;
    case Use::batch:
      g = batch_of(p).graph;
      break;
    case Use::updates:
      g = updates_of(p).graph;
      break;
  }
  return !g.outputs.empty() && has_values(g) ? g : BuiltCase();
}

Finding check(const RandomProgram& p, const DifferentialOptions& options) {
  try {
    if ((p.use == Use::updates || p.use == Use::batch) && p.graph.inputs.empty()) return {};
    const BuiltCase made = made_of(p);
    if (made.outputs.empty()) return {};
    if (p.use == Use::updates) {
      const Updates u = updates_of(p);
      for (const int level : options.levels)
        if (Finding f = check_calls(u, level, options)) return f;
      return {};
    }
    if (p.use == Use::tangents) {
      const BuiltCase identity = tangents_of(p).identity;
      if (!changes_cotangents(p.graph) && has_values(identity))
        if (Finding f = check_identity(identity, options.seed)) return f;
    }
    if (p.use == Use::batch) {
      const Batch batch = batch_of(p);
      if (std::all_of(batch.loop.begin(), batch.loop.end(), has_values))
        if (Finding f = check_loop(batch, options.seed)) return f;
    }
    return differential(made, options);
  } catch (const std::exception& e) {
    return thrown(name_of(p.use), e);
  }
}

RandomProgram shrink(RandomProgram program, const std::string& kind, const DifferentialOptions& options) {
  program.graph = shrink(program.graph, kind,
                         [&](const BuiltCase& graph) { return check({graph, program.use, program.seed}, options); });
  return program;
}

// ---- text ----

namespace {

std::string option_text(const DifferentialOptions& o) {
  const int level = o.levels.empty() ? 2 : o.levels.back();
  return fmt::format(".threads = {}, .level = {}, .isa = \"{}\", .unused_inputs = true, .cache = false", o.threads,
                     level, o.isa);
}

std::string updates_text(const RandomProgram& p, const DifferentialOptions& o) {
  const Updates u = updates_of(p);
  CppGraph text = cpp_graph(u.graph);
  const std::size_t outputs = u.graph.outputs.size() - u.shareds.size();
  std::vector<std::string> inputs, arguments, updates, shown;
  for (std::size_t i = 0; i < text.inputs.size(); ++i) {
    if (std::find(u.shareds.begin(), u.shareds.end(), i) == u.shareds.end()) {
      inputs.push_back(text.inputs[i]);
      arguments.push_back(text.arguments[i]);
      continue;
    }
    const std::string made = fmt::format("const Tensor {0} = input(\"{0}\", ", text.inputs[i]);
    const std::size_t at = text.statements.find(made), end = text.statements.find(");\n", at);
    const std::string shape =
        text.statements.substr(text.statements.find("Shape", at), end - text.statements.find("Shape", at));
    text.statements.replace(
        at, end - at, fmt::format("const Shared {0}(\"{0}\", {1}, {2}", text.inputs[i], text.arguments[i], shape));
    shown.push_back(text.inputs[i]);
  }
  for (std::size_t k = 0; k < u.shareds.size(); ++k)
    updates.push_back(fmt::format("{{{}, {}}}", text.inputs[u.shareds[k]], text.outputs[outputs + k]));
  const std::vector<std::string> results(text.outputs.begin(),
                                         text.outputs.begin() + static_cast<std::ptrdiff_t>(outputs));
  text.inputs = inputs;
  text.arguments = arguments;
  std::string body = cpp_call(text, results, fmt::format(".updates = {}, {}", cpp_list(updates), option_text(o)));
  for (const std::string& name : shown)
    body += fmt::format("  std::printf(\"%s\\n\", to_string({}.get(), true).c_str());\n", name);
  return cpp_program(text, body);
}

}  // namespace

std::string to_cpp(const RandomProgram& p, const DifferentialOptions& o) {
  if (p.use == Use::updates) return updates_text(p, o);
  BuiltCase graph = p.graph;
  std::vector<std::size_t> wrt = float_inputs(p.graph);
  if (p.use == Use::gradient) graph.outputs = {random_cost(p.graph, p.seed)};
  if (p.use == Use::tangents) graph.outputs = float_outputs(p.graph);
  CppGraph text = cpp_graph(graph);
  std::vector<std::string> names;
  for (const std::size_t i : wrt) names.push_back(text.inputs[i]);
  std::string more;
  std::vector<std::string> outputs = text.outputs;
  const auto results = [&](const std::string& from, std::size_t count) {
    more += from;
    outputs.clear();
    for (std::size_t i = 0; i < count; ++i) outputs.push_back(fmt::format("d[{}]", i));
  };
  if (p.use == Use::gradient)
    results(fmt::format("  const auto d = grad({}, std::vector<Tensor>{}, {{.zero_if_disconnected = true}});\n",
                        text.outputs[0], cpp_list(names)),
            wrt.size());
  if (p.use == Use::tangents) {
    const BuiltCase made = tangents_of(p).graph;
    std::vector<std::string> directions;
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      directions.push_back("v" + std::to_string(i));
      more += fmt::format("  const Tensor v{0} = input(\"v{0}\", {1}.dtype(), {1}.shape());\n", i, names[i]);
      text.inputs.push_back(directions.back());
      text.arguments.push_back(cpp_array(made.values[p.graph.inputs.size() + i]));
    }
    results(fmt::format("  const auto d = jvp({}, {}, {});\n", cpp_list(text.outputs), cpp_list(names),
                        cpp_list(directions)),
            graph.outputs.size());
  }
  if (p.use == Use::batch) more += "  // and vmap of this over a leading axis of some inputs: see the IR text\n";
  return cpp_program(text, more + cpp_call(text, outputs, option_text(o)));
}

std::string to_string(const RandomProgram& p, const DifferentialOptions& o) {
  return fmt::format("as C++:\n{}\ncompiled:\n{}", to_cpp(p, o), to_string(made_of(p)));
}

}  // namespace bitale::tests
