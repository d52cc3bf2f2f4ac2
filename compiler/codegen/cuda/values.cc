#include "compiler/codegen/cuda/values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Extent;
using kernel::ScalarOp;
using kernel::Value;
using kernel::ValueId;

// A value that is used once, in the region where it is computed, and whose text is no longer than this, gets no name.
constexpr std::size_t longest_inlined = 60;

std::string operand(const Text& t) { return t.closed ? t.text : "(" + t.text + ")"; }

}  // namespace

Values::Values(const kernel::Kernel& kernel, const Mapping& mapping)
    : k_(kernel),
      uses_(uses_of(kernel, {&mapping.before, &mapping.between, &mapping.rest})),
      names_(kernel.extents),
      texts_(kernel.values.size()),
      flat_(mapping.flat) {
  for (const kernel::Buffer& b : k_.buffers) buffers_.push_back(names_.fresh(b.name));
  for (std::size_t i = 0; i < k_.values.size(); ++i) {
    const Value& v = k_.values[i];
    const auto id = static_cast<ValueId>(i);
    if (v.op == ScalarOp::constant) {
      texts_[i] = constant_text(v);
      if (v.type == DType::i64 && is_small(v.integer))
        ints_[id] = {number_text(v.integer, DType::i32), {v.integer, v.integer}};
    } else if (v.op == ScalarOp::extent) {
      texts_[i] = extent_text(v.extent);
    }
  }
}

void Values::define(ValueId v, const Expression& e) {
  ints_.erase(v);
  if (e.range) ints_[v] = {e.text, *e.range};
  set(v, e.range ? Text{"(long long)" + operand(e.text)} : e.text);
}

const Values::Int* Values::find_int(ValueId v) const {
  const auto found = ints_.find(v);
  return found == ints_.end() ? nullptr : &found->second;
}

const Values::Int* Values::find_small(ValueId v) const {
  const Int* const found = find_int(v);
  return found && is_small(found->range.low) && is_small(found->range.high) ? found : nullptr;
}

void Values::set_index(ValueId v, Text text, const Extent& extent) {
  Expression e{std::move(text)};
  if (extent.is_constant() && is_small(extent.value)) e.range = {0, std::max<std::int64_t>(extent.value - 1, 0)};
  define(v, e);
}

const std::string& Values::name(ValueId v) const {
  const Int* const found = find_int(v);
  return (found ? found->text : (*this)[v]).text;
}

std::string_view Values::index_type(ValueId v) const { return find_int(v) ? "int" : "long long"; }

void Values::set_flat(std::string at, std::int64_t iterations) {
  at_ = std::move(at);
  iterations_ = iterations;
}

// ---- accesses ----

// Whether the term is one of the flattened loops', and walks them as if they were one.
bool Values::is_flat(const kernel::Term& term) const {
  return std::any_of(flat_.begin(), flat_.end(),
                     [&](const FlatLoop& l) { return l.var == term.value && l.is_below(term.stride); });
}

// Whether int holds the constant and the products that are of ints, and whatever part of their sum. `flat`: those of
// the flattened loops are one.
bool Values::fits_int(const kernel::Index& index, bool flat) const {
  double reach = std::abs(static_cast<double>(index.constant.value));
  if (flat && iterations_ >= 0) reach += static_cast<double>(iterations_);
  for (const kernel::Term& term : index.terms) {
    const Int* const found = find_small(term.value);
    if (!found || (flat && is_flat(term))) continue;
    if (!term.stride.is_constant()) return false;
    const auto most = static_cast<double>(std::max(std::abs(found->range.low), std::abs(found->range.high)));
    reach += std::abs(static_cast<double>(term.stride.value)) * most;
  }
  return index.constant.is_constant() && reach < static_cast<double>(std::int64_t{1} << 31);
}

namespace {

void add_product(std::string& sum, const Text& value, const Extent& by) {
  const bool back = by == Extent::constant(-1);
  if (back)
    sum += sum.empty() ? "-" : " - ";
  else if (!sum.empty())
    sum += " + ";
  sum += operand(value);
  if (!back && !(by == Extent::constant(1))) sum += " * " + operand(extent_text(by));
}

void add_constant(std::string& sum, const Extent& c) {
  if (sum.empty())
    sum = extent_text(c).text;
  else if (!c.is_constant())
    sum += " + " + extent_text(c).text;
  else if (c.value != 0)
    sum += c.value > 0 ? fmt::format(" + {}", c.value) : fmt::format(" - {}", -c.value);
}

}  // namespace

