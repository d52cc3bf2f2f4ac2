#include "runtime/executor/call_memory.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "runtime/executor/report.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool one_of(const std::vector<bool>& list, std::size_t i) { return i < list.size() && list[i]; }

Array one_of(const std::vector<Array>& list, std::size_t i) { return i < list.size() ? list[i] : Array(); }

std::string described(const Program& program, std::size_t output) {
  return fmt::format("{}: the destination of output {} '{}'", program.name, output, program.outputs[output].name);
}

}  // namespace

// What a device has is not fetched to find out.
bool overlap(const Array& a, const Array& b) {
  if (a.bytes() == 0 || b.bytes() == 0) return false;
  if (a.storage() == b.storage()) return true;
  const auto *first = static_cast<const std::uint8_t*>(a.storage()->address()),
             *second = static_cast<const std::uint8_t*>(b.storage()->address());
  if (!first || !second) return false;
  return std::less<>()(first, second + b.bytes()) && std::less<>()(second, first + a.bytes());
}

CallMemory::CallMemory(const Layout& layout, const Placement& placement, std::span<const Array> inputs,
                       std::span<const Array> shareds, const CallOptions& options, bool guarded)
    : layout_(layout),
      placement_(placement),
      inputs_(inputs),
      shareds_(shareds),
      options_(options),
      guarded_(guarded),
      taken_(inputs.size()),
      homes_(program().buffers.size(), Home::frame),
      arrays_(program().buffers.size()) {
  check_destinations();
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    if (layout_.groups.root[i] != static_cast<int>(i)) continue;
    const Buffer& b = program().buffers[i];
    const Role role = layout_.groups.role[i];
    if (role == Role::input) arrays_[i] = inputs_[at(b.index)];
    if (role == Role::shared) arrays_[i] = shareds_[at(b.index)];
    if (role == Role::output) arrays_[i] = home_of_output(i);
    if (role == Role::update) arrays_[i] = home_of_update(i);
    if (role == Role::output || role == Role::update) homes_[i] = arrays_[i].empty() ? Home::fresh : Home::given;
  }
}

Extents CallMemory::shape_of(const Buffer& b) const {
  Extents shape;
  for (const int slot : b.dims) shape.push_back(placement_.extents[at(slot)]);
  return shape;
}

void CallMemory::check_destinations() const {
  const auto& into = options_.into;
  if (into.empty()) return;
  if (into.size() != program().outputs.size())
    throw Error(
        fmt::format("{}: {} destinations for {} outputs", program().name, into.size(), program().outputs.size()));
  for (std::size_t o = 0; o < into.size(); ++o) {
    const Port& port = program().outputs[o];
    Extents expected;
    for (const int slot : port.dims) expected.push_back(placement_.extents[at(slot)]);
    if (into[o].empty()) throw Error(described(program(), o) + " is an empty Array handle");
    if (into[o].dtype() != port.dtype || into[o].shape() != expected)
      throw Error(fmt::format("{} is {}{}, expected {}{}", described(program(), o), name_of(into[o].dtype()),
                              shape_text(into[o].shape()), name_of(port.dtype), shape_text(expected)));
    if (!into[o].storage()->writable()) throw Error(described(program(), o) + " is read-only memory");
    for (std::size_t p = 0; p < o; ++p)
      if (overlap(into[o], into[p]))
        throw Error(
            fmt::format("{} overlaps that of output {} '{}'", described(program(), o), p, program().outputs[p].name));
  }
}

// No other input reads this memory.
bool CallMemory::only_touched_by(const Array& memory, std::size_t input) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (i != input && overlap(memory, inputs_[i])) return false;
  return true;
}

// Whatever the array shares memory with is an input that the output may be over.
bool CallMemory::may_be_over(const Array& array, const Buffer& b) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!overlap(array, inputs_[i])) continue;
    const bool same =
        array.storage()->address() == inputs_[i].storage()->address() && array.bytes() == inputs_[i].bytes();
    if (guarded_ || !same || std::find(b.over.begin(), b.over.end(), static_cast<int>(i)) == b.over.end()) return false;
  }
  return true;
}

Array CallMemory::home_of_output(std::size_t buffer) {
  const Buffer& b = program().buffers[buffer];
  if (b.role != Role::output) return {};
  if (const Array destination = one_of(options_.into, at(b.index)); !destination.empty())
    return may_be_over(destination, b) ? destination : Array();
  for (const int input : b.over) {
    const Array& memory = inputs_[at(input)];
    if (guarded_ || !one_of(options_.donated, at(input)) || taken_[at(input)] || !only_touched_by(memory, at(input)) ||
        memory.bytes() != at(placement_.bytes[buffer]))
      continue;
    taken_[at(input)] = true;
    return {b.storage, shape_of(b), memory.storage()};
  }
  return {};
}

Array CallMemory::home_of_update(std::size_t buffer) const {
  const Buffer& b = program().buffers[buffer];
  return b.in_place && !guarded_ && one_of(options_.owned, at(b.index)) ? shareds_[at(b.index)] : Array();
}

std::int64_t CallMemory::new_bytes() const {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < homes_.size(); ++i)
    if (homes_[i] == Home::fresh) bytes += placement_.bytes[i];
  return bytes;
}

void CallMemory::make(bool zeros, bool spare_allowed, const NewStorage& on_device) {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Buffer& b = program().buffers[i];
    if (homes_[i] == Home::given && zeros && b.role == Role::output)
      std::memset(arrays_[i].data(), 0, arrays_[i].bytes());
    if (homes_[i] != Home::fresh) continue;
    Extents shape = shape_of(b);
    const Array spare = b.role == Role::update && spare_allowed ? one_of(options_.spare, at(b.index)) : Array();
    if (!spare.empty() && spare.storage()->size() == at(placement_.bytes[i])) {
      arrays_[i] = Array(b.storage, std::move(shape), spare.storage());
      continue;
    }
    if (on_device) {
      arrays_[i] = Array(b.storage, std::move(shape), on_device(static_cast<int>(i), at(placement_.bytes[i])));
      continue;
    }
    try {
      arrays_[i] = zeros ? Array::zeros(b.storage, shape) : Array(b.storage, shape);
    } catch (const Error& e) {
      no_memory(program(), fmt::format("'{}' {}{}", b.name, name_of(b.storage), shape_text(shape)), e.what());
    }
  }
}

CallResult CallMemory::results() const {
  CallResult result;
  result.outputs.resize(program().outputs.size());
  result.updates.resize(program().shareds.size());
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Buffer& b = program().buffers[i];
    if (b.role != Role::output && b.role != Role::update) continue;
    const auto root = at(layout_.groups.root[i]);
    const bool constant = program().buffers[root].role == Role::constant;
    Array value(b.storage, shape_of(b),
                constant ? layout_.constants[at(program().buffers[root].index)].storage() : arrays_[root].storage());
    Array destination = b.role == Role::output ? one_of(options_.into, at(b.index)) : Array();
    if (!destination.empty()) {
      if (destination.storage() != value.storage() && value.bytes() > 0)
        std::memcpy(destination.data(), std::as_const(value).data(), value.bytes());
      value = std::move(destination);
    } else if (constant) {
      value = value.clone();
    }
    (b.role == Role::output ? result.outputs : result.updates)[at(b.index)] = std::move(value);
  }
  return result;
}

}  // namespace bitale::executor
