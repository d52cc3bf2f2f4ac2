#include "compiler/lower/fuse.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "compiler/ir/record.h"
#include "compiler/lower/epilogue.h"
#include "compiler/lower/formula.h"

namespace bitale::lower {

using ir::Dim;
using ir::ExprNode;
using ir::NodePtr;
using ir::ScalarOp;
using ir::Tensor;

Tensor storage_of(const Tensor& t) {
  Tensor s = t;
  while (s.node().op().view) s = s.node().input(0);
  return s;
}

std::vector<Tensor> read_by(const ir::Node& node) {
  std::vector<Tensor> reads = node.inputs();
  if (!node.op().contraction || has_formula(node)) return reads;
  for (Tensor& t : reads) {
    if (t.node().op().name != "cast") continue;
    const DType from = t.node().input(0).dtype();
    if (is_only_stored(from) && computed_as(from) == t.dtype()) t = t.node().input(0);
  }
  return reads;
}

namespace {

// A kernel's formula is not let grow beyond this many nodes of the graph.
constexpr std::size_t max_fused_nodes = 48;
// Arithmetic up to this cost per element is cheaper to repeat than to store and load.
constexpr int cheap_cost = 4;
// Roots that one kernel computes, and in a loop, where its call costs as much as its little work.
constexpr std::size_t most_roots = 4, most_roots_in_loop = 8;

bool is_fusible(const Tensor& t) { return has_formula(t.node()); }

class Fuser {
 public:
  Fuser(std::span<const Tensor> outputs, Calls calls)
      : outputs_(outputs.begin(), outputs.end()),
        order_(ir::topological(outputs)),
        in_loop_(calls == Calls::in_loop || calls == Calls::in_loop_on_device),
        on_device_(calls == Calls::on_device || calls == Calls::in_loop_on_device) {}

  Fusion run() {
    find_uses();
    for (const Tensor& t : outputs_) make_root(storage_of(t));
    for (std::size_t i = order_.size(); i-- > 0;) decide(order_[i]);
    make_groups();
    return std::move(fusion_);
  }

 private:
  struct Key {
    std::uint64_t node;
    int output;
    auto operator<=>(const Key&) const = default;
  };
  static Key key(const Tensor& t) { return {t.node().id(), t.output()}; }

  void find_uses() {
    for (const NodePtr& n : order_)
      for (const Tensor& in : read_by(*n)) {
        auto& list = uses_[key(in)];
        if (list.empty() || list.back() != n) list.push_back(n);
      }
  }

  void make_root(const Tensor& t) { roots_.insert(key(t)); }
  bool is_root(const Tensor& t) const { return roots_.contains(key(t)); }
  bool is_inlined(const Tensor& t) const { return fusion_.is_inlined(t); }
  void inline_it(const Tensor& t) { fusion_.inlined.insert({t.node().id(), t.output()}); }

  // The roots whose kernels would hold `t` if it were inlined. Users come later in the order, so they are decided.
  const std::vector<Tensor>& readers(const Tensor& t) {
    const auto [place, is_new] = readers_.try_emplace(key(t));
    std::vector<Tensor>& out = place->second;
    const auto it = uses_.find(key(t));
    if (!is_new || it == uses_.end()) return out;
    std::set<Key> seen;
    const auto add = [&](const Tensor& r) {
      if (seen.insert(key(r)).second) out.push_back(r);
    };
    for (const NodePtr& user : it->second)
      for (std::size_t o = 0; o < user->outputs().size(); ++o) {
        const Tensor u(user, static_cast<int>(o));
        if (user->op().view || is_inlined(u))
          for (const Tensor& r : readers(u)) add(r);
        else if (is_root(u))
          add(u);
      }
    return out;
  }

  bool read_by_others(const Tensor& t) const {  // a contraction, a library call, a view that is in memory
    const auto it = uses_.find(key(t));
    if (it == uses_.end()) return false;
    return std::any_of(it->second.begin(), it->second.end(), [&](const NodePtr& user) {
      return user->op().view ? view_in_memory({user, 0}) : !has_formula(*user);
    });
  }

