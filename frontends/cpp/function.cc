#include <algorithm>
#include <set>

#include "compiler/ir/graph.h"
#include "frontends/cpp/function_state.h"
#include "frontends/cpp/givens.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/device/driver.h"
#include "runtime/device/pool.h"

namespace bitale {

using detail::Access;

namespace {

// ---- building ----

std::vector<ir::Tensor> reachable_shareds(const std::vector<ir::Tensor>& roots) {
  std::vector<ir::Tensor> out;
  for (const ir::NodePtr& n : ir::topological(roots))
    if (n->op().leaf == ir::Leaf::shared) out.emplace_back(n, 0);
  return out;
}

std::string made_at(SourceLine line) { return line ? " (function made at " + to_string(line) + ")" : ""; }

void check_inputs(const std::vector<ir::Tensor>& inputs, const std::vector<ir::Tensor>& roots, const FunctionOptions& o,
                  SourceLine line) {
  std::set<std::uint64_t> given, read;
  for (const ir::NodePtr& n : ir::topological(roots))
    if (n->op().leaf == ir::Leaf::input) read.insert(n->id());
  for (const ir::Tensor& t : inputs) {
    if (t.node().op().leaf != ir::Leaf::input)
      throw Error(o.name + ": " + ir::describe(t) +
                  " is not an input(): only those can be arguments; replace others through givens" + made_at(line));
    if (!given.insert(t.node().id()).second)
      throw Error(o.name + ": the input " + ir::describe(t) + " is given twice" + made_at(line));
    if (!o.unused_inputs && !read.contains(t.node().id()))
      throw Error(o.name + ": the input " + ir::describe(t) +
                  " is not used by any output or update; drop it or set unused_inputs" + made_at(line));
  }
  for (const ir::NodePtr& n : ir::topological(roots))
    if (n->op().leaf == ir::Leaf::input && !given.contains(n->id()))
      throw Error(o.name + ": the outputs use the input " +
                  ir::describe({n, 0, n->origins().empty() ? SourceLine() : n->origins()[0],
                                n->params_as<ir::InputParams>().name}) +
                  ", which is missing from the function's inputs" + made_at(line));
}

ir::Tensor checked_update(const Shared& target, const Tensor& value, const std::string& function, SourceLine line) {
  const ir::Tensor symbol = Access::symbol(target);
  const ir::Tensor v = Access::in(value, "an update");
  auto fail = [&](const std::string& what) {
    throw Error(function + ": the update of " + ir::describe(symbol) + " by " + ir::describe(v) + ": " + what +
                made_at(line));
  };
  if (v.dtype() != symbol.dtype()) fail("the dtypes differ");
  if (v.rank() != symbol.rank()) fail("the ranks differ");
  for (int i = 0; i < v.rank(); ++i)
    if (v.dim(i).is_constant() && symbol.dim(i).is_constant() && !(v.dim(i) == symbol.dim(i)))
      fail("the extents of axis " + std::to_string(i) + " differ");
  return v;
}

struct Built {
  lower::FunctionGraph graph;
  std::vector<std::shared_ptr<Shared::State>> shareds;
};

// Random states that the function reads and does not update itself advance by one step per call.
void advance_random_states(const std::vector<ir::Tensor>& roots, std::map<std::int64_t, ir::Tensor>& updates) {
  for (const ir::Tensor& state : reachable_shareds(roots)) {
    if (!Access::find(state)->random) continue;
    const std::int64_t step[] = {0, 1};
    updates.try_emplace(state.node().params_as<ir::SharedParams>().key,
                        ir::add(state, ir::constant(Array::of(std::span<const std::int64_t>(step), {2}))));
  }
}

Built build(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const FunctionOptions& o,
            SourceLine line) {
  Built b;
  b.graph.name = o.name;
  b.graph.inputs = Access::in(inputs, "an input of the function");
  std::vector<ir::Tensor> roots = Access::in(outputs, "an output of the function");
  std::map<std::int64_t, ir::Tensor> updates;  // by key
  for (const auto& [target, value] : o.updates)
    if (!updates.emplace(Access::state(target)->key, checked_update(target, value, o.name, line)).second)
      throw Error(o.name + ": the Shared " + target.name() + " is updated twice" + made_at(line));
  advance_random_states(roots, updates);
  std::vector<std::int64_t> keys;
  for (const auto& [key, value] : updates) {
    keys.push_back(key);
    roots.push_back(value);
  }
  if (roots.empty()) throw Error(o.name + ": neither outputs nor updates are given" + made_at(line));
  if (!o.givens.empty()) roots = replace_givens(roots, o.givens, o.name, made_at(line));
  check_inputs(b.graph.inputs, roots, o, line);
  std::map<std::int64_t, ir::Tensor> shareds;
  for (const ir::Tensor& t : reachable_shareds(roots)) shareds.emplace(t.node().params_as<ir::SharedParams>().key, t);
  for (const auto& [target, value] : o.updates) shareds.emplace(Access::state(target)->key, Access::symbol(target));
  std::map<std::int64_t, int> number;
  for (const auto& [key, t] : shareds) {
    number[key] = static_cast<int>(b.graph.shareds.size());
    b.shareds.push_back(Access::find(t));
    b.graph.shareds.push_back(Access::named(t));
  }
  b.graph.outputs.assign(roots.begin(), roots.begin() + static_cast<std::ptrdiff_t>(outputs.size()));
  for (std::size_t i = 0; i < keys.size(); ++i)
    b.graph.updates.emplace_back(number.at(keys[i]), roots[outputs.size() + i]);
  return b;
}

void check_device(const FunctionOptions& o) try {
  if (o.device != "cpu") open_driver(o.device);
} catch (const Error& e) {
  throw Error(o.name + ": " + e.what());
}

driver::CompileOptions compile_options(const FunctionOptions& o) {
  check_device(o);
  if (o.level < 0 || o.level > 3)
    throw Error(o.name + ": the optimisation level is 0 to 3, got " + std::to_string(o.level));
  if (o.threads < 0)
    throw Error(o.name + ": the number of threads must not be negative, got " + std::to_string(o.threads));
  driver::CompileOptions options{o.level, o.device, o.isa, o.relaxed, o.cache, o.check};
  options.tf32 = o.tf32;
  if (o.conv != ConvAlgorithm::automatic) options.algorithms["conv"] = to_string(o.conv);
  return options;
}

}  // namespace

Function function(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const FunctionOptions& options,
                  Where at) {
  ensure_ready();
  const driver::CompileOptions compile = compile_options(options);
  Built b = build(inputs, outputs, options, at);
  auto state = std::make_shared<Function::State>();
  state->name = options.name;
  state->threads = options.threads > 0 ? options.threads : default_threads();
  state->profile = options.profile;
  state->nan_guard = options.nan_guard;
  state->inputs = b.graph.inputs;
  state->shareds = std::move(b.shareds);
  state->updated.assign(state->shareds.size(), false);
  for (const auto& u : b.graph.updates) state->updated[static_cast<std::size_t>(u.first)] = true;
  state->compiled = driver::compile(b.graph, compile);
  state->doubled.assign(state->shareds.size(), false);
  for (const program::Buffer& buffer : state->compiled.program->buffers)
    if (buffer.role == program::Role::update) state->doubled[static_cast<std::size_t>(buffer.index)] = !buffer.in_place;
  Function f;
  f.state_ = std::move(state);
  return f;
}

Stages stages(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const FunctionOptions& options,
              Where at) {
  ensure_ready();
  const Built b = build(inputs, outputs, options, at);
  driver::Stages s = driver::show_stages(b.graph, compile_options(options));
  return {s.input, s.optimised, s.kernels, s.program, s.cuda, s.input_dot, s.optimised_dot};
}

namespace {

driver::CompileReport report_of(const Function::State& state) {
  driver::CompileReport report = state.compiled.report;
  for (const executor::TuningChoice& c : state.compiled.runnable->choices()) report.tuned.push_back(to_string(c));
  return report;
}

}  // namespace

void Function::wait() const {
  if (state_) state_->compiled.runnable->wait();
}

const std::string& Function::name() const { return state_->name; }
int Function::threads() const { return state_->threads; }
double Function::compile_seconds() const { return state_->compiled.report.seconds; }
bool Function::from_cache() const { return state_->compiled.report.cache == "hit"; }
std::string Function::compile_report() const { return report_of(*state_).table(); }
std::string Function::compile_report_json() const { return report_of(*state_).json(); }
std::string Function::compile_trace() const { return state_->compiled.report.chrome_trace(); }
std::string Function::program_text() const { return program::to_string(*state_->compiled.program); }

}  // namespace bitale
