#include "compiler/codegen/cuda/flat_text.h"

#include <algorithm>
#include <utility>

#include "compiler/codegen/cuda/prelude.h"

namespace bitale::codegen::cuda {
namespace {

// The number of iterations that loops inside it have for each of its own.
std::string below(const FlatLoop& l) {
  std::string product = l.below == 1 && !l.factors.empty() ? "" : std::to_string(l.below);
  for (const kernel::Extent& e : l.factors) product += (product.empty() ? "" : " * ") + extent_text(e).text;
  return l.factors.size() + (l.below == 1 ? 0 : 1) > 1 ? "(" + product + ")" : product;
}

}  // namespace

FlatText::FlatText(std::vector<FlatLoop> loops, std::string at, int run)
    : loops_(std::move(loops)), at_(std::move(at)), run_(run) {}

std::string FlatText::iterations() const { return extent_text(loops_[0].extent).text + " * " + below(loops_[0]); }

bool FlatText::is_int() const {
  std::int64_t all = 0;
  return may_walk() && loops_[0].extent.is_constant() &&
         !__builtin_mul_overflow(loops_[0].extent.value, loops_[0].below, &all) && is_small(all);
}

bool FlatText::may_walk() const {
  return loops_[0].factors.empty() && loops_[0].below > 0 && is_small(loops_[0].below);
}

std::vector<std::string> FlatText::name(Values& values) const {
  std::vector<std::string> names;
  for (const FlatLoop& l : loops_) values.set_index(l.var, {names.emplace_back(values.names().loop())}, l.extent);
  return names;
}

void FlatText::open_walk(Lines& out, const std::string& walk, const std::string& first, const std::string& step) const {
  out.open("for (Walk<{0}> {1}({2}, {3}); {1}.outer < {4}; {1}.next())", loops_[0].below / run_, walk, first, step,
           extent_text(loops_[0].extent).text);
}

void FlatText::print_walked(Lines& out, const Values& values, const std::string& walk, std::string_view text) const {
  const std::string outer = walk + ".outer",
                    rest = run_ == 1 ? walk + ".rest" : fmt::format("{} * {}.rest", run_, walk);
  print_outer(out, values, outer, text);
  print_inner(out, values, rest, text);
  if (mentions(text, at_)) out.line("const long long {} = {} * {} + {};", at_, outer, below(loops_[0]), rest);
}

void FlatText::print_divided(Lines& out, const Values& values, std::string_view text) const {
  const std::string positive = is_int() ? "(unsigned)" + at_ : at_;  // is divided in fewer instructions
  print_outer(out, values, positive + " / " + below(loops_[0]), text);
  if (may_walk()) {
    const std::string rest = fmt::format("{} % {}", positive, below(loops_[0]));
    return print_inner(out, values, is_int() ? rest : "(unsigned)(" + rest + ")", text);
  }
  for (std::size_t l = 1; l < loops_.size(); ++l) {
    if (!mentions(text, values.name(loops_[l].var))) continue;
    const std::string index = l + 1 < loops_.size() ? at_ + " / " + below(loops_[l]) : at_;
    out.line("const {} {} = {} % {};", values.index_type(loops_[l].var), values.name(loops_[l].var), index,
             extent_text(loops_[l].extent).text);
  }
}

bool FlatText::mentions_inner(const Values& values, std::string_view text) const {
  return std::any_of(loops_.begin() + 1, loops_.end(),
                     [&](const FlatLoop& l) { return mentions(text, values.name(l.var)); });
}

void FlatText::print_outer(Lines& out, const Values& values, const std::string& index, std::string_view text) const {
  const std::string& name = values.name(loops_[0].var);
  if (mentions(text, name)) out.line("const {} {} = {};", values.index_type(loops_[0].var), name, index);
}

// By `rest`, the iteration of the inner loops as one.
void FlatText::print_inner(Lines& out, const Values& values, const std::string& rest, std::string_view text) const {
  if (!mentions_inner(values, text)) return;
  const bool several = loops_.size() > 2;
  if (several) out.line("const unsigned rest = {};", rest);
  for (std::size_t l = 1; l < loops_.size(); ++l) {
    if (!mentions(text, values.name(loops_[l].var))) continue;
    std::string index = several ? "rest" : rest;
    if (l + 1 < loops_.size()) index += " / " + below(loops_[l]);
    if (l > 1) index += " % " + extent_text(loops_[l].extent).text;
    out.line("const int {} = {};", values.name(loops_[l].var), index);
  }
}

}  // namespace bitale::codegen::cuda
