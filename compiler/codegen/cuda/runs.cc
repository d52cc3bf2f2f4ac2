#include "compiler/codegen/cuda/runs.h"

#include <algorithm>
#include <set>

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Index;
using kernel::Kernel;
using kernel::Let;
using kernel::ScalarOp;
using kernel::Stmt;
using kernel::Store;
using kernel::Value;
using kernel::ValueId;

constexpr int lanes_of_run = 4;
// The arithmetic of a lane, in additions: that of four is printed, and takes time to compile, and whatever is much more
// than its loads and stores does not wait for these.
constexpr int most_arithmetic = 40;

ValueId innermost(const Mapping& m) { return m.flat.empty() ? m.outer->var : m.flat.back().var; }

std::vector<const Stmt*> statements_of(const Mapping& m) {
  std::vector<const Stmt*> all = m.between;
  all.insert(all.end(), m.rest.begin(), m.rest.end());
  return all;
}

// What is not the same in all lanes of a run.
class Lanes {
 public:
  Lanes(const Kernel& kernel, const Mapping& mapping)
      : k_(kernel), innermost_(innermost(mapping)), differs_(kernel.values.size()) {
    for (std::size_t v = 0; v < differs_.size(); ++v) {  // operands come first
      const Value& value = k_.values[v];
      differs_[v] = static_cast<ValueId>(v) == innermost_ || value.op == ScalarOp::result ||
                    std::any_of(value.args.begin(), value.args.end(),
                                [&](ValueId arg) { return arg != kernel::no_value && differs(arg); }) ||
                    (value.op == ScalarOp::load && differs(k_.access(value.index)));
    }
  }

  bool differs(ValueId v) const { return differs_[static_cast<std::size_t>(v)]; }
  bool differs(const Access& access) const {
    return differs(access.index) || std::any_of(access.guard.begin(), access.guard.end(),
                                                [&](const kernel::Bound& b) { return differs(b.index); });
  }

  // Whether the lanes have neighbours, the first of which lies at a multiple of four.
  bool are_neighbours(const Access& access) const {
    const auto is_multiple = [](const kernel::Extent& e) { return e.is_constant() && e.value % lanes_of_run == 0; };
    if (!k_.buffers[static_cast<std::size_t>(access.buffer)].aligned || !is_multiple(access.index.constant))
      return false;
    int along = 0;
    for (const kernel::Term& term : access.index.terms) {
      if (is_nothing(term)) continue;
      if (term.value == innermost_ && term.stride == kernel::Extent::constant(1))
        ++along;
      else if (differs(term.value) || !is_multiple(term.stride))
        return false;
    }
    return along == 1 && std::none_of(access.guard.begin(), access.guard.end(),
                                      [&](const kernel::Bound& b) { return differs(b.index); });
  }

 private:
  bool differs(const Index& index) const {
    return std::any_of(index.terms.begin(), index.terms.end(),
                       [&](const kernel::Term& term) { return !is_nothing(term) && differs(term.value); });
  }
  static bool is_nothing(const kernel::Term& term) { return term.stride == kernel::Extent::constant(0); }

  const Kernel& k_;
  const ValueId innermost_;
  std::vector<bool> differs_;
};

bool is_run(const Kernel& k, const Mapping& m) {
  const Lanes lanes(k, m);
  std::set<int> loaded, stored;
  int arithmetic = 0;
  for (const Stmt* stmt : statements_of(m)) {
    if (const auto* store = std::get_if<Store>(&stmt->node)) {
      const Access& access = k.access(store->access);
      if (store->accumulate || !access.guard.empty() || !lanes.are_neighbours(access)) return false;
      if (!stored.insert(access.buffer).second) return false;
    } else if (const auto* let = std::get_if<Let>(&stmt->node)) {
      const Value& v = k.value(let->value);
      if (v.op == ScalarOp::load) loaded.insert(k.access(v.index).buffer);
      if (!lanes.differs(let->value)) continue;
      if (v.op == ScalarOp::load && !lanes.are_neighbours(k.access(v.index))) return false;
      arithmetic += cost_of(v.op);
    } else {
      return false;
    }
  }
  const bool apart = std::none_of(stored.begin(), stored.end(), [&](int b) { return loaded.contains(b); });
  return apart && !stored.empty() && arithmetic <= most_arithmetic;
}

}  // namespace

int run_of(const Kernel& k, const Mapping& m) {
  if (m.phase.team != Team::thread || !m.outer) return 1;
  const kernel::Extent& extent = m.flat.empty() ? m.outer->extent : m.flat.back().extent;
  const bool whole = extent.is_constant() && extent.value > 0 && extent.value % lanes_of_run == 0;
  return whole && is_run(k, m) ? lanes_of_run : 1;
}

void print_run(Lines& out, Values& values, const Mapping& m) {
  const Kernel& k = values.kernel();
  const Lanes lanes(k, m);
  const auto of_buffer = [&](const Access& access) {
    return std::pair(type_name(k.buffers[static_cast<std::size_t>(access.buffer)].storage),
                     values.names().numbered(values.buffer(access.buffer) + "s"));
  };
  std::vector<const Stmt*> of_lane;
  std::vector<std::pair<const Store*, std::string>> stored;
  for (const Stmt* stmt : statements_of(m)) {
    const auto* let = std::get_if<Let>(&stmt->node);
    if (let && !lanes.differs(let->value)) {
      values.let(let->value, out);
      continue;
    }
    of_lane.push_back(stmt);
    if (let && k.value(let->value).op != ScalarOp::load) continue;
    const auto* store = std::get_if<Store>(&stmt->node);
    const int number = store ? store->access : k.value(let->value).index;
    const Access& access = k.access(number);
    const auto [type, name] = of_buffer(access);
    if (store) {
      out.line("Four<{}> {};", type, name);
      stored.emplace_back(store, name);
      continue;
    }
    const std::string when = values.condition(access), first = values.element(access);
    if (when.empty())
      out.line("const Four<{}> {} = four({});", type, name, first);
    else
      out.line("const Four<{0}> {1} = {2} ? four({3}) : Four<{0}>{{}};", type, name, when, first);
    values.load_from(number, name);
  }
  std::vector<std::string> to;
  for (const auto& [store, name] : stored) to.push_back(values.element(k.access(store->access)));
  const std::string first = values.name(innermost(m));
  const kernel::Extent& extent = m.flat.empty() ? m.outer->extent : m.flat.back().extent;
  values.set_index(innermost(m), {first + " + lane", false}, extent);
  out.line("#pragma unroll");
  out.open("for (int lane = 0; lane < {}; ++lane)", lanes_of_run);
  std::size_t next = 0;
  for (const Stmt* stmt : of_lane) {
    if (const auto* let = std::get_if<Let>(&stmt->node))
      values.let(let->value, out);
    else
      out.line("{}.lane[lane] = {};", stored[next++].second, values[std::get<Store>(stmt->node).value].text);
  }
  out.close();
  values.set_index(innermost(m), {first}, extent);
  for (std::size_t s = 0; s < stored.size(); ++s) out.line("four({}) = {};", to[s], stored[s].second);
}

}  // namespace bitale::codegen::cuda
