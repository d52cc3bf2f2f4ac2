// Stacked rows of which only the last ones are read are carried instead.
#include <algorithm>
#include <unordered_map>

#include "compiler/prim/prim.h"
#include "compiler/scan/leave_out.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/passes.h"

namespace bitale::loops {

using namespace ir;

namespace {

constexpr std::int64_t most_rows = 8;  // a carry each
constexpr const char* rule = "last-rows";

// Of how many of the last rows a reader takes some; 0: of others as well. Where there are fewer, it may take those: the
// forms are those of rows from the end, which are cut off at the first row and at the last.
std::int64_t last_rows_of(const Node& reader, const Dim& trips) {
  if (reader.op().name != "slice") return 0;
  const auto& p = reader.params_as<SliceParams>();
  const Dim &start = p.starts[0], &count = p.extents[0], rest = trips - start;
  if (p.steps[0] != 1 || !(count == rest || count == max(rest, Dim(0)))) return 0;
  for (std::int64_t k = 1; k <= most_rows && !trips.is(k); ++k) {
    const Dim first = max(trips - Dim(k), Dim(0));
    if (start == trips - Dim(k) || start == first || start == min(first, trips)) return k;
  }
  return 0;
}

class LastRows {
 public:
  explicit LastRows(const std::vector<Tensor>& outputs) : outputs_(outputs) {}

  std::vector<Tensor> run() {
    find();
    if (wanted_.empty()) return outputs_;
    return leave_out(rebuild(outputs_, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
      if (is_scan(*node)) return with_carries(node, inputs);
      const auto last = inputs.empty() ? last_.end() : last_.find(inputs[0]);
      return last == last_.end() ? std::vector<Tensor>() : std::vector{rows_of_last(*node, last->second)};
    }));
  }

  std::int64_t found() const { return std::ssize(wanted_); }

 private:
  // Results that are stacked in the order of all steps, and of which all readers take last rows.
  void find() {
    for (const NodePtr& n : topological(outputs_)) {
      for (const Tensor& t : n->inputs())
        if (const auto it = wanted_.find(t); it != wanted_.end()) {
          const std::int64_t rows = last_rows_of(*n, t.node().params_as<ScanParams>().trips);
          it->second = rows == 0 || it->second < 0 ? -1 : std::max(it->second, rows);
        }
      if (!is_scan(*n)) continue;
      const auto& p = n->params_as<ScanParams>();
      if (p.stop >= 0 || p.bounded) continue;
      for (std::size_t i = static_cast<std::size_t>(p.carries); i < n->outputs().size(); ++i)
        if (p.backwards[static_cast<std::size_t>(p.sequences - p.carries) + i] == 0)
          wanted_.emplace(Tensor(n, static_cast<int>(i)), 0);
    }
    for (const Tensor& t : outputs_) wanted_.erase(t);
    std::erase_if(wanted_, [](const auto& w) { return w.second <= 0; });
  }

  // The scan's outputs, from one that also carries the last rows; nothing where none are wanted.
  std::vector<Tensor> with_carries(const NodePtr& node, const std::vector<Tensor>& inputs) {
    bool any = false;
    for (std::size_t i = 0; i < node->outputs().size(); ++i)
      any = any || wanted_.contains(Tensor(node, static_cast<int>(i)));
    if (!any) return {};
    const NodePtr made = with_inputs(node, inputs, node->params());
    Loop loop = Loop::of(*made);
    const std::size_t carries = loop.carries.size();
    std::vector<std::vector<std::size_t>> last(loop.stacked.size());  // the carries, the latest row's first
    for (std::size_t i = 0; i < loop.stacked.size(); ++i) {
      const auto it = wanted_.find(Tensor(node, static_cast<int>(carries + i)));
      if (it == wanted_.end()) continue;
      Tensor row = loop.stacked[i].row;
      for (std::int64_t k = 0; k < it->second; ++k) {
        last[i].push_back(carry_of(loop, row));
        row = loop.carries[last[i].back()].before;
      }
    }
    const Loop::Results r = loop.build();
    std::vector<Tensor> out(r.last.begin(), r.last.begin() + static_cast<std::ptrdiff_t>(carries));
    out.insert(out.end(), r.stacked.begin(), r.stacked.end());
    for (std::size_t i = 0; i < last.size(); ++i)
      for (const std::size_t c : last[i]) last_[r.stacked[i]].push_back(r.last[c]);
    return out;
  }

  // The carry that becomes `row`, made if there is none.
  static std::size_t carry_of(Loop& loop, const Tensor& row) {
    const auto known =
        std::find_if(loop.carries.begin(), loop.carries.end(), [&](const Loop::Carry& c) { return c.after == row; });
    const auto place = static_cast<std::size_t>(known - loop.carries.begin());
    if (known == loop.carries.end())
      loop.carries.push_back({zeros(row.dtype(), row.shape()), Loop::placeholder("last", row.type()), row});
    return place;
  }

  // What a slice takes, from the last rows, the latest first.
  static Tensor rows_of_last(const Node& slice_node, const std::vector<Tensor>& last) {
    const auto& p = slice_node.params_as<SliceParams>();
    std::vector<Tensor> rows;
    for (auto row = last.rbegin(); row != last.rend(); ++row) {
      Shape shape = row->shape();
      shape.insert(shape.begin(), Dim(1));
      rows.push_back(reshape(*row, shape));
    }
    Shape starts = p.starts;
    starts[0] = Dim(std::ssize(last)) - p.extents[0];
    return slice(rows.size() == 1 ? rows[0] : concat(rows, 0), starts, p.extents, p.steps);
  }

  const std::vector<Tensor>& outputs_;
  TensorMap<std::int64_t> wanted_;       // how many last rows of a stacked result are read; -1: others as well
  TensorMap<std::vector<Tensor>> last_;  // of stacked results in the new graph
};

}  // namespace

Graph last_rows(const Graph& graph, rewrite::PassContext& context) {
  const std::vector<std::string>& disabled = context.options.disabled;
  if (std::find(disabled.begin(), disabled.end(), rule) != disabled.end()) return graph;
  LastRows rows(graph.outputs);
  std::vector<Tensor> outputs = rows.run();
  if (rows.found() > 0) context.rules_fired[rule] += rows.found();
  return {graph.inputs, std::move(outputs)};
}

}  // namespace bitale::loops
