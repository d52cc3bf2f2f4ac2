#include "runtime/executor/recording.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/executor/device.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr double most_recorded = 20000;     // requests of a recording: of a loop, all of its steps are
constexpr std::size_t most_recordings = 8;  // of a frame

// How many requests the steps are; infinitely many if one of them cannot be recorded.
double requests_of(const Layout& layout, const Facts& facts, const Tables& tables, const Driver& driver) {
  constexpr double never = std::numeric_limits<double>::infinity();
  double requests = 0;
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const StepLayout& s = layout.steps[i];
    const auto* loop = std::get_if<LoopStep>(&s.step->node);
    if (facts.steps[i].as_kernel && tables.extents[at(loop->trips)] > 0) {
      ++requests;
    } else if (std::holds_alternative<KernelStep>(s.step->node) || std::holds_alternative<CopyStep>(s.step->node)) {
      ++requests;
    } else if (std::holds_alternative<ContractionStep>(s.step->node)) {
      requests += 2;  // a product and what finishes it
    } else if (const auto* call = std::get_if<LibraryStep>(&s.step->node); call && call->entry >= 0) {
      requests += 2;
    } else if (call && call->function == "conv_cudnn" && driver.why_not_convolve().empty()) {
      ++requests;
    } else if (loop && loop->until < 0 && loop->first < 0 && loop->ended < 0 && loop->trips_taken < 0) {
      const auto body = at(s.bodies[0]);
      const double trips = static_cast<double>(tables.extents[at(loop->trips)]),
                   inner = requests_of(layout.bodies[body], facts.bodies[body], tables.bodies[body], driver);
      requests += inner == never ? never : trips * (inner + static_cast<double>(loop->bindings.size()));
    } else {
      return never;
    }
  }
  return requests;
}

bool is_recordable(const Frame& frame) {
  if (is_watched(frame)) return false;
  return requests_of(frame.layout, frame.prepared->facts, frame.states[0].tables, *frame.device->driver) <=
         most_recorded;
}

class Uses {
 public:
  explicit Uses(const Frame& frame)
      : frame_(frame), code_(*frame.device), tables_(frame.states[0].tables), placement_(frame.prepared->placement) {}

  StepUse of(const StepLayout& step, const StepFacts& facts) {
    use_ = {};
    std::visit([&](const auto& node) { touch(node, step, facts); }, step.step->node);
    return std::move(use_);
  }

 private:
  void touch(const KernelStep& k, const StepLayout& step, const StepFacts&) {
    buffers(step);
    entry(k.entry);
  }
  void touch(const CopyStep&, const StepLayout& step, const StepFacts&) { buffers(step); }

  // The workspace is for a product by the library that does not go straight to its operand.
  void touch(const ContractionStep& c, const StepLayout& step, const StepFacts& facts) {
    buffers(step, facts.product && !facts.product_is_direct ? -1 : c.workspace);
    if (facts.product) stands_for(code_.driver.get());
    const int finish = facts.product_is_direct ? -1 : c.whole.finish;
    entry(facts.product ? finish : c.whole.entry);
  }

  void touch(const LibraryStep& l, const StepLayout& step, const StepFacts&) {
    buffers(step);
    entry(l.entry);
    if (l.entry >= 0)
      stands_for(&frame_.error_word);
    else if (l.function == "conv_cudnn")
      stands_for(&frame_.workspace);
    else
      use_.alone = true;
  }

  // The memory of its body is the kernel's for as long as it runs.
  void touch(const LoopStep& l, const StepLayout& step, const StepFacts& facts) {
    use_.alone = !facts.as_kernel || tables_.extents[at(l.trips)] <= 0;
    if (use_.alone) return;
    buffers(step);
    entry(l.kernel.entry);
    const auto number = at(step.bodies[0]);
    const Placement& p = placement_.bodies[number];
    for (std::size_t b = 0; b < p.offsets.size(); ++b)
      if (p.offsets[b] >= 0) memory(tables_.bodies[number].own[b], (p.bytes[b] + 63) / 64 * 64 * p.pieces[b], true);
  }

  void touch(const BranchStep&, const StepLayout&, const StepFacts&) { use_.alone = true; }
  void touch(const BlockedStep&, const StepLayout&, const StepFacts&) { use_.alone = true; }
  void touch(const CheckStep&, const StepLayout&, const StepFacts&) { use_.alone = true; }

  void memory(const void* begin, std::int64_t bytes, bool written) { use_.memory.push_back({begin, bytes, written}); }
  void buffers(const StepLayout& step, int but = -1) {
    for_each_buffer(*step.step, [&](int b, bool written) {
      if (b != but) memory(tables_.pointer(frame_.layout, b), placement_.bytes[at(b)], written);
    });
  }

  // What is not memory of the device: by the address of an object of the host, where no memory of the device is.
  void stands_for(const void* object) { memory(object, 1, true); }

  // Where several blocks work on one sum, or all wait for each other, they meet in memory of their module.
  void entry(int number) {
    if (number < 0) return;
    for (const Launch& launch : code_.launches[at(number)]) {
      if (launch.least > 1 || !launch.together.empty()) stands_for(code_.modules[at(launch.image)].get());
      if (!launch.together.empty()) stands_for(&code_);
    }
  }

  const Frame& frame_;
  const DeviceCode& code_;
  const Tables& tables_;
  const Placement& placement_;
  StepUse use_;
};

int most_streams() {
  const std::int64_t asked = flags().streams;
  if (asked < 1 || asked > 64) throw Error(fmt::format("BITALE_STREAMS is {}, expected 1 to 64", asked));
  return static_cast<int>(asked);
}

// What was recorded is not whole: the driver may find fault with it, but nobody wants it.
void drop(Driver& driver) {
  try {
    driver.recorded();
  } catch (const std::exception&) {
  }
}

// Null if a step failed.
std::shared_ptr<const Driver::Recording> record(Frame& frame) {
  const StreamPlan plan = plan_streams(uses_of(frame), most_streams());
  if (log_enabled(2))
    log(2, fmt::format("{}: recorded on {} of the device's streams: {} steps, of which {} follow each other, {} waits",
                       frame.layout.program->name, plan.streams, plan.steps.size(), plan.longest, plan.waits()));
  if (log_enabled(3)) log(3, to_string(plan));
  Driver& driver = *frame.device->driver;
  driver.record(plan.streams);
  bool whole = false;
  try {
    whole = DeviceWalker(frame.states[0]).run_planned(plan);
  } catch (...) {
    drop(driver);
    throw;
  }
  if (whole) return driver.recorded();
  drop(driver);
  return nullptr;
}

}  // namespace

std::vector<StepUse> uses_of(const Frame& frame) {
  Uses uses(frame);
  std::vector<StepUse> all;
  for (std::size_t i = 0; i < frame.layout.steps.size(); ++i)
    all.push_back(uses.of(frame.layout.steps[i], frame.prepared->facts.steps[i]));
  return all;
}

void run_or_replay(Frame& frame, const std::vector<void*>& addresses) {
  if (!is_recordable(frame)) return void(DeviceWalker(frame.states[0]).run_all());
  auto& known = frame.recordings;
  const auto found = std::find_if(known.begin(), known.end(), [&](const auto& r) { return r.first == addresses; });
  if (found == known.end()) {
    if (known.size() == most_recordings) known.erase(known.begin());
    known.emplace_back(addresses, nullptr);
    DeviceWalker(frame.states[0]).run_all();
    return;
  }
  if (!found->second) found->second = record(frame);
  if (!frame.failure()) frame.device->driver->replay(*found->second);
}

}  // namespace bitale::executor