  // Whether someone needs the view's elements in memory.
  bool view_in_memory(const Tensor& view) const {
    return std::find(outputs_.begin(), outputs_.end(), view) != outputs_.end() || read_by_others(view);
  }

  void decide(const NodePtr& node) {
    for (std::size_t o = 0; o < node->outputs().size(); ++o) {
      const Tensor t(node, static_cast<int>(o));
      if (!is_fusible(t)) {
        if (node->op().leaf == ir::Leaf::none) make_root(t);
        continue;
      }
      if (node->op().view) {
        if (view_in_memory(t)) make_root(storage_of(t));
        continue;
      }
      if (is_root(t) || !uses_.contains(key(t))) continue;  // none: a cast that contractions do without
      if (node->op().stored || read_by_others(t) || !may_inline(t))
        make_root(t);
      else
        inline_it(t);
    }
  }

  bool may_inline(const Tensor& t) {
    const std::vector<Tensor>& roots = readers(t);
    if (roots.empty()) return false;
    Composed own;
    const Tensor alone[] = {t};
    compose(alone, [&](const Tensor& x) { return is_inlined(x); }, own);
    const ir::FormulaCost of_own = ir::cost_of(own.formula);
    const int cost = of_own.operations;
    const bool reduces = of_own.reduces;
    if (!reduces && cost == 0) return true;  // an index map
    inline_it(t);                            // to see it in its readers' formulas
    bool good = true;
    for (const Tensor& r : roots) good = good && fits(t, r, reduces, cost, roots.size());
    if (!good) fusion_.inlined.erase({t.node().id(), t.output()});
    return good;
  }

  // Whether inlining t into root r computes each of its elements about once: seen in r's formula with t as a load.
  bool fits(const Tensor& t, const Tensor& root, bool reduces, int cost, std::size_t readers) const {
    const Tensor own = in_own_order(root);
    if (own == t) return readers == 1;
    const bool moved = !(own == root);
    const Tensor& r = reduces ? root : own;  // where a reduction's loop is hoisted to is a matter of the loops' order
    Composed c;
    const Tensor roots[] = {r};
    compose(
        roots, [&](const Tensor& x) { return !(x == t) && is_inlined(x); },
        c);  // views of t included: their index maps count
    if (c.nodes.size() >= max_fused_nodes) return false;
    int reads = 0;
    bool once = true, wasted = false, in_slices = in_loop_;
    const bool sparse = fills_little(t, r);
    for (int i = 0; i < c.formula.size(); ++i) {
      const ExprNode& n = c.formula.node(i);
      if (n.op != ScalarOp::load || !(c.sources[static_cast<std::size_t>(n.source)] == t)) continue;
      ++reads;
      once = once && (read_once(c, n, reduces) || (moved && reduces && read_in_any_order(c, n)));
      in_slices = in_slices && t.rank() > 1 && slice_of(c, n, t.shape()).has_value();
      wasted = wasted || (sparse && !n.guard.empty());
    }
    if (reads == 0) return true;
    if (wasted) return false;
    if (reduces) return once && reads <= 2 && readers == 1;
    if (cost <= cheap_cost) return reads <= 2 || once || (in_slices && reads <= most_slices);
    return once && reads == 1 && readers == 1;
  }

  // What a root is that only puts it into memory in another order, which does not change how often anything is read.
  Tensor in_own_order(const Tensor& root) const {
    if (!on_device_ || in_loop_ || root.node().op().name != "in_memory") return root;
    Tensor t = root.node().input(0);
    while (t.node().op().name == "transpose") t = t.node().input(0);
    return is_fusible(t) && !t.node().op().view && is_inlined(t) ? t : root;
  }

  // t behind a guard is computed for all of r's elements: not once if few of them are t's.
  static bool fills_little(const Tensor& t, const Tensor& r) {
    if (t.rank() != r.rank()) return false;
    double times = 1;
    for (int k = 0; k < t.rank(); ++k)
      if (t.dim(k).is_constant() && r.dim(k).is_constant() && t.dim(k).value() > 0)
        times *= static_cast<double>(r.dim(k).value()) / static_cast<double>(t.dim(k).value());
    return times > 1.5;
  }

