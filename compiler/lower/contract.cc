#include "compiler/lower/contract.h"

#include <algorithm>

#include "compiler/kernel/builder.h"
#include "compiler/lower/fuse.h"
#include "runtime/base/error.h"

namespace bitale::lower {

using ir::ContractionDef;
using ir::Dim;
using ir::Expr;
using ir::ExprNode;
using ir::ScalarOp;
using ir::Tensor;

namespace {

// An operand's address as constant + one stride per iteration dim.
struct Linear {
  Dim constant;
  std::vector<Dim> strides;
};

Linear linearise(const ContractionDef::Map& map, const ir::Shape& shape, std::size_t dims) {
  Linear l{Dim(0), std::vector<Dim>(dims, Dim(0))};
  const std::vector<Dim> strides = strides_of(shape);
  for (std::size_t axis = 0; axis < map.size(); ++axis) {
    l.constant = l.constant + map[axis].constant * strides[axis];
    for (const auto& [dim, factor] : map[axis].terms)
      l.strides[static_cast<std::size_t>(dim)] = l.strides[static_cast<std::size_t>(dim)] + factor * strides[axis];
  }
  return l;
}

// For each axis of the output, the iteration dim that is exactly its index; -1 if there is none.
std::vector<int> plain_axes(const ContractionDef& def) {
  std::vector<int> out;
  for (const auto& axis : def.out)
    out.push_back(axis.constant.is(0) && axis.terms.size() == 1 && axis.terms[0].second.is(1) ? axis.terms[0].first
                                                                                              : -1);
  return out;
}

// Iteration dims of extent 1 contribute nothing.
bool trivial(const Dim& extent) { return extent.is(1); }

class ContractionLowering {
 public:
  ContractionLowering(const Tensor& contraction, const Tensor& epilogue,
                      const std::function<bool(const Tensor&)>& inlined)
      : c_(contraction),
        root_(epilogue),
        inlined_(inlined),
        def_(contraction.node().op().contraction(contraction.node())) {
    const std::size_t dims = def_.extents.size();
    a_ = linearise(def_.a, c_.node().input(0).shape(), dims);
    b_ = linearise(def_.b, c_.node().input(1).shape(), dims);
    out_ = linearise(def_.out, c_.shape(), dims);
  }

  LoweredContraction run(const std::string& name) {
    result_.a = c_.node().input(0);
    result_.b = c_.node().input(1);
    result_.out = root_ ? root_ : c_;
    result_.accumulating = def_.overlapping;
    if (lanes_favour_swap()) {
      std::swap(a_, b_);
      std::swap(result_.a, result_.b);
      result_.swapped = true;
    }
    walk_forward();
    result_.a_offset = a_.constant;
    result_.b_offset = b_.constant;
    make_epilogue(name);
    deal_dims();
    return std::move(result_);
  }

 private:
  enum class Group { batch, m, n, k };

  Group group_of(std::size_t d) const {
    const bool in_a = !a_.strides[d].is(0), in_b = !b_.strides[d].is(0), in_out = !out_.strides[d].is(0);
    if (in_out && in_a && in_b) return Group::batch;
    if (def_.overlapping && in_out && is_axis(d))
      return Group::batch;  // its elements never meet: blocks may run in parallel
    if (in_out) return in_b ? Group::n : Group::m;
    return Group::k;
  }

  // A flipped dim is walked from its other end, such that the output, else b, else a is walked towards higher
  // addresses.
  void walk_forward() {
    for (std::size_t d = 0; d < def_.extents.size(); ++d) {
      const Linear& first = !out_.strides[d].is(0) ? out_ : !b_.strides[d].is(0) ? b_ : a_;
      const auto back = (Dim(0) - first.strides[d]).lower_bound();
      if (!back || *back <= 0) continue;
      for (Linear* l : {&a_, &b_, &out_}) {
        l->constant = l->constant + l->strides[d] * (def_.extents[d] - Dim(1));
        l->strides[d] = Dim(0) - l->strides[d];
      }
    }
  }

