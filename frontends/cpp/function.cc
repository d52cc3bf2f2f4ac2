#include <algorithm>
#include <mutex>
#include <set>

#include <bitale/function.h>
#include <fmt/format.h>

#include "compiler/driver/compile.h"
#include "compiler/ir/graph.h"
#include "frontends/cpp/givens.h"
#include "frontends/cpp/handles.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/device/pool.h"
#include "runtime/program/placement.h"

namespace bitale {

using detail::Access;

namespace {

template <class List>
Array nested(const List& values, Extents shape) {
  return Array::of(std::span<const double>(values), std::move(shape));
}

}  // namespace

Argument::Argument(double v) : array_(Array::scalar(v)), weak_(true) {}
Argument::Argument(int v) : array_(Array::scalar(static_cast<std::int64_t>(v))), weak_(true) {}
Argument::Argument(std::int64_t v) : array_(Array::scalar(v)), weak_(true) {}
Argument::Argument(std::initializer_list<double> row)
    : array_(Array::of(std::span<const double>(row.begin(), row.size()), {static_cast<std::int64_t>(row.size())})),
      weak_(true) {}

Argument::Argument(std::initializer_list<std::initializer_list<double>> rows) : weak_(true) {
  std::vector<double> flat;
  const std::size_t width = rows.size() ? rows.begin()->size() : 0;
  for (const auto& r : rows) {
    if (r.size() != width)
      throw Error("nested list: rows of different lengths, " + std::to_string(width) + " and " +
                  std::to_string(r.size()));
    flat.insert(flat.end(), r.begin(), r.end());
  }
  array_ = nested(flat, {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)});
}

Argument::Argument(std::initializer_list<std::initializer_list<std::initializer_list<double>>> planes) : weak_(true) {
  std::vector<double> flat;
  const std::size_t rows = planes.size() ? planes.begin()->size() : 0;
  const std::size_t width = rows ? planes.begin()->begin()->size() : 0;
  for (const auto& p : planes) {
    if (p.size() != rows) throw Error("nested list: planes of different sizes");
    for (const auto& r : p) {
      if (r.size() != width) throw Error("nested list: rows of different lengths");
      flat.insert(flat.end(), r.begin(), r.end());
    }
  }
  array_ = nested(flat, {static_cast<std::int64_t>(planes.size()), static_cast<std::int64_t>(rows),
                         static_cast<std::int64_t>(width)});
}

struct Function::State {
  driver::Compiled compiled;
  std::vector<ir::Tensor> inputs;
  std::vector<std::shared_ptr<Shared::State>> shareds;  // in the order of the program's ports, ascending key
  std::vector<bool> updated;
  std::vector<bool> doubled;  // updated, and not in place: old and new value are in memory by turns
  std::string name;
  int threads = 1;

