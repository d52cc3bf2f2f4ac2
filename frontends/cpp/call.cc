// Calls of functions: locks, updates, and what is known of a call before it is made.
#include <algorithm>
#include <mutex>

#include "frontends/cpp/function_state.h"
#include "runtime/base/error.h"
#include "runtime/program/extents.h"
#include "runtime/program/placement.h"

namespace bitale {

namespace {

bool alone(const Array& a) { return a.storage().use_count() == 1; }

// What nobody else holds of the old value is where the next one is written.
void commit(Shared::State& shared, Array value, bool doubled) {
  std::swap(shared.value, value);
  ++shared.version;
  if (doubled) shared.spare = alone(value) ? std::move(value) : Array();
}

}  // namespace

std::vector<Array> Function::run(std::span<const Argument> given, std::vector<Array> into) const {
  const State& s = *state_;
  const State::Arguments arguments = s.arguments(given, true);
  std::vector<std::shared_lock<FairMutex>> readers;
  std::vector<std::unique_lock<FairMutex>> writers;
  std::vector<Array> values;
  executor::CallOptions options = s.call_options();
  options.donated = arguments.donated;
  options.into = std::move(into);
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
  executor::CallResult result = s.compiled.runnable->call(arguments.arrays, values, options);
  values.clear();
  options.spare.clear();
  for (std::size_t i = 0; i < s.shareds.size(); ++i)
    if (s.updated[i]) commit(*s.shareds[i], std::move(result.updates[i]), s.doubled[i]);
  return std::move(result.outputs);
}

std::vector<Array> Function::call(std::span<const Argument> given) const {
  if (!state_) throw Error("call of an empty Function");
  return run(given, {});
}

void Function::call_into(std::span<const Argument> given, std::span<const Destination> destinations) const {
  if (!state_) throw Error("call of an empty Function");
  run(given, state_->destinations(destinations));
}

void Function::call_into(std::initializer_list<Argument> given, std::initializer_list<Destination> destinations) const {
  call_into(std::span(given.begin(), given.size()), std::span(destinations.begin(), destinations.size()));
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

// Of a loop, those of all its steps; of a branch, those of the side that has more.
double flops_of(const program::Program& p, std::span<const std::int64_t> extents) {
  const auto of_body = [&](const program::Program& body) {
    return flops_of(body, program::evaluate_body_extents(body, extents));
  };
  double total = 0;
  for (const program::Step& s : p.steps) {
    if (s.flops >= 0) total += static_cast<double>(extents[static_cast<std::size_t>(s.flops)]);
    if (const auto* loop = std::get_if<program::LoopStep>(&s.node))
      total += static_cast<double>(extents[static_cast<std::size_t>(loop->trips)]) * of_body(*loop->body);
    if (const auto* branch = std::get_if<program::BranchStep>(&s.node))
      total += std::max(of_body(*branch->then), of_body(*branch->otherwise));
  }
  return total;
}

}  // namespace

double Function::flops(std::span<const Argument> given) const {
  const std::vector<Array> inputs = state_->arguments(given, false).arrays;
  std::vector<Array> values;
  for (const auto& s : state_->shareds) values.push_back(s->value);
  const program::Program& p = *state_->compiled.program;
  const std::vector<std::int64_t> extents =
      program::evaluate_extents(p, {shapes_of(inputs), shapes_of(values), std::vector<std::int64_t>(inputs.size())});
  return flops_of(p, extents);
}

PlannedMemory Function::planned_memory(std::span<const Argument> given,
                                       std::span<const Destination> destinations) const {
  const State::Arguments arguments = state_->arguments(given, false);
  std::vector<Array> values;
  executor::CallOptions options = state_->call_options();
  options.donated = arguments.donated;
  if (!destinations.empty()) options.into = state_->destinations(destinations);
  for (const auto& s : state_->shareds) {
    const std::shared_lock lock(s->mutex);
    values.push_back(s->value);
    options.versions.push_back(s->version);
  }
  const auto p = state_->compiled.runnable->planned(arguments.arrays, values, options);
  return {p.arena_bytes, p.output_bytes, p.constant_bytes, p.pack_bytes};
}

}  // namespace bitale