  // The innermost n dim ought to be the output's contiguous one.
  bool lanes_favour_swap() const {
    if (def_.overlapping) return false;
    for (std::size_t d = def_.extents.size(); d-- > 0;)
      if (!trivial(def_.extents[d]) && (out_.strides[d].is(1) || out_.strides[d].is(-1)))
        return group_of(d) == Group::m;
    return false;
  }

  // Whether dim d alone is the index of an axis of the output.
  bool is_axis(std::size_t d) const {
    return std::any_of(def_.out.begin(), def_.out.end(), [&](const ContractionDef::Axis& a) {
      return a.terms.size() == 1 && a.terms[0].first == static_cast<int>(d) && a.terms[0].second.is(1);
    });
  }

  void deal_dims() {
    result_.rows = result_.columns = Dim(1);
    Dim all(2);
    for (std::size_t d = 0; d < def_.extents.size(); ++d) {
      all = all * def_.extents[d];
      if (trivial(def_.extents[d])) continue;
      LoweredContraction::LoopDim l{def_.extents[d], a_.strides[d], b_.strides[d], {}};
      for (const Linear& o : operand_strides_) l.operands.push_back(o.strides[d]);
      switch (group_of(d)) {
        case Group::batch:
          result_.batch.push_back(l);
          break;
        case Group::m:
          result_.m.push_back(l);
          result_.rows = result_.rows * l.extent;
          break;
        case Group::n:
          result_.n.push_back(l);
          result_.columns = result_.columns * l.extent;
          break;
        case Group::k:
          result_.k.push_back(l);
          break;
      }
    }
    result_.flops = all;
    if (result_.accumulating) spread_rows();
  }

  // Rows that follow each other ought to add to places far apart: a load close behind a store to a place that overlaps
  // its own waits for the store to reach the cache.
  void spread_rows() {
    const auto stride = [](const LoweredContraction::LoopDim& d) { return d.operands.back(); };
    std::stable_sort(result_.m.begin(), result_.m.end(), [&](const auto& x, const auto& y) {
      const auto gap = (stride(y) - stride(x)).lower_bound();
      return gap && *gap > 0;
    });
  }

  // Column stride of an operand: 0 if its innermost n stride is, else 1 (runs are as long as that holds).
  bool is_unit(const Linear& l) const {
    for (std::size_t d = def_.extents.size(); d-- > 0;)
      if (!trivial(def_.extents[d]) && group_of(d) == Group::n) return !l.strides[d].is(0);
    return true;  // there is one column
  }

  void add_operand(const Tensor& t, Linear l) {
    result_.operands.push_back({t, l.constant, is_unit(l)});
    operand_strides_.push_back(std::move(l));
  }

  void make_epilogue(const std::string& name) {
    kernel::Builder b(name);
    const DType type = c_.dtype();
    const int acc = b.buffer("acc", type, false);
    const kernel::Extent rows = b.extent_argument(), columns = b.extent_argument(), ld = b.extent_argument();
    Composed f;
    if (root_) {
      const Tensor roots[] = {root_};
      compose(roots, inlined_, f);
      for (const ir::NodePtr& n : f.nodes) b.kernel().comments.push_back(comment_of(*n));
      for (const Tensor& s : f.sources)
        if (!(s == c_)) operand_buffers(b, s, load_address(f, s));
    } else {
      b.kernel().comments.push_back(comment_of(c_.node()));
    }
    Linear out = out_;
    operand_buffers(b, result_.out, std::move(out));
    const int out_base = static_cast<int>(result_.operands.size()) * 2 - 1;
    b.kernel().buffers[static_cast<std::size_t>(out_base)].written = true;
    b.kernel().buffers[static_cast<std::size_t>(out_base)].read = def_.overlapping;
    b.loop(kernel::LoopKind::sequential, rows, [&](kernel::Scalar row) {
      std::vector<kernel::Scalar> row_offsets;
      for (std::size_t i = 0; i < result_.operands.size(); ++i)
        row_offsets.push_back(b.load(static_cast<int>(i) * 2 + 2,
                                     {kernel::Extent::constant(0), {{row.id, kernel::Extent::constant(1)}}}));
      b.loop(kernel::LoopKind::vector, columns, [&](kernel::Scalar column) {
        const kernel::Scalar tile =
            b.load(acc, {kernel::Extent::constant(0), {{row.id, ld}, {column.id, kernel::Extent::constant(1)}}});
        const kernel::Scalar value = root_ ? emit(b, f, f.values[0].id, tile, row_offsets, column) : tile;
        const std::size_t last = result_.operands.size() - 1;
        b.store(out_base, element(last, row_offsets[last], column), value, {}, def_.overlapping);
      });
    });
    result_.epilogue = b.finish();
  }

