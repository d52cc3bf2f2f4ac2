#include "compiler/scan/leave_out.h"

#include <optional>
#include <unordered_set>

#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"

namespace bitale::loops {

using namespace ir;

namespace {

using TensorSet = std::unordered_set<Tensor, TensorHash>;

// What a scan's outputs are after it has been tidied: which of the new ones, or what else they are.
class Tidy {
 public:
  Tidy(const Node& node, std::vector<bool> read) : loop_(Loop::of(node)), read_(std::move(read)) {}

  std::vector<Tensor> run(const NodePtr& node) {
    const std::size_t carries = loop_.carries.size();
    forget_stop();
    mark_alive();
    std::vector<Tensor> out;
    for (std::size_t i = 0; i < node->outputs().size(); ++i) out.emplace_back(node, static_cast<int>(i));
    Loop smaller = loop_;
    smaller.stop = -1;
    smaller.carries.clear();
    smaller.stacked.clear();
    std::vector<std::size_t> kept_carries;
    for (std::size_t i = 0; i < carries; ++i) {
      const Loop::Carry& c = loop_.carries[i];
      const bool stops = loop_.stop == static_cast<std::int64_t>(i);
      if (c.after == c.before && !stops) {
        smaller.invariants.push_back({c.init, c.before});
        out[i] = c.init;
      } else if (alive_[i]) {
        if (stops) smaller.stop = std::ssize(smaller.carries);
        smaller.carries.push_back(c);
        kept_carries.push_back(i);
      }
    }
    TensorMap<std::size_t> places[2];  // of rows that are stacked, by direction
    std::vector<std::pair<std::size_t, std::size_t>> results;
    for (std::size_t i = 0; i < loop_.stacked.size(); ++i) {
      if (!read_[carries + i]) continue;
      const Loop::Stacked& s = loop_.stacked[i];
      const auto [place, is_new] = places[s.backwards].emplace(s.row, smaller.stacked.size());
      if (is_new) smaller.stacked.push_back(s);
      results.emplace_back(carries + i, place->second);
    }
    if (smaller.carries.size() == carries && smaller.stacked.size() == loop_.stacked.size()) return {};
    if (smaller.carries.empty() && smaller.stacked.empty()) return out;  // all that is read is invariant
    const Loop::Results r = smaller.build();
    for (std::size_t i = 0; i < kept_carries.size(); ++i) out[kept_carries[i]] = r.last[i];
    for (const auto& [from, to] : results) out[from] = r.stacked[to];
    return out;
  }

 private:
  // A carry that is false for good stops nothing.
  void forget_stop() {
    if (loop_.stop < 0) return;
    const Loop::Carry& c = loop_.carries[static_cast<std::size_t>(loop_.stop)];
    const auto init = splat_value(c.init);
    if (c.after == c.before && init && init->as_integer() == 0) loop_.stop = -1;
  }

  // Carries that are read behind the loop, that end it, or that something reads that is.
  void mark_alive() {
    const std::size_t carries = loop_.carries.size();
    alive_.assign(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(carries));
    if (loop_.stop >= 0) alive_[static_cast<std::size_t>(loop_.stop)] = true;
    std::vector<Tensor> roots;
    for (std::size_t i = 0; i < loop_.stacked.size(); ++i)
      if (read_[carries + i]) roots.push_back(loop_.stacked[i].row);
    std::vector<bool> seen(carries, false);
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < carries; ++i)
        if (alive_[i] && !seen[i]) {
          roots.push_back(loop_.carries[i].after);
          seen[i] = true;
        }
      std::unordered_set<const Node*> reached;
      for (const NodePtr& n : topological(roots)) reached.insert(n.get());
      for (std::size_t i = 0; i < carries; ++i)
        if (!alive_[i] && reached.contains(&loop_.carries[i].before.node())) alive_[i] = more = true;
    }
  }

  Loop loop_;
  std::vector<bool> read_, alive_;
};

}  // namespace

std::vector<Tensor> leave_out(const std::vector<Tensor>& outputs) {
  TensorSet read(outputs.begin(), outputs.end());
  for (const NodePtr& n : topological(outputs)) read.insert(n->inputs().begin(), n->inputs().end());
  return rebuild(outputs, [&](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
    if (!is_scan(*node)) return {};
    std::vector<bool> is_read;
    for (std::size_t i = 0; i < node->outputs().size(); ++i)
      is_read.push_back(read.contains(Tensor(node, static_cast<int>(i))));
    const NodePtr made = with_inputs(node, inputs, node->params());
    return Tidy(*made, std::move(is_read)).run(made);
  });
}

}  // namespace bitale::loops
