#include "runtime/executor/streams.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/error.h"

namespace bitale::executor {
namespace {

constexpr int nobody = -1;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Who touched which piece of memory last.
class Users {
 public:
  // The steps that this one depends on for this memory are added to `before`, itself perhaps among them.
  void touch(int step, const MemoryUse& use, std::vector<int>& before) {
    if (use.bytes <= 0) return;
    const auto begin = reinterpret_cast<std::uintptr_t>(use.begin),
               end = begin + static_cast<std::uintptr_t>(use.bytes);
    split(begin);
    split(end);
    for (std::uintptr_t here = begin; here < end;) {
      auto piece = pieces_.lower_bound(here);
      if (piece == pieces_.end() || piece->first > here) {  // nobody touched what lies before it
        const std::uintptr_t next = piece == pieces_.end() ? end : std::min(end, piece->first);
        piece = pieces_.emplace_hint(piece, here, Piece{next, nobody, {}});
      }
      touch(step, use.written, piece->second, before);
      here = piece->second.end;
    }
  }
  void forget() { pieces_.clear(); }

 private:
  struct Piece {
    std::uintptr_t end = 0;
    int writer = nobody;
    std::vector<int> readers;  // since then
  };

  static void touch(int step, bool written, Piece& piece, std::vector<int>& before) {
    if (piece.writer != nobody) before.push_back(piece.writer);
    if (!written) return piece.readers.push_back(step);
    before.insert(before.end(), piece.readers.begin(), piece.readers.end());
    piece.writer = step;
    piece.readers.clear();
  }

  // No piece goes on across it.
  void split(std::uintptr_t where) {
    auto next = pieces_.lower_bound(where);
    if (next == pieces_.begin()) return;
    Piece& piece = std::prev(next)->second;
    if (piece.end <= where) return;
    Piece rest = piece;
    piece.end = where;
    pieces_.emplace_hint(next, where, std::move(rest));
  }

  std::map<std::uintptr_t, Piece> pieces_;  // by begin; they do not overlap
};

// By step: what it depends on, in order. Of what a step that is alone depends on only the latest such step is named.
std::vector<std::vector<int>> dependencies(std::span<const StepUse> steps) {
  std::vector<std::vector<int>> all;
  Users users;
  int alone = nobody;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    std::vector<int> before;
    if (alone != nobody) before.push_back(alone);
    if (steps[s].alone) {
      users.forget();
      alone = static_cast<int>(s);
    }
    for (const MemoryUse& use : steps[s].memory) users.touch(static_cast<int>(s), use, before);
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
    std::erase(before, static_cast<int>(s));
    all.push_back(std::move(before));
  }
  return all;
}

class Planner {
 public:
  Planner(std::span<const StepUse> steps, int most_streams)
      : steps_(steps),
        before_(dependencies(steps)),
        heir_(heirs()),
        tails_(at(most_streams), nobody),
        lengths_(steps.size()) {}

  StreamPlan run() && {
    for (int s = 0; at(s) < steps_.size(); ++s) add(s);
    Known known = known_to(tails_[0]);
    plan_.waits_at_end = waits(tails_, 0, known);
    plan_.streams = std::max<int>(
        1,
        static_cast<int>(tails_.size() - static_cast<std::size_t>(std::count(tails_.begin(), tails_.end(), nobody))));
    return std::move(plan_);
  }

 private:
  // By stream: the last of its steps that is known to be over; nobody: none is.
  using Known = std::vector<int>;

  // By step: of those that depend on it the one that most steps follow, which is best on the same stream.
  std::vector<int> heirs() const {
    std::vector<int> heir(before_.size(), nobody), height(before_.size(), 0);
    for (std::size_t s = before_.size(); s-- > 0;)
      for (const int d : before_[s]) {
        if (heir[at(d)] != nobody && height[s] < height[at(heir[at(d)])]) continue;
        heir[at(d)] = static_cast<int>(s);
        height[at(d)] = std::max(height[at(d)], height[s] + 1);
      }
    return heir;
  }