  // The load's indices are distinct loop variables, in the order of the loops around it, and no other loop encloses
  // them (the value can be computed in the outermost loops it needs). Without a reduction of its own the order does not
  // matter, but then every enclosing loop has to be among them.
  static bool read_once(const Composed& c, const ExprNode& load, bool reduces) {
    std::vector<int> vars;
    for (const ir::Index& i : load.at) {
      if (i.terms.empty() && i.constant.is(0)) continue;  // an axis of extent 1
      if (i.terms.size() != 1 || !i.terms[0].second.is(1) || !i.constant.is(0)) return false;
      if (c.formula.node(i.terms[0].first).op != ScalarOp::var) return false;
      vars.push_back(i.terms[0].first);
    }
    std::vector<int> loops;
    for (ir::Expr v : c.loops)
      if (!c.formula.range(c.formula.node(v.id).var).is(1)) loops.push_back(v.id);
    if (reduces && vars.empty() && !loops.empty()) return false;  // it would keep the loops from running in parallel
    for (std::size_t k = 0; k < vars.size(); ++k) {
      const bool main = k < loops.size() && vars[k] == loops[k];
      const bool reduction = k >= loops.size() && std::find(loops.begin(), loops.end(), vars[k]) == loops.end();
      if (!main && !reduction) return false;
    }
    return reduces || vars.size() >= loops.size();
  }

  // The load's indices are the loop variables, each once.
  static bool read_in_any_order(const Composed& c, const ExprNode& load) {
    std::set<int> vars, loops;
    for (const ir::Index& i : load.at) {
      if (i.terms.empty() && i.constant.is(0)) continue;
      if (i.terms.size() != 1 || !i.terms[0].second.is(1) || !i.constant.is(0)) return false;
      if (!vars.insert(i.terms[0].first).second) return false;
    }
    for (const ir::Expr v : c.loops)
      if (!c.formula.range(c.formula.node(v.id).var).is(1)) loops.insert(v.id);
    return vars == loops;
  }

  // ---- groups ----

  void make_groups() {
    if (in_loop_) sort_by_depth();
    for (const NodePtr& node : order_) {
      if (node->op().leaf != ir::Leaf::none || node->op().view) continue;
      Group g;
      for (std::size_t o = 0; o < node->outputs().size(); ++o)
        if (is_root({node, static_cast<int>(o)})) g.roots.emplace_back(node, static_cast<int>(o));
      if (g.roots.empty()) continue;
      if (node->op().contraction && !has_formula(*node))
        g.kind = Group::Kind::contraction;
      else if (!node->op().library.empty())
        g.kind = Group::Kind::library;
      else if (node->op().has_bodies)
        g.kind = Group::Kind::control;
      add(std::move(g));
    }
    take_epilogues();
  }

  // By how many roots lie behind, one behind the other: what does not depend on each other lies side by side, and may
  // be one kernel.
  void sort_by_depth() {
    std::map<const ir::Node*, int> depth;
    for (const NodePtr& n : order_) {
      int& d = depth[n.get()];
      for (const Tensor& t : n->inputs()) d = std::max(d, depth.at(&t.node()));
      for (std::size_t o = 0; o < n->outputs().size(); ++o)
        if (is_root({n, static_cast<int>(o)})) ++d;
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](const NodePtr& a, const NodePtr& b) { return depth.at(a.get()) < depth.at(b.get()); });
  }

  std::vector<Tensor> sources(const Group& g) const {
    if (g.kind != Group::Kind::kernel) return read_by(g.roots[0].node());
    Composed c;
    compose(g.roots, [&](const Tensor& x) { return is_inlined(x); }, c);
    return c.sources;
  }

