#include "compiler/lower/order.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "compiler/lower/formula.h"
#include "compiler/lower/fuse.h"
#include "compiler/prim/prim.h"

namespace bitale::lower {
namespace {

using ir::NodePtr;
using ir::ScalarOp;
using ir::Tensor;

// Axes of a tensor, the one that is outermost in memory first.
using Order = std::vector<std::int64_t>;

constexpr int least_rank = 3;  // matrices are read either way

Order as_it_stands(int rank) {
  Order o(static_cast<std::size_t>(rank));
  std::iota(o.begin(), o.end(), 0);
  return o;
}

Order inverse(const Order& o) {
  Order out(o.size());
  for (std::size_t i = 0; i < o.size(); ++i) out[static_cast<std::size_t>(o[i])] = static_cast<std::int64_t>(i);
  return out;
}

// o[i], seen through a map of axes.
Order through(const Order& map, const Order& o) {
  Order out;
  for (const std::int64_t axis : o) out.push_back(map[static_cast<std::size_t>(axis)]);
  return out;
}

class Orders {
 public:
  explicit Orders(std::span<const Tensor> outputs) : outputs_(outputs.begin(), outputs.end()) {
    for (const NodePtr& n : ir::topological(outputs)) {
      if (!n->op().library.empty()) see_call(n);
      for (const Tensor& t : read_by(*n)) users_[t].push_back(n);
    }
  }

  // What calls read is there for all others, too: it is not computed again where it is cheap.
  std::vector<Tensor> with_operands_stored() {
    for (const Tensor& t : seen_) {
      if (t.node().op().name != "transpose") continue;
      const Tensor& x = t.node().input(0);
      if (is_single(x) && has_formula(storage_of(x).node()) && only_formulas_read(x))
        stored_.emplace(x, axes_of(t.node()));
    }
    return rebuilt();
  }

  std::vector<Tensor> with_kernels_in_order() {
    if (!fixed_.empty()) find_orders();
    return rebuilt();
  }

 private:
  // A kernel's result reads a source: axis i of the source goes along with axis map[i] of the result.
  struct Read {
    Tensor result, source;
    Order map;
  };

  void see_call(const NodePtr& call) {
    const auto see = [this](const Tensor& t) {
      if (t.rank() >= least_rank && fixed_.emplace(t, as_it_stands(t.rank())).second) seen_.push_back(t);
    };
    for (const Tensor& t : call->inputs()) see(t);
    for (std::size_t o = 0; o < call->outputs().size(); ++o) see(Tensor(call, static_cast<int>(o)));
  }

  void find_orders() {
    fusion_ = fuse(outputs_, Calls::on_device);
    std::vector<Read> reads;
    for (const Group& g : fusion_.groups) {
      if (g.kind != Group::Kind::kernel || g.roots[0].rank() < least_rank) continue;
      const bool all = std::all_of(g.roots.begin(), g.roots.end(),
                                   [&](const Tensor& r) { return is_single(r) && only_formulas_read(r); });
      for (const Tensor& r : g.roots) {
        if (all) free_.emplace(r, true);
        for (Read& read : reads_of(r)) reads.push_back(std::move(read));
      }
    }
    for (bool more = true; more;) {
      more = false;
      for (const Read& r : reads) more = spread(r) || more;
    }
  }

  // Either tensor takes the order of the other.
  bool spread(const Read& r) {
    if (const Order* o = order_of(r.source); o && !order_of(r.result)) return give(r.result, through(r.map, *o));
    if (const Order* o = order_of(r.result); o && !order_of(r.source))
      return give(r.source, through(inverse(r.map), *o));
    return false;
  }

  const Order* order_of(const Tensor& t) const {
    for (const auto* orders : {&fixed_, &stored_})
      if (const auto found = orders->find(t); found != orders->end()) return &found->second;
    return nullptr;
  }

  bool give(const Tensor& t, Order order) {
    if (order == as_it_stands(t.rank()) || !free_.contains(t)) return false;
    stored_.emplace(t, std::move(order));
    return true;
  }

  static bool is_single(const Tensor& t) { return t.node().outputs().size() == 1; }

  // Also through views: then none of these has to be in memory.
  bool only_formulas_read(const Tensor& t) const {
    if (std::find(outputs_.begin(), outputs_.end(), t) != outputs_.end()) return false;
    const auto users = users_.find(t);
    return users != users_.end() && std::all_of(users->second.begin(), users->second.end(), [&](const NodePtr& n) {
             return n->op().view ? only_formulas_read(Tensor(n, 0)) : has_formula(*n);
           });
  }

  std::vector<Read> reads_of(const Tensor& result) const {
    Composed c;
    const Tensor roots[] = {result};
    compose(roots, [&](const Tensor& t) { return fusion_.is_inlined(t); }, c);
    std::vector<Read> reads;
    for (int e = 0; e < c.formula.size(); ++e) {
      const ir::ExprNode& n = c.formula.node(e);
      if (n.op != ScalarOp::load) continue;
      const Tensor& source = c.sources[static_cast<std::size_t>(n.source)];
      if (source.rank() != result.rank()) continue;
      if (auto map = map_of(c, n)) reads.push_back({result, source, std::move(*map)});
    }
    return reads;
  }

