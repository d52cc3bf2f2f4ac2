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
  ContractionLowering(const Group& group, const std::function<bool(const Tensor&)>& inlined)
      : c_(group.roots[0]),
        roots_(group.epilogue),
        slices_(group.slices),
        inlined_(inlined),
        def_(c_.node().op().contraction(c_.node())),
        extents_(def_.extents) {
    const std::size_t dims = extents_.size();
    a_ = linearise(def_.a, c_.node().input(0).shape(), dims);
    b_ = linearise(def_.b, c_.node().input(1).shape(), dims);
    out_ = linearise(def_.out, c_.shape(), dims);
  }

  LoweredContraction run(const std::string& name) {
    const std::vector<Tensor> reads = read_by(c_.node());
    result_.a = reads[0];
    result_.b = reads[1];
    result_.accumulating = def_.overlapping;
    if (lanes_favour_swap()) {
      std::swap(a_, b_);
      std::swap(result_.a, result_.b);
      result_.swapped = true;
    }
    walk_forward();
    if (slices_ > 1) slice_lanes();
    result_.a_offset = a_.constant;
    result_.b_offset = b_.constant;
    make_epilogue(name);
    deal_dims();
    return std::move(result_);
  }

 private:
  enum class Part { batch, m, n, k };

  Part part_of(std::size_t d) const {
    const bool in_a = !a_.strides[d].is(0), in_b = !b_.strides[d].is(0), in_out = !out_.strides[d].is(0);
    if (in_out && in_a && in_b) return Part::batch;
    if (def_.overlapping && in_out && is_axis(d))
      return Part::batch;  // its elements never meet: blocks may run in parallel
    if (in_out) return in_b ? Part::n : Part::m;
    return Part::k;
  }

  // A flipped dim is walked from its other end, such that the output, else b, else a is walked towards higher
  // addresses.
  void walk_forward() {
    for (std::size_t d = 0; d < extents_.size(); ++d) {
      const Linear& first = !out_.strides[d].is(0) ? out_ : !b_.strides[d].is(0) ? b_ : a_;
      const auto back = (Dim(0) - first.strides[d]).lower_bound();
      if (!back || *back <= 0) continue;
      for (Linear* l : {&a_, &b_, &out_}) {
        l->constant = l->constant + l->strides[d] * (extents_[d] - Dim(1));
        l->strides[d] = Dim(0) - l->strides[d];
      }
    }
  }

  // The dim of the last axis becomes two: the slices, and what is innermost, the columns of one.
  void slice_lanes() {
    const auto lanes = static_cast<std::size_t>(def_.out.back().terms[0].first);
    const Dim width = roots_[0].shape().back();
    extents_[lanes] = Dim(slices_);
    extents_.push_back(width);
    for (Linear* l : {&a_, &b_, &out_}) {
      l->strides.push_back(l->strides[lanes]);
      l->strides[lanes] = l->strides[lanes] * width;
    }
    result_.sliced = true;
  }

  // The innermost n dim ought to be the output's contiguous one.
  bool lanes_favour_swap() const {
    if (def_.overlapping) return false;
    for (std::size_t d = extents_.size(); d-- > 0;)
      if (!trivial(extents_[d]) && (out_.strides[d].is(1) || out_.strides[d].is(-1))) return part_of(d) == Part::m;
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
    for (std::size_t d = 0; d < extents_.size(); ++d) {
      all = all * extents_[d];
      if (trivial(extents_[d])) continue;
      LoweredContraction::LoopDim l{extents_[d], a_.strides[d], b_.strides[d], {}};
      for (const Linear& o : operand_strides_) l.operands.push_back(o.strides[d]);
      switch (part_of(d)) {
        case Part::batch:
          result_.batch.push_back(l);
          break;
        case Part::m:
          result_.m.push_back(l);
          result_.rows = result_.rows * l.extent;
          break;
        case Part::n:
          result_.n.push_back(l);
          result_.columns = result_.columns * l.extent;
          break;
        case Part::k:
          result_.k.push_back(l);
          break;
      }
    }
    result_.flops = all;
    order_depth();
    if (result_.accumulating) spread_rows();
  }

  // Sums go over both operands as they lie in memory, wherever the product got its order of dims from.
  void order_depth() {
    const auto goes_around = [](const LoweredContraction::LoopDim& x, const LoweredContraction::LoopDim& y) {
      const auto multiple = [](const Dim& of_x, const Dim& of_y) {
        const auto times = exact_quotient(of_x, of_y);
        return times && !times->is(0) && !times->is(1) && times->lower_bound().value_or(-1) >= 0;
      };
      return multiple(x.a, y.a) && multiple(x.b, y.b);
    };
    for (std::size_t i = 1; i < result_.k.size(); ++i)
      for (std::size_t j = i; j > 0 && goes_around(result_.k[j], result_.k[j - 1]); --j)
        std::swap(result_.k[j], result_.k[j - 1]);
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
    for (std::size_t d = extents_.size(); d-- > 0;)
      if (!trivial(extents_[d]) && part_of(d) == Part::n) return !l.strides[d].is(0);
    return true;  // there is one column
  }

  void add_operand(kernel::Builder& b, const Tensor& t, Linear l, bool written) {
    const std::string n = std::to_string(result_.operands.size());
    const int buffer = b.buffer("operand" + n, t.dtype(), false);
    b.buffer("rows" + n, DType::i64, false);
    b.kernel().buffers[static_cast<std::size_t>(buffer)].written = written;
    b.kernel().buffers[static_cast<std::size_t>(buffer)].read = !written || def_.overlapping;
    result_.operands.push_back({t, l.constant, is_unit(l), written});
    operand_strides_.push_back(std::move(l));
  }

  // What the kernel's code refers to while it is built.
  struct Epilogue {
    kernel::Builder& b;
    const Composed& f;
    int acc;
    kernel::Extent ld, distance;  // of accumulators: between rows, between slices
    kernel::Scalar row, column;
    std::vector<kernel::Scalar> row_offsets;
    std::map<int, kernel::Scalar> emitted;         // by expression
    std::map<std::int64_t, kernel::Scalar> tiles;  // by slice
  };

  void make_epilogue(const std::string& name) {
    kernel::Builder b(name);
    const int acc = b.buffer("acc", c_.dtype(), false);
    const kernel::Extent rows = b.extent_argument(), columns = b.extent_argument(), ld = b.extent_argument();
    const kernel::Extent distance = slices_ > 1 ? b.extent_argument() : kernel::Extent::constant(0);
    Composed f;
    if (roots_.empty()) {
      b.kernel().comments.push_back(comment_of(c_.node()));
    } else {
      compose(roots_, inlined_, f);
      for (const ir::NodePtr& n : f.nodes) b.kernel().comments.push_back(comment_of(*n));
    }
    for (int e = 0; e < f.formula.size(); ++e) {
      const ExprNode& n = f.formula.node(e);
      if (n.op != ScalarOp::load || source_of(f, n) == c_) continue;
      operand_of_[e] = result_.operands.size();
      add_operand(b, source_of(f, n), load_address(f, n), false);
    }
    const std::size_t first_out = result_.operands.size();
    if (roots_.empty()) add_operand(b, c_, out_, true);
    for (const Tensor& root : roots_) add_operand(b, root, root_address(root), true);
    b.loop(kernel::LoopKind::sequential, rows, [&](kernel::Scalar row) {
      std::vector<kernel::Scalar> row_offsets;
      for (std::size_t i = 0; i < result_.operands.size(); ++i)
        row_offsets.push_back(b.load(static_cast<int>(i) * 2 + 2,
                                     {kernel::Extent::constant(0), {{row.id, kernel::Extent::constant(1)}}}));
      b.loop(kernel::LoopKind::vector, columns, [&](kernel::Scalar column) {
        Epilogue at{b, f, acc, ld, distance, row, column, row_offsets, {}, {}};
        for (std::size_t o = first_out; o < result_.operands.size(); ++o) {
          const kernel::Scalar value = roots_.empty() ? tile(at, 0) : emit(at, f.values[o - first_out].id);
          b.store(static_cast<int>(o) * 2 + 1, element(o, row_offsets[o], column), value, {}, def_.overlapping);
        }
      });
    });
    result_.epilogue = b.finish();
  }

  static const Tensor& source_of(const Composed& f, const ExprNode& load) {
    return f.sources[static_cast<std::size_t>(load.source)];
  }

  kernel::Index element(std::size_t operand, kernel::Scalar row_offset, kernel::Scalar column) const {
    kernel::Index i;
    i.terms.push_back({row_offset.id, kernel::Extent::constant(1)});
    if (result_.operands[operand].unit) i.terms.push_back({column.id, kernel::Extent::constant(1)});
    return i;
  }

  // The iteration dim of each axis that the epilogue computes along; -1 if there is none.
  std::vector<int> dims_of_axes() const {
    std::vector<int> axes = plain_axes(def_);
    if (slices_ > 1) axes.back() = static_cast<int>(extents_.size()) - 1;
    return axes;
  }

  Linear root_address(const Tensor& root) const {
    if (slices_ == 1) return out_;
    Linear l{Dim(0), std::vector<Dim>(extents_.size(), Dim(0))};
    const std::vector<Dim> strides = strides_of(root.shape());
    const std::vector<int> axes = dims_of_axes();
    for (std::size_t d = 0; d < axes.size(); ++d) l.strides[static_cast<std::size_t>(axes[d])] = strides[d];
    return l;
  }

  // The address of a load, in strides of the contraction's iteration dims.
  Linear load_address(const Composed& f, const ExprNode& n) const {
    const std::vector<int> axes = dims_of_axes();
    Linear l{Dim(0), std::vector<Dim>(extents_.size(), Dim(0))};
    const std::vector<Dim> strides = strides_of(source_of(f, n).shape());
    for (std::size_t d = 0; d < n.at.size(); ++d) {
      l.constant = l.constant + n.at[d].constant * strides[d];
      for (const auto& [var, factor] : n.at[d].terms)
        for (std::size_t axis = 0; axis < f.loops.size(); ++axis)
          if (f.loops[axis].id == var && axes[axis] >= 0) {
            auto& stride = l.strides[static_cast<std::size_t>(axes[axis])];
            stride = stride + factor * strides[d];
          }
    }
    return l;
  }

  // The accumulator of a slice.
  kernel::Scalar tile(Epilogue& at, std::int64_t slice) {
    const auto [known, fresh] = at.tiles.try_emplace(slice);
    if (!fresh) return known->second;
    kernel::Index index{kernel::Extent::constant(0), {{at.row.id, at.ld}, {at.column.id, kernel::Extent::constant(1)}}};
    if (slice > 0) index.terms.push_back({at.b.integer(slice, DType::i64).id, at.distance});
    return known->second = at.b.load(at.acc, index);
  }

  std::int64_t slice_of(const ExprNode& load) const {
    for (std::int64_t s = 1; s < slices_; ++s)
      if (load.at.back().constant == roots_[0].shape().back() * Dim(s)) return s;
    return 0;
  }

  kernel::Scalar emit(Epilogue& at, int e) {
    if (const auto it = at.emitted.find(e); it != at.emitted.end()) return it->second;
    const ExprNode& n = at.f.formula.node(e);
    kernel::Scalar out;
    if (n.op == ScalarOp::constant) {
      out = is_floating(n.type) ? at.b.constant(n.real, n.type) : at.b.integer(n.integer, n.type);
    } else if (n.op == ScalarOp::load && source_of(at.f, n) == c_) {
      out = tile(at, slice_of(n));
    } else if (n.op == ScalarOp::load) {
      const std::size_t i = operand_of_.at(e);
      out = at.b.load(static_cast<int>(i) * 2 + 1, element(i, at.row_offsets[i], at.column));
    } else {
      std::vector<kernel::Scalar> args;
      for (int a : n.args)
        if (a >= 0) args.push_back(emit(at, a));
      out = at.b.emit(n.op, n.type, args);
    }
    at.emitted.emplace(e, out);
    return out;
  }

  const Tensor c_;
  const std::vector<Tensor> roots_;
  const int slices_;
  const std::function<bool(const Tensor&)>& inlined_;
  const ContractionDef def_;
  std::vector<Dim> extents_;
  Linear a_, b_, out_;
  std::vector<Linear> operand_strides_;
  std::map<int, std::size_t> operand_of_;  // by load
  LoweredContraction result_;
};

}  // namespace

LoweredContraction lower_contraction(const Group& group, const std::function<bool(const Tensor&)>& inlined,
                                     const std::string& name) {
  return ContractionLowering(group, inlined).run(name);
}

}  // namespace bitale::lower