  // Joins an earlier kernel of the same shape that reads something in common (in a loop: or that does not), if nothing
  // in between stands in the way.
  void add(Group g) {
    const std::vector<Tensor> reads = sources(g);
    int last_needed = -1;  // groups run in order of number, each after all that it needs
    for (const Tensor& s : reads) {
      const auto it = group_of_.find(key(storage_of(s)));
      if (it != group_of_.end()) last_needed = std::max(last_needed, it->second);
    }
    int number = static_cast<int>(fusion_.groups.size());
    const bool is_epilogue = in_loop_ && may_be_epilogue(g, reads);
    if (g.kind == Group::Kind::kernel && g.roots[0].rank() > 0)
      for (const int i : neighbours(reads, is_epilogue))
        if (number == static_cast<int>(fusion_.groups.size()) &&
            (i > last_needed || (i == last_needed && continues(i, g))) && may_join(i, g))
          number = i;
    const bool joins = number < static_cast<int>(fusion_.groups.size());
    for (const Tensor& r : g.roots) {
      group_of_[key(r)] = number;
      if (joins) fusion_.groups[static_cast<std::size_t>(number)].roots.push_back(r);
    }
    for (const Tensor& s : reads) {
      std::vector<int>& list = readers_of_[key(s)];
      if (std::find(list.begin(), list.end(), number) == list.end()) list.push_back(number);
    }
    if (joins) return;
    fusion_.groups.push_back(std::move(g));
    epilogues_.push_back(is_epilogue);
  }

  // The latest groups that read one of these, last first.
  std::set<int, std::greater<>> neighbours(const std::vector<Tensor>& reads, bool is_epilogue) const {
    constexpr std::ptrdiff_t most = 16;  // of each: the rest have had their chances
    std::set<int, std::greater<>> out;
    if (in_loop_ && !is_epilogue)
      for (std::ptrdiff_t n = std::ssize(fusion_.groups), i = std::max(n - most, std::ptrdiff_t{0}); i < n; ++i)
        if (!epilogues_[static_cast<std::size_t>(i)]) out.insert(static_cast<int>(i));
    for (const Tensor& s : reads) {
      if (const auto made = group_of_.find(key(s)); in_loop_ && made != group_of_.end()) out.insert(made->second);
      const auto it = readers_of_.find(key(s));
      if (it == readers_of_.end()) continue;
      const auto& list = it->second;
      out.insert(list.end() - std::min(most, std::ssize(list)), list.end());
    }
    return out;
  }

  // Whether a contraction that nothing else reads could hand it the finished tile.
  bool may_be_epilogue(const Group& g, const std::vector<Tensor>& reads) {
    if (g.kind != Group::Kind::kernel || g.roots.size() != 1) return false;
    return std::any_of(reads.begin(), reads.end(), [&](const Tensor& t) {
      const Tensor c = storage_of(t);
      return c.node().op().contraction && !has_formula(c.node()) && readers(c).size() == 1 && !read_by_others(c) &&
             epilogue_fits(fusion_, c, g.roots[0]);
    });
  }

  bool may_join(int i, const Group& g) const {
    const Group& into = fusion_.groups[static_cast<std::size_t>(i)];
    return into.kind == Group::Kind::kernel && into.roots.size() < (in_loop_ ? most_roots_in_loop : most_roots) &&
           into.roots[0].shape() == g.roots[0].shape() && loop_shape(into.roots[0]) == loop_shape(g.roots[0]);
  }