// Ints are summed by themselves first: one sum of 64 bits is left.
std::string Values::text(const kernel::Index& index) const {
  std::string sum, of_ints;
  const bool all_flat = !flat_.empty() && std::count_if(index.terms.begin(), index.terms.end(),
                                                        [&](const kernel::Term& term) { return is_flat(term); }) ==
                                              static_cast<std::ptrdiff_t>(flat_.size());
  const bool fits = fits_int(index, all_flat);
  bool has_flat = false;
  for (const kernel::Term& term : index.terms) {
    if (all_flat && is_flat(term)) {
      if (!std::exchange(has_flat, true))
        add_product(fits && iterations_ >= 0 ? of_ints : sum, {at_}, Extent::constant(1));
      continue;
    }
    const Int* const narrow = fits ? find_small(term.value) : nullptr;
    add_product(narrow ? of_ints : sum, narrow ? narrow->text : (*this)[term.value], term.stride);
  }
  const bool several = of_ints.find(' ') != std::string::npos || of_ints.starts_with('-');
  if (!of_ints.empty() && (sum.empty() || several)) {
    add_constant(of_ints, index.constant);
    return sum.empty() ? of_ints : sum + " + (" + of_ints + ")";
  }
  if (!of_ints.empty()) sum += " + " + of_ints;
  add_constant(sum, index.constant);
  return sum;
}

std::string Values::element(const Access& access) const {
  return buffer(access.buffer) + "[" + text(access.index) + "]";
}

std::string Values::condition(const Access& access) const {
  std::string all;
  for (const kernel::Bound& bound : access.guard)
    all += (all.empty() ? "inside(" : " && inside(") + text(bound.index) + ", " + extent_text(bound.upper).text + ")";
  return all;
}

// ---- values ----

Text Values::loaded(const Value& v) const {
  const Access& access = k_.access(v.index);
  const bool logical = v.type == DType::bool_;
  const auto neighbours = loaded_.find(v.index);
  const std::string element_of =
      (neighbours == loaded_.end() ? element(access) : neighbours->second + ".lane[lane]") + (logical ? " != 0" : "");
  if (access.guard.empty()) return {element_of, !logical};
  return {condition(access) + " ? " + element_of + " : " + operand((*this)[v.args[0]]), false};
}

Values::Expression Values::expression(const Value& v) const {
  if (v.op == ScalarOp::load) return {loaded(v)};
  const auto arity = static_cast<std::size_t>(arity_of(v.op));
  const DType last = type(v.args[arity - 1]);
  Text wide[3], narrow[3];
  Range ranges[3];
  bool all_ints = v.op != ScalarOp::bitcast && v.op != ScalarOp::philox;
  for (std::size_t i = 0; i < arity; ++i) {
    wide[i] = narrow[i] = (*this)[v.args[i]];
    if (type(v.args[i]) != DType::i64) continue;
    const Int* const found = find_int(v.args[i]);
    all_ints = all_ints && found;
    if (found) narrow[i] = found->text, ranges[i] = found->range;
  }
  if (v.op == ScalarOp::cast && v.type == DType::i64 && is_integer(last) && last != DType::i64)
    return {{"(int)" + operand(wide[0])},
            Range{integer_identity_of(kernel::Combiner::max, last), integer_identity_of(kernel::Combiner::min, last)}};
  if (all_ints && last == DType::i64) {
    if (v.type != DType::i64) return {instruction_text(v.op, v.type, DType::i32, {narrow, arity})};
    if (const auto range = range_of(v.op, {ranges, arity}))
      return {instruction_text(v.op, DType::i32, DType::i32, {narrow, arity}), range};
  }
  return {instruction_text(v.op, v.type, last, {wide, arity})};
}

bool Values::let(ValueId id, Lines& out) {
  const Value& v = k_.value(id);
  const Use& u = uses_[static_cast<std::size_t>(id)];
  if (u.count == 0) return false;
  Expression e = expression(v);
  const bool load = v.op == ScalarOp::load;
  if (load || u.count > 1 || u.elsewhere || e.text.text.size() > longest_inlined) {
    const std::string own = names_.numbered(load ? std::string_view(buffer(k_.access(v.index).buffer)) : name_of(v.op));
    out.line("const {} {} = {};", e.range ? "int" : type_name(v.type), own, e.text.text);
    e.text = {own};
  }
  define(id, e);
  return load;
}

}  // namespace bitale::codegen::cuda
