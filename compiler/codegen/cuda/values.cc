#include "compiler/codegen/cuda/values.h"

#include <algorithm>
#include <utility>

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
      flat_(mapping.flat),
      uses_(uses_of(kernel, {&mapping.before, &mapping.between, &mapping.rest})),
      names_(kernel.extents),
      texts_(kernel.values.size()) {
  for (const kernel::Buffer& b : k_.buffers) buffers_.push_back(names_.fresh(b.name));
  for (std::size_t i = 0; i < k_.values.size(); ++i) {
    const Value& v = k_.values[i];
    if (v.op == ScalarOp::constant) texts_[i] = constant_text(v);
    if (v.op == ScalarOp::extent) texts_[i] = extent_text(v.extent);
  }
}

// Whether the term is one of the flattened loops', and walks them as if they were one.
bool Values::is_flat(const kernel::Term& term) const {
  return std::any_of(flat_.begin(), flat_.end(),
                     [&](const FlatLoop& l) { return l.var == term.value && l.is_below(term.stride); });
}

std::string Values::text(const kernel::Index& index) const {
  std::string sum;
  const bool all_flat = !flat_.empty() && std::count_if(index.terms.begin(), index.terms.end(),
                                                        [&](const kernel::Term& term) { return is_flat(term); }) ==
                                              static_cast<std::ptrdiff_t>(flat_.size());
  bool has_flat = false;
  for (const kernel::Term& term : index.terms) {
    const bool flat = all_flat && is_flat(term);
    if (flat && std::exchange(has_flat, true)) continue;
    const bool back = term.stride == Extent::constant(-1);
    if (back)
      sum += sum.empty() ? "-" : " - ";
    else if (!sum.empty())
      sum += " + ";
    if (flat)
      sum += "at";
    else if (back || term.stride == Extent::constant(1))
      sum += operand((*this)[term.value]);
    else
      sum += operand((*this)[term.value]) + " * " + operand(extent_text(term.stride));
  }
  const Extent& c = index.constant;
  if (sum.empty()) return extent_text(c).text;
  if (!c.is_constant()) return sum + " + " + extent_text(c).text;
  if (c.value != 0) sum += c.value > 0 ? " + " + std::to_string(c.value) : " - " + std::to_string(-c.value);
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

Text Values::expression(const Value& v) const {
  if (v.op == ScalarOp::load) {
    const Access& access = k_.access(v.index);
    const bool logical = v.type == DType::bool_;
    const std::string loaded = element(access) + (logical ? " != 0" : "");
    if (access.guard.empty()) return {loaded, !logical};
    return {condition(access) + " ? " + loaded + " : " + operand((*this)[v.args[0]]), false};
  }
  const auto arity = static_cast<std::size_t>(arity_of(v.op));
  Text args[3];
  for (std::size_t i = 0; i < arity; ++i) args[i] = (*this)[v.args[i]];
  return instruction_text(v.op, v.type, type(v.args[arity - 1]), {args, arity});
}

bool Values::let(ValueId id, Lines& out) {
  const Value& v = k_.value(id);
  const Use& u = uses_[static_cast<std::size_t>(id)];
  if (u.count == 0) return false;
  const Text text = expression(v);
  const bool load = v.op == ScalarOp::load;
  if (!load && u.count == 1 && !u.elsewhere && text.text.size() <= longest_inlined) {
    set(id, text);
    return false;
  }
  const std::string own = names_.numbered(load ? std::string_view(buffer(k_.access(v.index).buffer)) : name_of(v.op));
  out.line("const {} {} = {};", type_name(v.type), own, text.text);
  set(id, {own});
  return load;
}

}  // namespace bitale::codegen::cuda