  // Each index of the load has one of the loops, whatever reductions add to it. An axis of one element may have none.
  static std::optional<Order> map_of(const Composed& c, const ir::ExprNode& load) {
    constexpr std::int64_t none = -1;
    Order map;
    for (const ir::Index& i : load.at) {
      map.push_back(none);
      for (const auto& [var, factor] : i.terms) {
        if (c.formula.node(var).op != ScalarOp::var) return std::nullopt;
        for (std::size_t l = 0; l < c.loops.size(); ++l)
          if (c.loops[l].id == var && std::exchange(map.back(), static_cast<std::int64_t>(l)) != none)
            return std::nullopt;
      }
    }
    Order left = as_it_stands(static_cast<int>(map.size()));
    for (const std::int64_t l : map)
      if (l != none && std::erase(left, l) == 0) return std::nullopt;
    if (left.size() > 1) return std::nullopt;
    std::replace(map.begin(), map.end(), none, left.empty() ? none : left[0]);
    return map;
  }

  std::vector<Tensor> rebuilt() const {
    if (fixed_.empty()) return outputs_;
    return ir::rebuild(outputs_, [this](const auto& n, const auto& in) { return replaced(n, in); });
  }

  std::vector<Tensor> replaced(const NodePtr& node, const std::vector<Tensor>& inputs) const {
    const ir::OriginScope origins(*node);
    if (node->op().name == "transpose") return {in_order(inputs[0], axes_of(*node))};
    if (node->op().name == "sum")
      if (const auto order = order_behind(node->input(0)))
        if (const Tensor sum = sum_by_axes(inputs[0], axes_of(*node), *order)) return {sum};
    const auto found = stored_.find(Tensor(node, 0));
    if (found == stored_.end()) return {};
    const Tensor plain(ir::with_inputs(node, inputs, node->params()), 0);
    return {ir::transpose(ir::in_memory(ir::transpose(plain, found->second)), inverse(found->second))};
  }

  static Order axes_of(const ir::Node& n) { return n.params_as<ir::AxesParams>().axes; }

  // A transpose of what is stored in that very order is what is stored.
  static Tensor in_order(const Tensor& t, const Order& order) {
    const bool back = t.node().op().name == "transpose" && axes_of(t.node()) == inverse(order);
    return back ? t.node().input(0) : ir::transpose(t, order);
  }

  // In which order what t is computed from lies in memory, if it is computed where it is read.
  std::optional<Order> order_behind(const Tensor& t) const {
    if (const auto found = stored_.find(t); found != stored_.end()) return found->second;
    if (t.rank() < least_rank || !fusion_.is_inlined(t) || t.node().op().view) return std::nullopt;
    for (const Read& r : reads_of(t))
      if (const Order* o = order_of(r.source)) return through(r.map, *o);
    return std::nullopt;
  }

  // Empty where the axis that is innermost in memory is summed, or only one is.
  static Tensor sum_by_axes(const Tensor& t, const Order& summed, const Order& order) {
    const auto is_summed = [&](std::int64_t axis) {
      return std::find(summed.begin(), summed.end(), axis) != summed.end();
    };
    if (summed.size() < 2 || is_summed(order.back())) return {};
    Tensor sum = in_order(t, order);
    Order left = order;
    for (std::size_t i = left.size(); i-- > 0;) {
      if (!is_summed(left[i])) continue;
      sum = ir::sum(sum, {static_cast<std::int64_t>(i)});
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
      if (std::any_of(left.begin(), left.end(), is_summed)) sum = ir::in_memory(sum);
    }
    Order sorted = as_it_stands(sum.rank());  // as the axes that are left were
    std::sort(sorted.begin(), sorted.end(),
              [&](auto a, auto b) { return left[static_cast<std::size_t>(a)] < left[static_cast<std::size_t>(b)]; });
    return sorted == as_it_stands(sum.rank()) ? sum : ir::transpose(sum, sorted);
  }

  const std::vector<Tensor> outputs_;
  Fusion fusion_;
  ir::TensorMap<std::vector<NodePtr>> users_;
  std::vector<Tensor> seen_;             // by calls, in their order
  ir::TensorMap<bool> free_;             // results of kernels of which all results may be stored in another order
  ir::TensorMap<Order> fixed_, stored_;  // of what calls see; of what is to be stored in another order
};

}  // namespace

std::vector<Tensor> in_order_of_calls(std::span<const Tensor> outputs) {
  const std::vector<Tensor> stored = Orders(outputs).with_operands_stored();
  return Orders(stored).with_kernels_in_order();
}

}  // namespace bitale::lower
