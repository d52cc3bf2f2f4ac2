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
const kernel::Extent& extent_of_innermost(const Mapping& m) {
  return m.flat.empty() ? m.outer->extent : m.flat.back().extent;
}

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
  const kernel::Extent& extent = extent_of_innermost(m);
  const bool whole = extent.is_constant() && extent.value > 0 && extent.value % lanes_of_run == 0;
  return whole && is_run(k, m) ? lanes_of_run : 1;
}

namespace {

class RunPrinter {
 public:
  RunPrinter(Lines& out, Values& values, const Mapping& mapping)
      : out_(out), values_(values), k_(values.kernel()), m_(mapping), lanes_(k_, mapping) {}

  void print() {
    for (const Stmt* stmt : statements_of(m_)) together(*stmt);
    print_lanes();
    for (const auto& [store, name] : stores_)
      out_.line("four({}) = {};", values_.element(k_.access(store->access)), name);
  }

 private:
  // What is the same for all lanes, and loads; where stores are collected.
  void together(const Stmt& stmt) {
    if (const auto* store = std::get_if<Store>(&stmt.node)) {
      const Access& access = k_.access(store->access);
      stores_.emplace_back(store, fresh(access));
      return out_.line("Four<{}> {};", element_type(access), stores_.back().second);
    }
    const ValueId v = std::get<Let>(stmt.node).value;
    if (!lanes_.differs(v)) return void(values_.let(v, out_));
    of_lane_.push_back(v);
    if (k_.value(v).op == ScalarOp::load) load(k_.value(v).index);
  }

  void load(int number) {
    const Access& access = k_.access(number);
    const std::string when = values_.condition(access), first = values_.element(access);
    const std::string_view type = element_type(access);
    const std::string name = fresh(access);
    if (when.empty())
      out_.line("const Four<{}> {} = four({});", type, name, first);
    else
      out_.line("const Four<{0}> {1} = {2} ? four({3}) : Four<{0}>{{}};", type, name, when, first);
    values_.load_from(number, name);
  }

  void print_lanes() {
    const ValueId var = innermost(m_);
    const std::string first = values_.name(var);
    values_.set_index(var, {first + " + lane", false}, extent_of_innermost(m_));
    out_.line("#pragma unroll");
    out_.open("for (int lane = 0; lane < {}; ++lane)", lanes_of_run);
    for (const ValueId v : of_lane_) values_.let(v, out_);
    for (const auto& [store, name] : stores_) out_.line("{}.lane[lane] = {};", name, values_[store->value].text);
    out_.close();
    values_.set_index(var, {first}, extent_of_innermost(m_));
  }

  std::string_view element_type(const Access& access) const {
    return type_name(k_.buffers[static_cast<std::size_t>(access.buffer)].storage);
  }
  std::string fresh(const Access& access) { return values_.names().numbered(values_.buffer(access.buffer) + "s"); }

  Lines& out_;
  Values& values_;
  const Kernel& k_;
  const Mapping& m_;
  const Lanes lanes_;
  std::vector<ValueId> of_lane_;                              // Lets
  std::vector<std::pair<const Store*, std::string>> stores_;  // and what the lanes leave for them
};

}  // namespace

void print_run(Lines& out, Values& values, const Mapping& m) { RunPrinter(out, values, m).print(); }

}  // namespace bitale::codegen::cuda
