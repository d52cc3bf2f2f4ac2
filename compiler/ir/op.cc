#include "compiler/ir/op.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "runtime/base/error.h"

namespace bitale::ir {

void TypeArgs::fail(const std::string& what) const {
  std::string message = op_.name + ": " + what;
  for (std::size_t i = 0; i < inputs_.size(); ++i) message += (i == 0 ? "; operands: " : ", ") + describe(inputs_[i]);
  if (params_) {
    const std::string p = to_string(*params_);
    if (!p.empty()) message += "; parameters: " + p;
  }
  if (line_) message += "; at " + to_string(line_);
  throw Error(message);
}

void TypeArgs::require_count(int n) const {
  if (count() != n) fail("expected " + std::to_string(n) + " operands, got " + std::to_string(count()));
}

Dim TypeArgs::unify(const Dim& a, const Dim& b, const std::string& what) const {
  if (a == b) return a;
  if (a.is_constant() && b.is_constant()) fail(what + " (" + to_string(a) + " and " + to_string(b) + ")");
  equalities_.push_back({a, b});
  return b.is_constant() ? b : a;
}

namespace {

struct Registry {
  std::mutex mutex;
  std::vector<OpFamily> families;
  std::map<std::string, const OpDef*, std::less<>> by_name;
};

Registry& registry() {
  static auto* r = new Registry;
  return *r;
}

}  // namespace

void register_ops(std::string_view family, std::span<const OpDef* const> ops) {
  std::lock_guard lock(registry().mutex);
  auto& families = registry().families;
  auto to = std::find_if(families.begin(), families.end(), [&](const OpFamily& f) { return f.name == family; });
  if (to == families.end()) to = families.insert(to, {std::string(family), {}});
  for (const OpDef* op : ops) {
    const auto [it, added] = registry().by_name.emplace(op->name, op);
    BITALE_ASSERT(added || it->second == op, "two ops are named " + op->name);
    if (added) to->ops.push_back(op);
  }
}

const OpDef* find_op(std::string_view name) {
  std::lock_guard lock(registry().mutex);
  const auto it = registry().by_name.find(name);
  return it == registry().by_name.end() ? nullptr : it->second;
}

std::vector<OpFamily> op_families() {
  std::lock_guard lock(registry().mutex);
  return registry().families;
}

std::vector<const OpDef*> all_ops() {
  std::vector<const OpDef*> all;
  for (const OpFamily& family : op_families()) all.insert(all.end(), family.ops.begin(), family.ops.end());
  return all;
}

}  // namespace bitale::ir