  void add(int s) {
    const std::vector<int>& before = steps_[at(s)].alone ? tails_ : before_[at(s)];
    const int stream = steps_[at(s)].alone ? 0 : choose(s);
    StreamPlan::Step step;
    step.stream = stream;
    const int tail = tails_[at(stream)];
    Known known = known_to(tail);
    step.waits = waits(before, stream, known);
    step.waits_for_begin = stream > 0 && tail == nobody && step.waits.empty();
    int length = tail == nobody ? 0 : lengths_[at(tail)];
    for (const int w : step.waits) length = std::max(length, lengths_[at(w)]);
    lengths_[at(s)] = length + 1;
    plan_.longest = std::max(plan_.longest, length + 1);
    known[at(stream)] = s;
    known_.push_back(std::move(known));
    tails_[at(stream)] = s;
    plan_.steps.push_back(std::move(step));
  }

  Known known_to(int step) const { return step == nobody ? Known(tails_.size(), nobody) : known_[at(step)]; }

  static void merge(Known& known, const Known& more) {
    for (std::size_t i = 0; i < known.size(); ++i) known[i] = std::max(known[i], more[i]);
  }

  // Which of `before` a stream has to wait for. Later steps may imply earlier ones, never the other way round.
  std::vector<int> waits(std::vector<int> before, int stream, Known& known) {
    std::sort(before.begin(), before.end(), std::greater<>());
    std::vector<int> waits;
    for (const int b : before) {
      if (b == nobody || plan_.steps[at(b)].stream == stream || known[at(plan_.steps[at(b)].stream)] >= b) continue;
      waits.push_back(b);
      plan_.steps[at(b)].awaited = true;
      merge(known, known_[at(b)]);
    }
    return waits;
  }

  // Where nothing has to be waited for that the step does not depend on, if there is such a stream.
  int choose(int s) const {
    Known known(tails_.size(), nobody);
    for (const int d : before_[at(s)]) merge(known, known_[at(d)]);
    int best = nobody, best_rank = 0;
    for (int stream = 0; at(stream) < tails_.size(); ++stream) {
      const int tail = tails_[at(stream)], heir = tail == nobody ? nobody : heir_[at(tail)];
      const bool free = tail <= known[at(stream)];
      const int rank = !free ? 1 : heir == s ? 5 : heir > s ? 2 : tail != nobody ? 4 : 3;
      const bool better = rank > best_rank || (rank == best_rank && rank == 5 && tail > tails_[at(best)]) ||
                          (rank == best_rank && rank == 1 && tail < tails_[at(best)]);
      if (better) best = stream, best_rank = rank;
    }
    return best;
  }

  const std::span<const StepUse> steps_;
  const std::vector<std::vector<int>> before_;
  const std::vector<int> heir_;
  std::vector<int> tails_;  // by stream: its last step so far
  std::vector<int> lengths_;
  std::vector<Known> known_;  // by step: when it is over
  StreamPlan plan_;
};

}  // namespace

int StreamPlan::waits() const {
  std::size_t n = waits_at_end.size();
  for (const Step& s : steps) n += s.waits.size() + (s.waits_for_begin ? 1 : 0);
  return static_cast<int>(n);
}

StreamPlan plan_streams(std::span<const StepUse> steps, int most_streams) {
  BITALE_ASSERT(most_streams >= 1, "a plan for no streams");
  return Planner(steps, most_streams).run();
}

std::string to_string(const StreamPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const StreamPlan::Step& s = plan.steps[i];
    text += fmt::format("{}: stream {}{}{}\n", i, s.stream, s.waits_for_begin ? ", after the beginning" : "",
                        s.waits.empty() ? "" : fmt::format(", after {}", fmt::join(s.waits, ", ")));
  }
  return text + fmt::format("end{}\n", plan.waits_at_end.empty()
                                           ? ""
                                           : fmt::format(", after {}", fmt::join(plan.waits_at_end, ", ")));
}

}  // namespace bitale::executor