  void operand_buffers(kernel::Builder& b, const Tensor& t, Linear address) {
    const std::string n = std::to_string(result_.operands.size());
    b.buffer("operand" + n, t.dtype(), false);
    b.buffer("rows" + n, DType::i64, false);
    add_operand(t, std::move(address));
  }

  kernel::Index element(std::size_t operand, kernel::Scalar row_offset, kernel::Scalar column) const {
    kernel::Index i;
    i.terms.push_back({row_offset.id, kernel::Extent::constant(1)});
    if (result_.operands[operand].unit) i.terms.push_back({column.id, kernel::Extent::constant(1)});
    return i;
  }

  // The one address at which the formula reads source s, in strides of the contraction's iteration dims.
  Linear load_address(const Composed& f, const Tensor& s) const {
    const std::vector<int> axes = plain_axes(def_);
    Linear l{Dim(0), std::vector<Dim>(def_.extents.size(), Dim(0))};
    const std::vector<Dim> strides = strides_of(s.shape());
    for (int e = 0; e < f.formula.size(); ++e) {
      const ExprNode& n = f.formula.node(e);
      if (n.op != ScalarOp::load || !(f.sources[static_cast<std::size_t>(n.source)] == s)) continue;
      for (std::size_t d = 0; d < n.at.size(); ++d) {
        l.constant = l.constant + n.at[d].constant * strides[d];
        for (const auto& [var, factor] : n.at[d].terms)
          for (std::size_t axis = 0; axis < f.loops.size(); ++axis)
            if (f.loops[axis].id == var && axes[axis] >= 0) {
              auto& stride = l.strides[static_cast<std::size_t>(axes[axis])];
              stride = stride + factor * strides[d];
            }
      }
    }
    return l;
  }

  kernel::Scalar emit(kernel::Builder& b, const Composed& f, int e, kernel::Scalar tile,
                      const std::vector<kernel::Scalar>& rows, kernel::Scalar column) {
    if (const auto it = emitted_.find(e); it != emitted_.end()) return it->second;
    const ExprNode& n = f.formula.node(e);
    kernel::Scalar out;
    if (n.op == ScalarOp::constant) {
      out = is_floating(n.type) ? b.constant(n.real, n.type) : b.integer(n.integer, n.type);
    } else if (n.op == ScalarOp::load) {
      const Tensor& s = f.sources[static_cast<std::size_t>(n.source)];
      if (s == c_) {
        out = tile;
      } else {
        const auto it = std::find_if(result_.operands.begin(), result_.operands.end(),
                                     [&](const auto& o) { return o.tensor == s; });
        const auto i = static_cast<std::size_t>(it - result_.operands.begin());
        out = b.load(static_cast<int>(i) * 2 + 1, element(i, rows[i], column));
      }
    } else {
      std::vector<kernel::Scalar> args;
      for (int a : n.args)
        if (a >= 0) args.push_back(emit(b, f, a, tile, rows, column));
      out = b.emit(n.op, n.type, args);
    }
    emitted_.emplace(e, out);
    return out;
  }

  Tensor c_, root_;
  const std::function<bool(const Tensor&)>& inlined_;
  ContractionDef def_;
  Linear a_, b_, out_;
  std::vector<Linear> operand_strides_;
  std::map<int, kernel::Scalar> emitted_;
  LoweredContraction result_;
};

}  // namespace

LoweredContraction lower_contraction(const Tensor& contraction, const Tensor& epilogue,
                                     const std::function<bool(const Tensor&)>& inlined, const std::string& name) {
  return ContractionLowering(contraction, epilogue, inlined).run(name);
}

}  // namespace bitale::lower
