#include "runtime/executor/device.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/device/cudnn/convolution.h"
#include "runtime/executor/recording.h"
#include "runtime/executor/report.h"
#include "runtime/library/convolution.h"
#include "runtime/program/loop_kernel.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// More than this many have no thread to run in at a time anyway: kernels are loops over blocks.
constexpr std::int64_t most_blocks = 2048;

template <class L>  // a launch, or one of its parts
std::int64_t blocks_of(const L& launch, std::span<const std::int64_t> extents) {
  std::int64_t work = 1;
  for (const Launch::Factor& f : launch.work) {
    std::int64_t pieces = f.value;
    if (f.argument >= 0 && __builtin_mul_overflow(pieces, extents[at(f.argument)], &pieces)) return most_blocks;
    if (__builtin_mul_overflow(work, pieces / f.per + (pieces % f.per > 0), &work)) return most_blocks;
  }
  if (work <= 0) return 0;
  return std::min(std::max((work - 1) / launch.per_block + 1, launch.least), most_blocks);
}

}  // namespace

DeviceCode::DeviceCode(std::shared_ptr<Driver> d, const Program& program, const Blob& blob)
    : driver(std::move(d)), staging(Staging::of(driver)), checks(checks_on_device(program)), launches(blob.launches) {
  if (launches.size() != program.entries.size())
    throw Error(fmt::format("program '{}': its code for {} is not a device's", program.name, blob.target));
  for (std::size_t i = 0; i < blob.offsets.size(); ++i) {
    const std::size_t begin = blob.offsets[i],
                      end = i + 1 < blob.offsets.size() ? blob.offsets[i + 1] : blob.bytes.size();
    modules.push_back(driver->load(std::span(blob.bytes).subspan(begin, end - begin)));
  }
  for (const auto& entry : launches) {
    auto& found = functions.emplace_back();
    for (const Launch& l : entry) found.push_back(modules[at(l.image)]->function(l.function));
  }
}

namespace {

bool any_call(const Program& p, bool (*wanted)(const LibraryStep&)) {
  return std::any_of(p.steps.begin(), p.steps.end(), [&](const Step& s) {
    if (const auto* l = std::get_if<LibraryStep>(&s.node)) return wanted(*l);
    if (const auto* loop = std::get_if<LoopStep>(&s.node)) return any_call(*loop->body, wanted);
    const auto* branch = std::get_if<BranchStep>(&s.node);
    return branch && (any_call(*branch->then, wanted) || any_call(*branch->otherwise, wanted));
  });
}

const StepLayout* step_of(const Layout& layout, std::int64_t id) {
  for (const StepLayout& s : layout.steps)
    if (s.id == id) return &s;
  for (const Layout& body : layout.bodies)
    if (const StepLayout* s = step_of(body, id)) return s;
  return nullptr;
}

}  // namespace

bool checks_on_device(const Program& program) {
  return any_call(program, [](const LibraryStep& l) { return l.entry >= 0 && l.function == "checked_rows"; });
}

