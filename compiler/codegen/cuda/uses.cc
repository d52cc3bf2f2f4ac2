#include "compiler/codegen/cuda/uses.h"

namespace bitale::codegen::cuda {
namespace {

using namespace kernel;

class Counting {
 public:
  explicit Counting(const Kernel& kernel) : k_(kernel), uses_(kernel.values.size()) {}

  void count(const std::vector<const Stmt*>& list) {
    region_ = ++regions_;
    for (const Stmt* stmt : list) count(*stmt);
  }

  std::vector<Use> uses() && { return std::move(uses_); }

 private:
  void use(ValueId v) {
    if (v == no_value) return;
    Use& u = uses_[static_cast<std::size_t>(v)];
    ++u.count;
    u.elsewhere = u.elsewhere || u.region != region_;
  }

  void use(const Index& index) {
    for (const Term& term : index.terms) use(term.value);
  }

  void use(const Access& access) {
    use(access.index);
    for (const Bound& bound : access.guard) use(bound.index);
  }

  void count(const Stmt& stmt) {
    if (const Let* l = std::get_if<Let>(&stmt.node)) {
      const Value& v = k_.value(l->value);
      uses_[static_cast<std::size_t>(l->value)].region = region_;
      for (const ValueId arg : v.args) use(arg);
      if (v.op == ScalarOp::load) use(k_.access(v.index));
    } else if (const Store* s = std::get_if<Store>(&stmt.node)) {
      use(s->value);
      use(k_.access(s->access));
    } else {
      const Loop& loop = std::get<Loop>(stmt.node);
      const int around = region_;
      region_ = ++regions_;
      for (const Stmt& inner : loop.body) count(inner);
      for (const Reduction& r : loop.reductions)
        for (const ValueId v : r.yields) use(v);
      region_ = around;
    }
  }

  const Kernel& k_;
  std::vector<Use> uses_;
  int region_ = 0, regions_ = 0;
};

}  // namespace

std::vector<Use> uses_of(const Kernel& kernel, std::initializer_list<const std::vector<const Stmt*>*> lists) {
  Counting counting(kernel);
  for (const auto* list : lists) counting.count(*list);
  return std::move(counting).uses();
}

}  // namespace bitale::codegen::cuda
