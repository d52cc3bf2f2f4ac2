#include <algorithm>

#include "ops/index/subtensor.h"

namespace bitale::ops {

using namespace ir;

bool SubtensorPlan::whole(const Tensor& x) const {
  return extents == x.shape() && std::all_of(starts.begin(), starts.end(), [](const Dim& d) { return d.is(0); }) &&
         std::all_of(steps.begin(), steps.end(), [](std::int64_t s) { return s == 1; });
}

Shape SubtensorPlan::joint() const {
  Shape s = before;
  s.push_back(product(taken));
  s.insert(s.end(), after.begin(), after.end());
  return s;
}

Shape SubtensorPlan::apart() const {
  Shape s = before;
  s.insert(s.end(), taken.begin(), taken.end());
  s.insert(s.end(), after.begin(), after.end());
  return s;
}

namespace {

Dim clip(const Dim& d, const Dim& low, const Dim& high) { return min(max(d, low), high); }

struct Region {
  Dim start, count;
};

// The places of a slice in [0, n). A constant bound that is negative counts from the end.
Region region_of(const Slice& s, const Dim& n) {
  const auto bound = [&](const std::optional<Dim>& d, const Dim& missing, const Dim& low, const Dim& high) {
    if (!d) return missing;
    return clip(d->is_constant() && d->value() < 0 ? n + *d : *d, low, high);
  };
  const Dim step(s.step > 0 ? s.step : -s.step);
  const Dim low = s.step > 0 ? Dim(0) : Dim(-1), high = s.step > 0 ? n : n - Dim(1);
  const Dim start = bound(s.start, s.step > 0 ? low : high, low, high);
  const Dim stop = bound(s.stop, s.step > 0 ? high : low, low, high);
  const Dim length = s.step > 0 ? stop - start : start - stop;
  return {start, max(floordiv(length + step - Dim(1), step), 0)};
}

// One place in [0, n). Where only the call can tell whether it is there, the count is 1 or 0, and the reshape that
// takes the axis away checks it at call entry.
Region region_of(const Dim& place, const Dim& n) {
  const Dim first = place.is_constant() && place.value() < 0 ? n + place : place;
  if (n.is_constant() && first.is_constant()) return {first, 1};
  const Dim start = clip(first, 0, n);
  return {start, clip(first + Dim(1), 0, n) - start};
}

class Planner {
 public:
  Planner(const OpDef& op, const Tensor& x, const std::vector<IndexItem>& index, SourceLine line)
      : op_(op), x_(x), line_(line) {
    require_operand(op.name.c_str(), x, line);
    expand(index);
  }