namespace {

void* element_of(void* memory, const Tables& tables, int offset, DType dtype) {
  const std::int64_t elements = offset < 0 ? 0 : tables.extents[at(offset)];
  return static_cast<std::uint8_t*>(memory) + elements * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace

void DeviceWalker::launch(int entry, std::span<void* const> parameters, std::span<const std::int64_t> extents) const {
  const auto& launches = code_.launches[at(entry)];
  for (std::size_t i = 0; i < launches.size(); ++i) {
    void* const function = code_.functions[at(entry)][i];
    if (!launches[i].together.empty()) {
      std::int64_t blocks = 1;
      for (const Launch::Part& part : launches[i].together) blocks = std::max(blocks, blocks_of(part, extents));
      code_.driver->launch_together(function, blocks, launches[i].threads, parameters);
    } else if (std::int64_t blocks = blocks_of(launches[i], extents); blocks > 0) {
      if (launches[i].cluster > 1) blocks = std::min(blocks, most_clusters) * launches[i].cluster;
      code_.driver->launch(function, blocks, launches[i].threads, parameters);
    }
  }
}

bool is_watched(const Frame& frame) { return frame.guard || frame.nan_guard || frame.checker || !frame.costs.empty(); }

// A loop that runs not even once only copies, which needs no kernel.
bool DeviceWalker::loop(const Scope& scope, const StepLayout& s, const StepFacts& facts, bool alone) {
  const auto& l = std::get<LoopStep>(s.step->node);
  const std::int64_t trips = scope.tables.extents[at(l.trips)];
  if (!facts.as_kernel || trips <= 0 || is_watched(frame_)) return Walker::loop(scope, s, facts, alone);
  const Scope body = scope_of(scope, s.bodies[0]);
  if (!body_extents(scope, body, s, 0)) return false;
  std::vector<std::int64_t> extents;
  const auto value_of = [&](const LoopKernel::Argument& a) -> std::uint64_t {
    using Kind = LoopKernel::Argument::Kind;
    switch (a.kind) {
      case Kind::outer:
        return reinterpret_cast<std::uint64_t>(scope.tables.pointer(scope.layout, a.index));
      case Kind::own: {
        const bool constant = body.layout.groups.role[at(a.index)] == Role::constant;
        return reinterpret_cast<std::uint64_t>((constant ? body.tables.pointers : body.tables.own)[at(a.index)]);
      }
      case Kind::extent:
        extents.push_back(body.tables.extents[at(a.index)]);
        return static_cast<std::uint64_t>(extents.back());
      case Kind::outer_extent:
        return static_cast<std::uint64_t>(scope.tables.extents[at(a.index)]);
      case Kind::bytes:
        return static_cast<std::uint64_t>(scope.placement.bytes[at(a.index)]);
    }
    return 0;
  };
  std::vector<std::uint64_t> values;
  for (const LoopKernel::Argument& a : l.kernel.arguments) values.push_back(value_of(a));
  std::vector<void*> parameters;
  for (std::uint64_t& v : values) parameters.push_back(&v);
  launch(l.kernel.entry, parameters, extents);
  return true;
}

bool DeviceWalker::run_planned(const StreamPlan& plan) {
  const Scope scope{frame_.layout, frame_.prepared->facts, state_.tables, frame_.prepared->placement};
  Driver& driver = *code_.driver;
  const bool begins =
      std::any_of(plan.steps.begin(), plan.steps.end(), [](const auto& s) { return s.waits_for_begin; });
  const int begin = begins ? driver.event() : -1;
  std::vector<int> events(plan.steps.size(), -1);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const StreamPlan::Step& planned = plan.steps[i];
    driver.choose_stream(planned.stream);
    if (planned.waits_for_begin) driver.wait_for(begin);
    for (const int before : planned.waits) driver.wait_for(events[at(before)]);
    if (!step(scope, scope.layout.steps[i], scope.facts.steps[i], true) || frame_.failure()) return false;
    if (planned.awaited) events[i] = driver.event();
  }
  driver.choose_stream(0);
  for (const int before : plan.waits_at_end) driver.wait_for(events[at(before)]);
  return true;
}

void DeviceWalker::kernel(const Scope& scope, const StepLayout& s, const KernelStep& k, int, int) {
  const std::span extents = std::span(scope.tables.extent_args).subspan(at(s.extent_args), k.extents.size());
  std::vector<void*> parameters;
  for (std::size_t i = 0; i < k.buffers.size(); ++i) parameters.push_back(&scope.tables.args[at(s.args) + i]);
  for (std::int64_t& e : extents) parameters.push_back(&e);
  launch(k.entry, parameters, extents);
}

// By one function, or by the library and then, unless it wrote the result itself, one that finishes its product.
void DeviceWalker::contraction(const Scope& scope, const StepLayout& s, const StepFacts& facts, int, int) {
  const auto& c = std::get<ContractionStep>(s.step->node);
  std::vector<void*> buffers;
  for (const ContractionOperand& o : c.operands) buffers.push_back(scope.tables.pointer(scope.layout, o.buffer));
  if (facts.product) {
    multiply(scope, s, c, facts);
    if (facts.product_is_direct) return;
    buffers.insert(buffers.begin(), scope.tables.pointer(scope.layout, c.workspace));
  } else {
    buffers.insert(buffers.begin(), {scope.tables.pointer(scope.layout, c.a), scope.tables.pointer(scope.layout, c.b)});
  }
  std::vector<std::int64_t> extents;
  for (const int slot : c.whole.extents) extents.push_back(scope.tables.extents[at(slot)]);
  std::vector<void*> parameters;
  for (void*& b : buffers) parameters.push_back(&b);
  for (std::int64_t& e : extents) parameters.push_back(&e);
  launch(facts.product ? c.whole.finish : c.whole.entry, parameters, extents);
}

void DeviceWalker::multiply(const Scope& scope, const StepLayout& s, const ContractionStep& c,
                            const StepFacts& facts) const try {
  const auto element = [&](int buffer, int offset, DType storage) {
    return element_of(scope.tables.pointer(scope.layout, buffer), scope.tables, offset, storage);
  };
  const auto stored = [&](const ContractionOperand& o) { return element(o.buffer, o.offset, stored_product(c)); };
  const bool direct = facts.product_is_direct;
  const void* const bias = direct && c.whole.bias ? stored(c.operands.front()) : nullptr;
  code_.driver->multiply(*facts.product, element(c.a, c.a_offset, c.a_storage), element(c.b, c.b_offset, c.b_storage),
                         bias, direct ? stored(c.operands.back()) : element(c.workspace, -1, c.dtype));
} catch (const Error& e) {
  throw Error(about(*s.step, e.what()));
}

void DeviceWalker::library(const Scope& scope, const StepLayout& s, const LibraryStep& l, int, int) {
  if (l.entry < 0 && l.function == "conv_cudnn" && convolve(scope, s, l)) return;
  if (l.entry < 0) return library_on_host(scope, s, l);
  const std::span extents = std::span(scope.tables.extent_args).subspan(at(s.extent_args), l.extents.size());
  void* error = frame_.error_word.data();
  std::int64_t step = s.id;
  std::vector<void*> parameters;
  for (std::size_t i = 0; i < l.buffers.size(); ++i) parameters.push_back(&scope.tables.args[at(s.args) + i]);
  parameters.push_back(&error);
  for (std::int64_t& e : extents) parameters.push_back(&e);
  parameters.push_back(&step);
  launch(l.entry, parameters, extents);
}

// The workspace grows while all steps are met for the first time, and nothing is recorded yet.
bool DeviceWalker::convolve(const Scope& scope, const StepLayout& s, const LibraryStep& l) {
  const std::span<const std::int64_t> extents =
      std::span(scope.tables.extent_args).subspan(at(s.extent_args), l.extents.size());
  const auto bytes = [&](std::size_t i) { return at(scope.placement.bytes[at(l.buffers[i])]); };
  void* const* const buffers = &scope.tables.args[at(s.args)];
  Driver& driver = *code_.driver;
  if (bytes(2) > 0 && (bytes(0) == 0 || bytes(1) == 0)) {  // nothing is added up, which cuDNN refuses
    driver.fill(buffers[2], 0, bytes(2));
    return true;
  }
  if (bytes(2) == 0) return true;
  cudnn::Convolution convolution = library::cudnn_convolution(extents, l.integers);
  convolution.deterministic = flags().ordered;
  for (int i = 0; i < 3; ++i)  // what a loop's body sees may be a row of something larger
    while (reinterpret_cast<std::uintptr_t>(buffers[i]) % static_cast<std::uintptr_t>(convolution.alignment) != 0)
      convolution.alignment /= 2;
  cudnn::ConvolutionMemory memory = library::cudnn_memory({buffers, l.buffers.size()}, l.integers);
  const auto plan = driver.plan_convolution(convolution, memory);
  if (!plan) return false;
  const auto workspace = static_cast<std::size_t>(plan->workspace_bytes());
  if (workspace > frame_.workspace_bytes) {
    frame_.workspace = DeviceMemory(code_.driver, workspace);
    frame_.workspace_bytes = workspace;
  }
  memory.workspace = frame_.workspace.data();
  driver.convolve(*plan, memory);
  return true;
}

// Operands that share memory share their copy; empty ones may lie where another begins.
void DeviceWalker::library_on_host(const Scope& scope, const StepLayout& s, const LibraryStep& l) {
  std::map<void*, std::vector<std::uint8_t>> copies;
  std::vector<void*> buffers;
  for (std::size_t i = 0; i < l.buffers.size(); ++i) {
    std::vector<std::uint8_t>& copy = copies[scope.tables.args[at(s.args) + i]];
    copy.reserve(1);  // an address at least
    copy.resize(std::max(copy.size(), at(scope.placement.bytes[at(l.buffers[i])])));
  }
  for (auto& [device, copy] : copies) code_.staging->to_host(copy.data(), device, copy.size());
  for (std::size_t i = 0; i < l.buffers.size(); ++i)
    buffers.push_back(copies[scope.tables.args[at(s.args) + i]].data());
  const library::Arguments arguments{
      .buffers = buffers,
      .extents = std::span(scope.tables.extent_args).subspan(at(s.extent_args), l.extents.size()),
      .integers = l.integers,
      .reals = l.reals,
      .thread = 0,
      .threads = 1,
  };
  const int code = s.library(&state_.context, arguments);
  if (code != 0) return fail(s, code, state_.context.error_value, state_.context.error_limit, l.function);
  for (std::size_t i = 0; i < l.buffers.size(); ++i)
    if (l.writes[i])
      code_.staging->to_device(scope.tables.args[at(s.args) + i], buffers[i],
                               at(scope.placement.bytes[at(l.buffers[i])]));
}

const void* DeviceWalker::look(const void* memory, std::int64_t bytes) const {
  seen_.resize(std::max<std::size_t>(at(bytes), 1));
  code_.staging->to_host(seen_.data(), memory, at(bytes));
  return seen_.data();
}

void DeviceWalker::put(void* to, const void* from, std::int64_t bytes) const {
  code_.staging->to_device(to, from, at(bytes));
}
void DeviceWalker::move(void* to, const void* from, std::int64_t bytes) const {
  code_.driver->copy(to, from, at(bytes));
}
void DeviceWalker::fill(void* to, std::uint8_t byte, std::int64_t bytes) const {
  code_.driver->fill(to, byte, at(bytes));
}

std::shared_ptr<Storage> new_on_device(Frame& frame, int root, std::size_t bytes) {
  constexpr std::size_t most_kept = 3;
  auto& kept = frame.made[root];
  for (const std::shared_ptr<const Remote>& memory : kept)
    if (memory.use_count() == 1) return Storage::elsewhere(bytes, memory);
  const auto memory = std::make_shared<const DeviceValue>(frame.device->staging, bytes);
  if (kept.size() < most_kept) kept.push_back(memory);
  return Storage::elsewhere(bytes, memory);
}

DevicePorts::DevicePorts(Frame& frame, const std::vector<Array>& arrays) : frame_(frame), arrays_(arrays) {
  // First what has a value, then what is written, which may be the same memory.
  for (const bool given : {true, false})
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      const Role role = frame_.layout.groups.role[i];
      if (arrays_[i].empty() || given != (role == Role::input || role == Role::shared)) continue;
      const auto [home, fresh] = homes_.try_emplace(arrays_[i].storage().get());
      if (fresh) home->second = place(static_cast<int>(i), arrays_[i], given);
      frame_.states[0].tables.set_pointer(frame_.layout, static_cast<int>(i), home->second);
    }
}

