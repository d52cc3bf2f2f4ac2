// Placement: best fit in order of size.
#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/memory/array.h"
#include "runtime/program/carries.h"
#include "runtime/program/contraction_workspace.h"
#include "runtime/program/device_product.h"
#include "runtime/program/extents.h"
#include "runtime/program/fit.h"
#include "runtime/program/groups.h"
#include "runtime/program/matrix_form.h"
#include "runtime/program/placement.h"

namespace bitale::program {
namespace {

constexpr std::int64_t unit = 64;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t rounded(std::int64_t bytes) { return (bytes + unit - 1) / unit * unit; }

std::int64_t machine_limit() {
  const std::int64_t bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return bytes > 0 ? bytes : std::int64_t{1} << 46;
}

class Placer {
 public:
  Placer(const Program& program, std::vector<std::int64_t> extents, int threads, const LoopStep* loop, bool body)
      : program_(program), groups_(program), body_(body), loop_(loop) {
    out_.extents = std::move(extents);
    out_.threads = threads;
  }

  Placement run() {
    measure();
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      for_each_buffer(program_.steps[s], [&](int b, bool) { touch(b, static_cast<int>(s)); });
      bodies(program_.steps[s], static_cast<int>(s));
    }
    if (loop_ && loop_->kernel.entry >= 0) live_in_groups();
    lives_of_bodies_and_buffers();
    check_sizes();
    const Fit fit = best_fit(items_);
    out_.arena_bytes = fit.total;
    assign(fit);
    return std::move(out_);
  }

 private:
  struct Touched {
    int first = std::numeric_limits<int>::max(), last = -1;
  };

  void touch(int buffer, int step) {
    Touched& t = touched_[at(groups_.root[at(buffer)])];
    t.first = std::min(t.first, step);
    t.last = std::max(t.last, step);
  }

  // Steps of one group may run at the same time: what one of them touches lives for all of them.
  void live_in_groups() {
    std::vector<std::pair<int, int>> of_step;  // the first and the last of its group
    for (const int steps : loop_->kernel.groups) {
      const int first = static_cast<int>(of_step.size());
      of_step.insert(of_step.end(), at(steps), {first, first + steps - 1});
    }
    for (Touched& t : touched_) {
      if (t.last < 0) continue;
      t.first = of_step[at(t.first)].first;
      t.last = of_step[at(t.last)].second;
    }
  }

  std::vector<std::int64_t> shape_of(const Buffer& b) const {
    std::vector<std::int64_t> shape;
    shape.reserve(b.dims.size());
    for (const int slot : b.dims) shape.push_back(out_.extents[at(slot)]);
    return shape;
  }

  std::int64_t bytes_of(const Buffer& b) const {
    const std::vector<std::int64_t> shape = shape_of(b);
    std::int64_t bytes = 0;
    try {
      if (__builtin_mul_overflow(element_count(shape), static_cast<std::int64_t>(size_of(b.storage)), &bytes) ||
          bytes > std::numeric_limits<std::int64_t>::max() / 4096)
        throw Error("more bytes than a machine has");
    } catch (const Error& e) {
      throw Error(fmt::format("buffer '{}' {} {} of program '{}': {}", b.name, name_of(b.storage), shape_text(shape),
                              program_.name, e.what()));
    }
    return bytes;
  }

  void measure() {
    const std::size_t n = program_.buffers.size();
    touched_.resize(n);
    local_.resize(n);
    out_.offsets.assign(n, -1);
    out_.pieces.assign(n, 1);
    for (const Buffer& b : program_.buffers) out_.bytes.push_back(bytes_of(b));
    for (std::size_t i = 0; i < n; ++i) {
      const int target = program_.buffers[i].alias_of;
      BITALE_ASSERT(target < 0 || out_.bytes[i] == out_.bytes[at(target)],
                    fmt::format("buffer '{}' ({} bytes) is an alias of '{}' ({} bytes)", program_.buffers[i].name,
                                out_.bytes[i], program_.buffers[at(target)].name, out_.bytes[at(target)]));
    }
    for (const Step& step : program_.steps) {
      if (const auto* b = std::get_if<BlockedStep>(&step.node))
        for (const int buffer : b->local) local_[at(buffer)] = true;
      contractions(step, out_.threads);
      if (deals_rows()) contractions(step, 1, out_.threads);
    }
  }

  // Of the body of a loop whose threads do not wait for each other between steps.
  bool deals_rows() const { return loop_ && loop_->rows >= 0; }