  SubtensorPlan run() {
    for (const IndexItem& item : items_) std::visit([&](const auto& i) { read(i); }, item);
    finish();
    return std::move(plan_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    std::vector<Tensor> operands{x_};
    for (const IndexItem& item : items_)
      if (const auto* t = std::get_if<Tensor>(&item); t && *t) operands.push_back(*t);
    TypeArgs(op_, nullptr, operands, line_).fail(what);
  }

  // An item for each axis: the ellipsis, or the missing items at the end, are whole axes.
  void expand(const std::vector<IndexItem>& index) {
    items_ = index;
    const auto is_axis = [](const IndexItem& i) {
      return !std::holds_alternative<NewAxis>(i) && !std::holds_alternative<Ellipsis>(i);
    };
    const auto is_ellipsis = [](const IndexItem& i) { return std::holds_alternative<Ellipsis>(i); };
    const auto axes = std::count_if(index.begin(), index.end(), is_axis);
    if (axes > x_.rank())
      fail("there are " + std::to_string(axes) + " indices for " + std::to_string(x_.rank()) + " axes");
    auto place = std::find_if(items_.begin(), items_.end(), is_ellipsis);
    if (place != items_.end() && std::any_of(place + 1, items_.end(), is_ellipsis))
      fail("an index may contain one ellipsis");
    if (place == items_.end()) place = items_.insert(place, Ellipsis{});
    // It stays in the list: even without axes it parts integer tensors.
    items_.insert(place + 1, static_cast<std::size_t>(x_.rank() - axes), Slice{});
    for (const IndexItem& item : items_) tensors_ = tensors_ || std::holds_alternative<Tensor>(item);
  }

  const Dim& next_extent() const { return x_.shape()[plan_.starts.size()]; }

  void add_region(const Region& r, std::int64_t step) {
    plan_.starts.push_back(r.start);
    plan_.extents.push_back(r.count);
    plan_.steps.push_back(step);
  }

  // An axis that stays for now; `free`: in the result, else read by a tensor.
  void keep(const Dim& extent, bool free) {
    (free ? free_axes_ : taken_axes_).push_back(static_cast<std::int64_t>(plan_.kept.size()));
    plan_.kept.push_back(extent);
  }

  void read(const Dim& place) {
    const Dim& n = next_extent();
    const Region r = region_of(place, n);
    if (n.is_constant() && r.start.is_constant() && (r.start.value() < 0 || r.start.value() >= n.value()))
      fail("index " + to_string(place) + " is out of range for axis " + std::to_string(plan_.starts.size()) +
           ", whose extent is " + to_string(n));
    add_region(r, 1);
    begin_run();
  }

  void read(const Slice& s) {
    if (s.step == 0) fail("the step of a slice must not be 0");
    const Region r = region_of(s, next_extent());
    add_region(r, s.step);
    in_run_ = false;
    result_.push_back(r.count);
    keep(r.count, true);
  }

  void read(NewAxis) {
    in_run_ = false;
    result_.push_back(1);
  }

  void read(Ellipsis) { in_run_ = false; }

  void read(const Tensor& indices) {
    require_operand(op_.name.c_str(), indices, line_);
    if (indices.dtype() == DType::bool_)
      fail(
          "a mask selects a number of elements that only the call knows; where(mask, a, b) selects and keeps the "
          "shape, "
          "compress() gives a fixed number of rows");
    if (!is_integer(indices.dtype())) fail("indices must be integers");
    const Dim& n = next_extent();
    rows_.push_back(checked_rows(indices, n, op_.name, line_));
    indices_.emplace_back(indices);
    plan_.taken.push_back(n);
    add_region({0, n}, 1);
    begin_run();
    keep(n, false);
  }

  // Items that NumPy counts among the integer tensors: theirs is one place in the result if they are neighbours.
  void begin_run() {
    if (tensors_ && !in_run_ && ++runs_ == 1) {
      run_place_ = result_.size();
      free_before_ = free_axes_.size();
    }
    in_run_ = true;
  }

  void finish() {
    plan_.shape = std::move(result_);
    if (!tensors_) return;
    const std::vector<DType> dtypes(indices_.size(), DType::i64);
    const Shape own = broadcast_operands(op_, indices_, dtypes, line_)[0].shape();
    plan_.rows = broadcast_to(joint_rows(rows_, plan_.taken, line_), own, line_);
    if (runs_ > 1) run_place_ = free_before_ = 0;
    plan_.shape.insert(plan_.shape.begin() + static_cast<std::ptrdiff_t>(run_place_), own.begin(), own.end());
    const auto middle = free_axes_.begin() + static_cast<std::ptrdiff_t>(free_before_);
    plan_.order.assign(free_axes_.begin(), middle);
    plan_.order.insert(plan_.order.end(), taken_axes_.begin(), taken_axes_.end());
    plan_.order.insert(plan_.order.end(), middle, free_axes_.end());
    for (auto a = free_axes_.begin(); a != free_axes_.end(); ++a)
      (a < middle ? plan_.before : plan_.after).push_back(plan_.kept[static_cast<std::size_t>(*a)]);
  }

  const OpDef& op_;
  const Tensor& x_;
  const SourceLine line_;
  std::vector<IndexItem> items_;
  bool tensors_ = false, in_run_ = false;
  int runs_ = 0;
  std::size_t run_place_ = 0, free_before_ = 0;  // of the first run: in the result, and among the free axes
  std::vector<std::int64_t> free_axes_, taken_axes_;
  std::vector<Tensor> rows_;
  std::vector<Operand> indices_;
  Shape result_;
  SubtensorPlan plan_;
};

}  // namespace

SubtensorPlan plan_subtensor(const OpDef& op, const Tensor& x, const std::vector<IndexItem>& index, SourceLine line) {
  return Planner(op, x, index, line).run();
}

}  // namespace bitale::ops