// Null if it is not on this device.
const DeviceValue* DevicePorts::value_of(const Array& array) {
  const std::shared_ptr<const Remote> remote = array.storage()->remote();
  const auto* value = dynamic_cast<const DeviceValue*>(remote.get());
  if (!value || value->driver() != frame_.device->driver.get()) return nullptr;
  held_.push_back(remote);
  return value;
}

void* DevicePorts::place(int root, const Array& array, bool given) {
  const DeviceCode& device = *frame_.device;
  const DeviceValue* value = value_of(array);
  void* memory = nullptr;
  if (value) {
    memory = value->data();
  } else if (frame_.layout.groups.role[static_cast<std::size_t>(root)] == Role::shared) {
    auto copy = std::make_shared<const DeviceValue>(device.staging, array.bytes());
    device.staging->to_device(copy->data(), array.data(), array.bytes());
    array.storage()->mirror(copy);
    held_.push_back(copy);
    return copy->data();
  } else {
    DeviceMemory& own = frame_.ports[root];
    if (!own.data()) own = DeviceMemory(device.driver, array.bytes());
    memory = own.data();
    if (given) device.staging->to_device(memory, array.data(), array.bytes());
  }
  if (!given && frame_.nan_guard) device.driver->fill(memory, 0, array.bytes());
  return memory;
}