  // A contraction reaches only elements that its buffers have.
  void check_reach(const ContractionStep& c, const std::string& label, int buffer, int offset, int whose) const {
    const auto value = [&](int slot) { return slot < 0 ? 0 : out_.extents[at(slot)]; };
    Reach reach{value(offset), value(offset), false, false};
    for (const auto* group : {&c.batch, &c.m, &c.n, &c.k})
      for (const ContractionDim& d : *group)
        reach.extend(value(d.extent), value(whose == -2 ? d.a : whose == -1 ? d.b : d.operands[at(whose)]));
    if (reach.empty) return;
    const std::int64_t count =
        out_.bytes[at(buffer)] / static_cast<std::int64_t>(size_of(program_.buffers[at(buffer)].storage));
    BITALE_ASSERT(!reach.overflow && reach.low >= 0 && reach.high < count,
                  fmt::format("contraction '{}' reaches elements {} to {} of '{}', which has {}", label, reach.low,
                              reach.high, program_.buffers[at(buffer)].name, count));
  }

  void check_reach(const ContractionStep& c, const std::string& label) const {
    check_reach(c, label, c.a, c.a_offset, -2);
    check_reach(c, label, c.b, c.b_offset, -1);
    for (std::size_t i = 0; i < c.operands.size(); ++i)
      check_reach(c, label, c.operands[i].buffer, c.operands[i].offset, static_cast<int>(i));
  }

  // The workspace of a contraction is as large as its plan says; on a device, as the product of its library.
  void contractions(const Step& step, int threads, int shares = 1) {
    if (const auto* c = std::get_if<ContractionStep>(&step.node)) {
      check_reach(*c, step.label);
      if (c->whole.entry >= 0) {
        if (const auto p = device_product(*c, out_.extents))
          out_.bytes[at(c->workspace)] = std::max(out_.bytes[at(c->workspace)], p->workspace_bytes);
        return;
      }
      std::int64_t& bytes = out_.bytes[at(c->workspace)];
      bytes = std::max(bytes, plan_contraction(*c, out_.extents, threads, shares).workspace_bytes);
      if (candidate_of(*c) != ContractionCandidate::generated)
        if (const auto form = matrix_form(*c, out_.extents)) bytes = std::max(bytes, form->workspace_bytes);
    } else if (const auto* b = std::get_if<BlockedStep>(&step.node)) {
      for (const Step& inner : b->steps) contractions(inner, 1);
    }
  }

  void add(std::int64_t bytes, int first, int last, int buffer, int step) {
    items_.push_back({rounded(bytes), first, last});
    owners_.push_back({buffer, step});
  }

  // The bodies of one step never run at once: they share one piece.
  void bodies(const Step& step, int number) {
    const std::size_t before = out_.bodies.size();
    if (const auto* l = std::get_if<LoopStep>(&step.node)) {
      body(*l->body, l);
      check_bindings(*l, out_.bodies.back());
    } else if (const auto* b = std::get_if<BranchStep>(&step.node)) {
      body(*b->then, nullptr);
      check_bindings(b->then_bindings, *b->then, out_.bodies.back());
      body(*b->otherwise, nullptr);
      check_bindings(b->otherwise_bindings, *b->otherwise, out_.bodies.back());
    }
    if (out_.bodies.size() == before) return;
    std::int64_t bytes = 0;
    for (std::size_t i = before; i < out_.bodies.size(); ++i) bytes = std::max(bytes, out_.bodies[i].arena_bytes);
    body_steps_.resize(out_.bodies.size(), number);
    add(bytes, number, number, -1, number);
  }

  // loop: whose body it is, if it is one's.
  void body(const Program& program, const LoopStep* loop) {
    out_.bodies.push_back(
        Placer(program, evaluate_body_extents(program, out_.extents), out_.threads, loop, true).run());
  }

  void same_bytes(const Program& body, int outer, int inner, std::int64_t outer_bytes, std::int64_t inner_bytes) const {
    BITALE_ASSERT(outer_bytes == inner_bytes,
                  fmt::format("'{}' ({} bytes) is bound to '{}' of '{}' ({} bytes)", program_.buffers[at(outer)].name,
                              outer_bytes, body.buffers[at(inner)].name, body.name, inner_bytes));
  }

