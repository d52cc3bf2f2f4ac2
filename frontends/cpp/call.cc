// Calls of functions: arguments, locks, updates, and what is known of a call before it is made.
#include <mutex>

#include <fmt/format.h>

#include "frontends/cpp/function_state.h"
#include "runtime/base/error.h"
#include "runtime/program/placement.h"

namespace bitale {

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
  std::vector<std::shared_lock<FairMutex>> readers;
  std::vector<std::unique_lock<FairMutex>> writers;
  std::vector<Array> values;
  executor::CallOptions options = s.call_options();
  options.owned.resize(s.shareds.size());
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
  executor::CallOptions options = state_->call_options();
  for (const auto& s : state_->shareds) {
    const std::shared_lock lock(s->mutex);
    values.push_back(s->value);
    options.versions.push_back(s->version);
  }
  const auto p = state_->compiled.runnable->planned(inputs, values, options);
  return {p.arena_bytes, p.output_bytes, p.constant_bytes, p.pack_bytes};
}

}  // namespace bitale