void DevicePorts::finish() const {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Role role = frame_.layout.groups.role[i];
    if (arrays_[i].empty() || (role != Role::output && role != Role::update)) continue;
    Storage& storage = *arrays_[i].storage();
    void* const home = homes_.at(&storage);
    const bool stays = std::any_of(held_.begin(), held_.end(), [&](const auto& remote) {
      return static_cast<const DeviceValue*>(remote.get())->data() == home;
    });
    if (stays)
      storage.leave();
    else
      frame_.device->staging->to_host(storage.data(), home, arrays_[i].bytes());
  }
}

std::vector<void*> DevicePorts::addresses() const {
  std::vector<void*> all;
  for (std::size_t i = 0; i < arrays_.size(); ++i)
    if (!arrays_[i].empty()) all.push_back(frame_.states[0].tables.pointers[i]);
  return all;
}

namespace {

// What the device's checks found, as a failure of the one thread that walked.
void look_for_failure(Frame& frame) {
  std::int64_t word[4] = {};
  frame.device->staging->to_host(word, frame.error_word.data(), sizeof word);
  if (word[0] == 0) return;
  Failure& f = frame.states[0].failure;
  f = {0, static_cast<int>(word[0]), step_of(frame.layout, word[1]), word[2], word[3], {}, 0, 0};
  BITALE_ASSERT(f.step, "the error word names no step");
}

}  // namespace

void run_on_device(Frame& frame, const std::vector<Array>& arrays) {
  const DevicePorts ports(frame, arrays);
  const bool checks = frame.device->checks;
  if (checks) {
    if (!frame.error_word.data()) frame.error_word = DeviceMemory(frame.device->driver, 4 * sizeof(std::int64_t));
    frame.device->driver->fill(frame.error_word.data(), 0, 4 * sizeof(std::int64_t));
  }
  run_or_replay(frame, ports.addresses());
  if (checks && !frame.failure()) look_for_failure(frame);
  if (!frame.failure()) ports.finish();
}

}  // namespace bitale::executor