  // The blocks lie in the outer buffer and cover it.
  void check_blocks(const Program& body, int outer, int inner, std::int64_t trips, std::int64_t block) const {
    const std::int64_t bytes = out_.bytes[at(outer)];
    std::int64_t covered = 0;
    BITALE_ASSERT(
        (trips == 0 || block <= bytes) && !__builtin_mul_overflow(trips, block, &covered) && covered >= bytes,
        fmt::format("'{}' ({} bytes) is bound to {} blocks '{}' of '{}' ({} bytes)", program_.buffers[at(outer)].name,
                    bytes, trips, body.buffers[at(inner)].name, body.name, block));
  }

  void check_bindings(const LoopStep& loop, const Placement& body) const {
    const std::int64_t trips = out_.extents[at(loop.trips)];
    if (trips < 0)
      throw Error(
          fmt::format("the loop '{}' of program '{}' would run {} times", loop.body->name, program_.name, trips));
    for (const LoopBinding& b : loop.bindings)
      if (b.kind == BindingKind::carry)
        BITALE_ASSERT(
            body.bytes[at(b.inner_in)] == body.bytes[at(b.inner_out)],
            fmt::format("'{}' ({} bytes) of '{}' is carried to '{}' ({} bytes)",
                        loop.body->buffers[at(b.inner_out)].name, body.bytes[at(b.inner_out)], loop.body->name,
                        loop.body->buffers[at(b.inner_in)].name, body.bytes[at(b.inner_in)]));
    for (const LoopBinding& b : loop.bindings)
      for (const auto& [outer, inner] : {std::pair(b.outer_in, b.inner_in), std::pair(b.outer_out, b.inner_out)}) {
        if (outer < 0) continue;
        const bool rows = b.kind == BindingKind::sequence || b.kind == BindingKind::stacked;
        if (!rows) {
          same_bytes(*loop.body, outer, inner, out_.bytes[at(outer)], body.bytes[at(inner)]);
          continue;
        }
        if (b.blocks) {
          check_blocks(*loop.body, outer, inner, trips, body.bytes[at(inner)]);
          continue;
        }
        const std::int64_t count = out_.extents[at(program_.buffers[at(outer)].dims.at(0))];
        if (count < trips)
          throw Error(fmt::format("the loop '{}' runs {} times, but '{}' has {} rows", loop.body->name, trips,
                                  program_.buffers[at(outer)].name, count));
        if (count > 0) same_bytes(*loop.body, outer, inner, out_.bytes[at(outer)] / count, body.bytes[at(inner)]);
      }
  }

  void check_bindings(const std::vector<BranchStep::Binding>& bindings, const Program& inner,
                      const Placement& body) const {
    for (const BranchStep::Binding& b : bindings)
      same_bytes(inner, b.outer, b.inner, out_.bytes[at(b.outer)], body.bytes[at(b.inner)]);
  }

  void lives_of_bodies_and_buffers() {
    const int last_step = static_cast<int>(program_.steps.size()) - 1;
    const std::optional<Carries> carries = loop_ ? std::optional<Carries>(*loop_) : std::nullopt;
    for (std::size_t i = 0; i < program_.buffers.size(); ++i) {
      if (groups_.root[i] != static_cast<int>(i)) continue;
      const Role role = groups_.role[i];
      const bool output_of_body = body_ && role == Role::output;
      if (role != Role::temporary && role != Role::workspace && !output_of_body) continue;
      if (touched_[i].last < 0) continue;
      std::int64_t bytes = rounded(out_.bytes[i]);
      if (role == Role::workspace || local_[i]) bytes *= out_.threads;
      if (carries && output_of_body) out_.pieces[i] = carries->pieces(groups_, static_cast<int>(i));
      bytes = times(bytes, out_.pieces[i]);
      const bool whole = output_of_body || program_.buffers[i].keep || deals_rows();
      add(bytes, whole ? 0 : touched_[i].first, whole ? last_step : touched_[i].last, static_cast<int>(i), -1);
    }
  }

  // At most what no machine has.
  static std::int64_t times(std::int64_t bytes, std::int64_t pieces) {
    constexpr std::int64_t most = std::int64_t{1} << 60;
    return bytes > most / pieces ? most : bytes * pieces;
  }

  // Outputs and updates of a call: outside of the arena, and live to its end. Updates in place have their memory
  // already.
  std::vector<int> results() const {
    std::vector<int> out;
    for (std::size_t i = 0; i < program_.buffers.size() && !body_; ++i) {
      const bool result = groups_.role[i] == Role::output || groups_.role[i] == Role::update;
      if (result && groups_.root[i] == static_cast<int>(i) && !program_.buffers[i].in_place)
        out.push_back(static_cast<int>(i));
    }
    return out;
  }

