#include "runtime/executor/tune.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/stopwatch.h"
#include "runtime/executor/contraction.h"
#include "runtime/executor/matrix_call.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr int rounds = 5;               // of which the best counts: what disturbs only adds
constexpr double round_seconds = 1e-3;  // of one candidate, if it is fast enough for more than one run
constexpr int most_repeats = 200;

// The epilogue counts by the number of its operands: what it computes costs both candidates the same.
std::string key_of(const ContractionStep& s, const MatrixForm& form, const StepFacts& facts, const std::string& target,
                   int threads) {
  const ContractionBlocking& b = facts.blocking;
  return fmt::format("{} {} {}x{}x{}x{} {}{} tile {}x{} threads {} operands {}{}{}", target, name_of(s.dtype), b.batch,
                     b.m, b.k, b.n, form.trans_a ? 't' : 'n', form.trans_b ? 't' : 'n', s.tile.mr, s.tile.nr, threads,
                     s.operands.size(), facts.kept[0] < 0 ? "" : " kept a", facts.kept[1] < 0 ? "" : " kept b");
}

// Runs of one step on a frame of its own.
class Measurement {
 public:
  Measurement(Frame& frame, const ContractionStep& step, const StepFacts& facts, const MatrixForm& form)
      : frame_(frame),
        step_(step),
        facts_(facts),
        form_(form),
        function_(matrix_function(step.dtype)),
        threads_(facts.serial ? 1 : frame.threads) {}

  TuningRecord run() {
    run_region(threads_, [&](int thread) {
      for (const bool openblas : {false, true}) repeat(thread, openblas, 1);  // code and pages are there afterwards
      for (int round = 0; round < rounds; ++round)
        for (const bool openblas : {false, true}) repeat(thread, openblas, repeats_[openblas]);
    });
    return {best_[0], best_[1]};
  }

 private:
  void repeat(int thread, bool openblas, int repeats) {
    frame_.barrier.wait(threads_);
    const Stopwatch watch;
    for (int i = 0; i < repeats; ++i) {
      once(thread, openblas);
      frame_.barrier.wait(threads_);
    }
    if (thread == 0) {
      const double seconds = std::max(watch.seconds() / repeats, 1e-9);
      best_[openblas] = std::min(best_[openblas], seconds);
      repeats_[openblas] = std::clamp(static_cast<int>(round_seconds / best_[openblas]), 1, most_repeats);
    }
    frame_.barrier.wait(threads_);
  }

  void once(int thread, bool openblas) {
    ThreadState& state = frame_.states[at(thread)];
    const Prepared& p = *frame_.prepared;
    const ContractionCall call =
        contraction_call(state, {frame_.layout, p.facts, state.tables, p.placement}, step_, facts_);
    if (openblas)
      run_matrix_call(call, form_, function_, thread, threads_);
    else
      run_contraction(call, thread, threads_);
  }

  Frame& frame_;
  const ContractionStep& step_;
  const StepFacts& facts_;
  const MatrixForm& form_;
  const library::LibraryFn function_;
  const int threads_;
  double best_[2] = {std::numeric_limits<double>::max(), std::numeric_limits<double>::max()};
  int repeats_[2] = {1, 1};
};

// A frame in which every buffer and every kept pack has memory of its own, all zeros.
struct Scratch {
  Scratch(const Layout& layout, const std::shared_ptr<Prepared>& prepared, const Functions& functions)
      : frame(layout, prepared, functions, nullptr) {
    frame.begin(false);
    for (const auto& piece : frame.memory) std::memset(piece->data(), 0, piece->size());
    for (std::size_t i = 0; i < layout.program->buffers.size(); ++i) {
      const Role role = layout.groups.role[i];
      if (layout.groups.root[i] != static_cast<int>(i)) continue;
      if (role != Role::input && role != Role::shared && role != Role::output && role != Role::update) continue;
      memory.push_back(Storage::allocate(at(prepared->placement.bytes[i])));
      std::memset(memory.back()->data(), 0, memory.back()->size());
      for (ThreadState& s : frame.states) s.tables.set_pointer(layout, static_cast<int>(i), memory.back()->data());
    }
    for (const KeptPack& k : prepared->kept) {
      const auto pack = Storage::allocate(at(k.shape.bytes));
      std::memset(pack->data(), 0, pack->size());
      frame.packs.push_back(pack);
    }
  }
  Frame frame;
  std::vector<std::shared_ptr<Storage>> memory;
};

bool has_openblas(DType dtype) {
  try {
    matrix_function(dtype);
    return true;
  } catch (const Error&) {
    return false;  // there is nothing to choose from
  }
}

}  // namespace

void tune(const Layout& layout, const Functions& functions, const std::string& target,
          const std::shared_ptr<Prepared>& prepared, TuningRecords& records, std::vector<TuningChoice>& choices) {
  std::unique_ptr<Scratch> scratch;
  std::vector<std::pair<std::size_t, MatrixForm>> by_openblas;
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const Step& step = *layout.steps[i].step;
    const auto* s = std::get_if<ContractionStep>(&step.node);
    if (!s || candidate_of(*s) != ContractionCandidate::tuned || !has_openblas(s->dtype)) continue;
    const StepFacts& facts = prepared->facts.steps[i];
    const auto form = matrix_form(*s, prepared->placement.extents);
    if (!form) continue;
    const int threads = facts.serial ? 1 : prepared->placement.threads;
    TuningChoice choice{step.label, key_of(*s, *form, facts, target, threads), {}, false};
    if (const auto known = records.find(choice.key)) {
      choice.record = *known;
    } else {
      if (!scratch) scratch = std::make_unique<Scratch>(layout, prepared, functions);
      choice.record = Measurement(scratch->frame, *s, facts, *form).run();
      choice.measured = true;
      records.add(choice.key, choice.record);
    }
    if (choice.record.faster() == ContractionCandidate::openblas) by_openblas.emplace_back(i, *form);
    choices.push_back(std::move(choice));
  }
  for (const auto& [i, form] : by_openblas)
    prepared->run_by_matrix_call(i, form, matrix_function(std::get<ContractionStep>(layout.steps[i].step->node).dtype));
}

std::optional<TuningRecord> TuningRecords::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto it = records_.find(key);
  return it == records_.end() ? std::nullopt : std::optional(it->second);
}

void TuningRecords::add(const std::string& key, const TuningRecord& record) {
  const std::lock_guard lock(mutex_);
  records_[key] = record;
}

std::string to_string(const TuningChoice& c) {
  const bool openblas = c.record.faster() == ContractionCandidate::openblas;
  return fmt::format("{}: {}, {} (generated {:.4f} ms, OpenBLAS {:.4f} ms; {})", c.label, c.key,
                     openblas ? "OpenBLAS" : "generated", c.record.generated * 1e3, c.record.openblas * 1e3,
                     c.measured ? "measured" : "remembered");
}

}  // namespace bitale::executor