  std::vector<Array> arguments(std::span<const Argument> given) const;
  Array convert(const Argument& a, std::size_t i) const;
};

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
  for (const ir::NodePtr& n : ir::topological(roots)) {
    if (!n->op().name.starts_with("random_")) continue;
    const ir::Tensor& state = n->input(0);
    if (state.node().op().leaf != ir::Leaf::shared) continue;
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

driver::CompileOptions compile_options(const FunctionOptions& o) {
  if (o.device != "cpu") throw Error(o.name + ": device '" + o.device + "' is not known; this build has: cpu");
  if (o.level < 0 || o.level > 3)
    throw Error(o.name + ": the optimisation level is 0 to 3, got " + std::to_string(o.level));
  if (o.threads < 0)
    throw Error(o.name + ": the number of threads must not be negative, got " + std::to_string(o.threads));
  return {o.level, o.isa, o.relaxed, o.cache};
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
  return {s.input, s.optimised, s.kernels, s.program, s.input_dot, s.optimised_dot};
}

// ---- calling ----

Array Function::State::convert(const Argument& a, std::size_t i) const {
  const ir::Tensor& input = inputs[i];
  auto fail = [&](const std::string& what) {
    throw Error(name + ": input " + ir::describe(input) + ": " + what + ", given " +
                std::string(name_of(a.array_->dtype())) + shape_text(a.array_->shape()));
  };
  Array value = *a.array_;
  if (value.empty()) throw Error(name + ": input " + ir::describe(input) + ": the argument is an empty Array handle");
  if (a.weak_ && value.dtype() != input.dtype()) {
    const Array converted = value.cast(input.dtype());
    if (!is_floating(input.dtype()))
      for (std::int64_t e = 0; e < value.size(); ++e)
        if (converted.at(e) != value.at(e)) fail(fmt::format("the number {} does not fit its dtype", value.at(e)));
    value = converted;
  }
  if (value.dtype() != input.dtype()) fail("expected dtype " + std::string(name_of(input.dtype())));
  if (value.rank() != input.rank()) fail("expected rank " + std::to_string(input.rank()));
  return value;
}

std::vector<Array> Function::State::arguments(std::span<const Argument> given) const {
  std::size_t count = given.size();
  while (count > 0 && !given[count - 1].array_) --count;
  if (count != inputs.size()) {
    std::string names;
    for (const ir::Tensor& t : inputs) names += (names.empty() ? "" : ", ") + t.name();
    throw Error(fmt::format("{}: takes {} arguments ({}), got {}", name, inputs.size(), names, count));
  }
  std::vector<Array> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(convert(given[i], i));
  return out;
}

namespace {

bool alone(const Array& a) { return a.storage().use_count() == 1; }

// What nobody else holds of the old value is where the next one is written.
void commit(Shared::State& shared, Array value, bool doubled) {
  std::swap(shared.value, value);
  ++shared.version;
  if (doubled) shared.spare = alone(value) ? std::move(value) : Array();
}

}  // namespace

std::vector<Array> Function::call(std::span<const Argument> given) const {
  if (!state_) throw Error("call of an empty Function");
  const State& s = *state_;
  const std::vector<Array> inputs = s.arguments(given);
  std::vector<std::shared_lock<std::shared_mutex>> readers;
  std::vector<std::unique_lock<std::shared_mutex>> writers;
  std::vector<Array> values;
  executor::CallOptions options{s.threads, std::vector<bool>(s.shareds.size()), {}, {}};
  options.spare.resize(s.shareds.size());
  for (std::size_t i = 0; i < s.shareds.size(); ++i) {
    if (s.updated[i])
      writers.emplace_back(s.shareds[i]->mutex);
    else
      readers.emplace_back(s.shareds[i]->mutex);
    options.owned[i] = s.updated[i] && alone(s.shareds[i]->value);
    if (s.doubled[i] && alone(s.shareds[i]->spare)) options.spare[i] = s.shareds[i]->spare;
    options.versions.push_back(s.shareds[i]->version);
    values.push_back(s.shareds[i]->value);
  }
  executor::CallResult result = s.compiled.runnable->call(inputs, values, options);
  values.clear();
  options.spare.clear();
  for (std::size_t i = 0; i < s.shareds.size(); ++i)
    if (s.updated[i]) commit(*s.shareds[i], std::move(result.updates[i]), s.doubled[i]);
  return std::move(result.outputs);
}

std::vector<Array> Function::operator()(const Argument& a, const Argument& b, const Argument& c, const Argument& d,
                                        const Argument& e, const Argument& f, const Argument& g,
                                        const Argument& h) const {
  const Argument list[] = {a, b, c, d, e, f, g, h};
  return call(list);
}

namespace {

driver::CompileReport report_of(const Function::State& state) {
  driver::CompileReport report = state.compiled.report;
  for (const executor::TuningChoice& c : state.compiled.runnable->choices()) report.tuned.push_back(to_string(c));
  return report;
}

}  // namespace

const std::string& Function::name() const { return state_->name; }
int Function::threads() const { return state_->threads; }
double Function::compile_seconds() const { return state_->compiled.report.seconds; }
bool Function::from_cache() const { return state_->compiled.report.cache == "hit"; }
std::string Function::compile_report() const { return report_of(*state_).table(); }
std::string Function::compile_report_json() const { return report_of(*state_).json(); }
std::string Function::compile_trace() const { return state_->compiled.report.chrome_trace(); }
std::string Function::program_text() const { return program::to_string(*state_->compiled.program); }

std::string Function::profile() const {
  std::string s;
  double total = 0;
  const auto steps = state_->compiled.runnable->profile();
  for (const auto& p : steps) total += p.seconds;
  for (const auto& p : steps)
    s += fmt::format(
        "{:>10.3f} us  {:>5.1f} %  {:>8} {}\n", p.calls ? p.seconds / static_cast<double>(p.calls) * 1e6 : 0.0,
        total > 0 ? p.seconds / total * 100 : 0.0,
        p.flops > 0 && p.seconds > 0 ? fmt::format("{:.1f} GF/s", p.flops / p.seconds * 1e-9) : "", p.label);
  return s;
}

namespace {

std::vector<Extents> shapes_of(const std::vector<Array>& arrays) {
  std::vector<Extents> out;
  for (const Array& a : arrays) out.push_back(a.shape());
  return out;
}

}  // namespace

double Function::flops(std::span<const Argument> given) const {
  const std::vector<Array> inputs = state_->arguments(given);
  std::vector<Array> values;
  for (const auto& s : state_->shareds) values.push_back(s->value);
  const program::Program& p = *state_->compiled.program;
  const std::vector<std::int64_t> extents =
      program::evaluate_extents(p, {shapes_of(inputs), shapes_of(values), std::vector<std::int64_t>(inputs.size())});
  double total = 0;
  for (const program::Step& s : p.steps)
    if (s.flops >= 0) total += static_cast<double>(extents[static_cast<std::size_t>(s.flops)]);
  return total;
}

PlannedMemory Function::planned_memory(std::span<const Argument> given) const {
  const std::vector<Array> inputs = state_->arguments(given);
  std::vector<Array> values;
  executor::CallOptions options{state_->threads, {}, {}, {}};
  for (const auto& s : state_->shareds) {
    const std::shared_lock lock(s->mutex);
    values.push_back(s->value);
    options.versions.push_back(s->version);
  }
  const auto p = state_->compiled.runnable->planned(inputs, values, options);
  return {p.arena_bytes, p.output_bytes, p.constant_bytes, p.pack_bytes};
}

}  // namespace bitale