  // At no step may more be live than the machine has: no placement could help. In double: sums of absurd sizes
  // overflow.
  void check_sizes() const {
    std::vector<double> change(program_.steps.size() + 1);
    for (const Item& item : items_) {
      change[at(item.first)] += static_cast<double>(item.bytes);
      change[at(item.last) + 1] -= static_cast<double>(item.bytes);
    }
    double live = 0;
    for (const int b : results()) live += static_cast<double>(out_.bytes[at(b)]);
    double peak = live;
    for (const double c : change) peak = std::max(peak, live += c);
    if (peak > static_cast<double>(machine_limit())) too_large(peak);
  }

  std::string described(int buffer) const {
    const Buffer& b = program_.buffers[at(buffer)];
    return b.role == Role::workspace ? fmt::format("'{}'", b.name)
                                     : fmt::format("'{}' {}{}", b.name, name_of(b.storage), shape_text(shape_of(b)));
  }

  [[noreturn]] void too_large(double bytes) const {
    std::vector<std::pair<std::int64_t, std::string>> pieces;
    pieces.reserve(items_.size());
    for (std::size_t i = 0; i < items_.size(); ++i)
      pieces.emplace_back(items_[i].bytes, owners_[i].buffer >= 0
                                               ? described(owners_[i].buffer)
                                               : fmt::format("'{}'", program_.steps[at(owners_[i].step)].label));
    for (const int b : results()) pieces.emplace_back(out_.bytes[at(b)], described(b));
    std::stable_sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::string largest;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, pieces.size()); ++i)
      largest += fmt::format("{}{} ({} MiB)", i ? ", " : "", pieces[i].second, pieces[i].first >> 20);
    throw Error(
        fmt::format("program '{}' needs {:.0f} MiB at once for these shapes, and this machine has {} MiB; the largest "
                    "buffers are {}",
                    program_.name, bytes / (1 << 20), machine_limit() >> 20, largest));
  }

  void assign(const Fit& fit) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (owners_[i].buffer >= 0) {
        out_.offsets[at(owners_[i].buffer)] = fit.offsets[i];
        continue;
      }
      for (std::size_t b = 0; b < out_.bodies.size(); ++b)
        if (body_steps_[b] == owners_[i].step) rebase(out_.bodies[b], fit.offsets[i]);
    }
    for (std::size_t i = 0; i < program_.buffers.size(); ++i) out_.offsets[i] = out_.offsets[at(groups_.root[i])];
  }

  static void rebase(Placement& p, std::int64_t by) {
    for (std::int64_t& offset : p.offsets)
      if (offset >= 0) offset += by;
    for (Placement& b : p.bodies) rebase(b, by);
  }

  struct Owner {
    int buffer = -1, step = -1;  // the step for a piece of bodies
  };

  const Program& program_;
  const Groups groups_;
  const bool body_;
  const LoopStep* loop_;  // whose body the program is; null: of none
  Placement out_;
  std::vector<Touched> touched_;  // per root
  std::vector<bool> local_;       // private to each thread
  std::vector<Item> items_;
  std::vector<Owner> owners_;    // per item
  std::vector<int> body_steps_;  // per body
};

}  // namespace

Fit best_fit(std::span<const Item> items) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (items[a].bytes != items[b].bytes) return items[a].bytes > items[b].bytes;
    return items[a].first < items[b].first;
  });

  Fit fit;
  fit.offsets.assign(items.size(), 0);
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t i : order) {
    const Item& item = items[i];
    std::int64_t end = 0, best = -1, best_gap = std::numeric_limits<std::int64_t>::max();
    for (const std::size_t p : placed) {
      const Item& other = items[p];
      if (other.last < item.first || item.last < other.first) continue;
      const std::int64_t gap = fit.offsets[p] - end;
      if (gap >= item.bytes && gap < best_gap) best = end, best_gap = gap;
      end = std::max(end, fit.offsets[p] + other.bytes);
    }
    fit.offsets[i] = best >= 0 ? best : end;
    fit.total = std::max(fit.total, fit.offsets[i] + item.bytes);
    const auto position = std::upper_bound(placed.begin(), placed.end(), fit.offsets[i],
                                           [&](std::int64_t offset, std::size_t p) { return offset < fit.offsets[p]; });
    placed.insert(position, i);
  }
  return fit;
}

Placement place(const Program& program, std::vector<std::int64_t> extents, int threads) {
  BITALE_ASSERT(threads >= 1, "placement for no threads");
  return Placer(program, std::move(extents), threads, nullptr, false).run();
}

}  // namespace bitale::program
