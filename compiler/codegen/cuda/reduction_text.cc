#include "compiler/codegen/cuda/reduction_text.h"

#include <span>

#include <fmt/ranges.h>

#include "compiler/codegen/cuda/flat_text.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Combiner;
using kernel::Loop;
using kernel::Reduction;
using Sums = std::vector<std::string>;
using Nest = std::span<const Loop* const>;

std::string_view combiner_struct(Combiner c) {
  constexpr std::string_view names[] = {"Sum", "Product", "Max", "Min", "Any", "All", "ArgMax", "ArgMin"};
  return names[static_cast<std::size_t>(c)];
}

std::string identity(Combiner c, DType type) {
  return (is_floating(type) ? number_text(identity_of(c, type), type) : number_text(integer_identity_of(c, type), type))
      .text;
}

std::string print_start(Lines& out, Values& values, const Reduction& r) {
  const DType type = values.type(r.results[0]);
  const bool pairs = takes_pairs(r.combiner);
  const std::string own = values.names().numbered(pairs ? "best" : name_of(r.combiner));
  const std::string start = identity(r.combiner, type);
  if (!pairs) {
    out.line("{} {} = {};", type_name(type), own, start);
    values.set(r.results[0], {own});
    return own;
  }
  out.line("Best<{}> {} = {{{}, 9223372036854775807ll}};", type_name(type), own, start);
  values.set(r.results[0], {own + ".value"});
  values.set(r.results[1], {own + ".index"});
  return own;
}

void print_team_meeting(Lines& out, Combiner c, const std::string& sum, Team team) {
  if (team == Team::thread) return;
  out.line("{0} = {1}_reduce<{2}>({0});", sum, team == Team::block ? "block" : "column", combiner_struct(c));
}

// The last block goes on, with what all blocks have combined.
void print_meeting_of_blocks(Lines& out, const Values& values, const Reductions& reductions, const Sums& sums) {
  for (std::size_t r = 0; r < sums.size(); ++r) out.line("leave_part({}, {});", r, sums[r]);
  out.line("if (!is_last_block(blocks)) return;");
  for (std::size_t r = 0; r < sums.size(); ++r) {
    const DType type = values.type(reductions[r].results[0]);
    out.line("{} = threadIdx.x < blocks ? part_left<{}>({}, threadIdx.x) : {};", sums[r], type_name(type), r,
             identity(reductions[r].combiner, type));
    print_team_meeting(out, reductions[r].combiner, sums[r], Team::block);
  }
}

std::string iterations_of(Nest nest) {
  std::string product;
  for (const Loop* l : nest) product += (product.empty() ? "" : " * ") + extent_text(l->extent).text;
  return product;
}

// The loop over a thread's share of the nest's iterations, as one, and the indices in it; the names to be released.
std::vector<std::string> open_share(Lines& out, Values& values, const std::vector<const Loop*>& nest,
                                    const Phase& phase) {
  const std::string lanes = phase.team == Team::column ? fmt::format(" / {}", columns_of_block) : "";
  const std::string first = phase.by_all ? "blockIdx.x * blockDim.x + threadIdx.x" : "threadIdx.x" + lanes,
                    apart = phase.by_all ? "blocks * blockDim.x" : "blockDim.x" + lanes;
  const auto open = [&](std::string_view type, const std::string& at) {
    out.open("for ({0} {1} = {2}; {1} < {3}; {1} += {4})", type, at, first, iterations_of(nest), apart);
  };
  if (nest.size() == 1) {
    const std::string at = values.names().loop();
    values.set_index(nest[0]->var, {at}, nest[0]->extent);
    open(values.index_type(nest[0]->var), at);
    return {at};
  }
  const FlatText flat(flattened(*nest[0], {nest.begin() + 1, nest.end()}), values.names().numbered("step"));
  std::vector<std::string> own = flat.name(values);
  const std::string all = fmt::format("{}", fmt::join(own, " "));  // are mentioned
  if (flat.may_walk() && !flat.is_int()) {
    flat.open_walk(out, own.emplace_back(values.names().numbered("walk")), first, apart);
    flat.print_walked(out, values, own.back(), all);
  } else {
    open(flat.type(), flat.at());
    flat.print_divided(out, values, all);
  }
  own.push_back(flat.at());
  return own;
}

}  // namespace

Sums print_starts(Lines& out, Values& values, const Reductions& reductions) {
  Sums sums;
  sums.reserve(reductions.size());
  for (const Reduction& r : reductions) sums.push_back(print_start(out, values, r));
  return sums;
}

void print_combining(Lines& out, const Values& values, const Reductions& reductions, const Sums& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const Reduction& r = reductions[i];
    std::string value = values[r.yields[0]].text;
    if (takes_pairs(r.combiner))
      value = fmt::format("Best<{}>{{{}, {}}}", type_name(values.type(r.yields[0])), value, values[r.yields[1]].text);
    out.line("{0} = {1}::of({0}, {2});", sums[i], combiner_struct(r.combiner), value);
  }
}

void print_meeting(Lines& out, const Reductions& reductions, const Sums& sums, const std::string& steps, Team team) {
  for (std::size_t r = 0; r < sums.size(); ++r) {
    print_team_meeting(out, reductions[r].combiner, sums[r], team);
    if (takes_pairs(reductions[r].combiner)) out.line("if ({} <= 0) {}.index = 0;", steps, sums[r]);
  }
}

void print_shared_nest(Lines& out, Values& values, const std::vector<const Loop*>& nest, const Phase& phase) {
  const Reductions& reductions = nest.front()->reductions;
  const Sums sums = print_starts(out, values, reductions);
  const std::vector<std::string> own = open_share(out, values, nest, phase);
  for (const Loop* l : nest)
    for (const kernel::Stmt& stmt : l->body)
      if (const auto* let = std::get_if<kernel::Let>(&stmt.node)) values.let(let->value, out);
  print_combining(out, values, nest.back()->reductions, sums);
  out.close();
  for (const std::string& name : own) values.names().release(name);
  print_meeting(out, reductions, sums, iterations_of(nest), phase.team);
  if (phase.by_all) print_meeting_of_blocks(out, values, reductions, sums);
}

}  // namespace bitale::codegen::cuda