  // Whether what g reads of group i are the very elements that it computes: then both are one chain of arithmetic,
  // which an epilogue can be.
  bool continues(int i, const Group& g) const {
    if (!in_loop_) return false;
    const Group& into = fusion_.groups[static_cast<std::size_t>(i)];
    if (into.kind != Group::Kind::kernel) return false;
    Composed c;
    compose(g.roots, [&](const Tensor& x) { return is_inlined(x); }, c);
    for (int e = 0; e < c.formula.size(); ++e) {
      const ExprNode& n = c.formula.node(e);
      if (n.op == ScalarOp::result) return false;
      if (n.op != ScalarOp::load) continue;
      const Tensor& source = c.sources[static_cast<std::size_t>(n.source)];
      const auto made = group_of_.find(key(storage_of(source)));
      if (made == group_of_.end() || made->second != i) continue;
      const bool is_root = std::find(into.roots.begin(), into.roots.end(), source) != into.roots.end();
      if (!is_root || slice_of(c, n, source.shape()) != Dim(0) || source.shape() != g.roots[0].shape()) return false;
    }
    std::vector<Tensor> roots = into.roots;
    roots.insert(roots.end(), g.roots.begin(), g.roots.end());
    Composed both;
    compose(roots, [&](const Tensor& x) { return is_inlined(x); }, both);
    return both.nodes.size() <= max_fused_nodes;
  }

  // The extents of the reductions in a root's kernel: roots that reduce differently do not share one.
  std::vector<Dim> loop_shape(const Tensor& root) const {
    Composed c;
    const Tensor roots[] = {root};
    compose(roots, [&](const Tensor& x) { return is_inlined(x); }, c);
    std::vector<Dim> out;
    for (int i = 0; i < c.formula.size(); ++i) {
      const ExprNode& n = c.formula.node(i);
      if (n.op != ScalarOp::result || n.part != 0) continue;
      for (int v : c.formula.reduction(n.reduction).vars) out.push_back(c.formula.range(c.formula.node(v).var));
    }
    return out;
  }

  // A contraction read only by one elementwise kernel of its own shape hands it the finished tile.
  void take_epilogues() {
    std::set<Key> is_output;
    for (const Tensor& o : outputs_) is_output.insert(key(storage_of(o)));
    std::map<Key, std::set<int>> readers_of_storage;
    for (const NodePtr& node : order_)
      for (std::size_t o = 0; o < node->outputs().size(); ++o) {
        const Tensor t(node, static_cast<int>(o));
        const auto it = readers_of_.find(key(t));
        if (it != readers_of_.end())
          readers_of_storage[key(storage_of(t))].insert(it->second.begin(), it->second.end());
      }
    for (std::size_t i = 0; i < fusion_.groups.size(); ++i) {
      Group& g = fusion_.groups[i];
      if (g.kind != Group::Kind::contraction) continue;
      const Tensor c = g.roots[0];
      if (is_output.contains(key(c))) continue;
      const auto reader = readers_of_storage.find(key(c));
      if (reader == readers_of_storage.end() || reader->second.size() != 1) continue;
      Group& r = fusion_.groups[static_cast<std::size_t>(*reader->second.begin())];
      if (r.kind != Group::Kind::kernel) continue;
      if (r.roots.size() != 1 || !epilogue_fits(fusion_, c, r.roots[0])) {
        r.slices = in_loop_ ? slices_read(fusion_, c, r.roots, on_device_) : 0;
        if (r.slices == 0) continue;
      }
      // The epilogue runs at the reader's place in the order, when everything it reads is there.
      r.kind = Group::Kind::contraction;
      r.epilogue = std::move(r.roots);
      r.roots = {c};
      g.roots.clear();
    }
    std::erase_if(fusion_.groups, [](const Group& g) { return g.roots.empty(); });
  }

  std::vector<Tensor> outputs_;
  std::vector<NodePtr> order_;
  const bool in_loop_, on_device_;
  std::map<Key, std::vector<NodePtr>> uses_;
  std::set<Key> roots_;
  std::map<Key, int> group_of_;
  std::map<Key, std::vector<Tensor>> readers_;  // what readers() found
  std::map<Key, std::vector<int>> readers_of_;  // groups, by a tensor that they read
  std::vector<bool> epilogues_;                 // in a loop, by group: may become one
  Fusion fusion_;
};

}  // namespace

bool Fusion::is_inlined(const Tensor& t) const {
  const Tensor s = storage_of(t);
  return inlined.contains({s.node().id(), s.output()});
}

Fusion fuse(std::span<const Tensor> outputs, Calls calls) { return Fuser(outputs, calls).run(); }

}  // namespace bitale::lower
