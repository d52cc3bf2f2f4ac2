#include "compiler/scan/cond.h"

#include <bitale/cond.h>

#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

std::vector<Tensor> cond(const Operand& condition, const Branch& then, const Branch& otherwise, const std::string& name,
                         Where at) {
  ensure_ready();
  const ir::Operand which = Access::in(condition);
  if (!which.tensor())
    throw Error("cond at " + to_string(SourceLine(at)) + ": the condition is a number, not a tensor");
  loops::Choice choice{
      .name = name, .condition = *which.tensor(), .then = {}, .otherwise = {}, .first_node = ir::next_node_id()};
  choice.then = Access::in(then(), "cond: a result");
  choice.otherwise = Access::in(otherwise(), "cond: a result");
  return Access::out(choice.build(at));
}

Tensor cond(const Operand& condition, const std::function<Tensor()>& then, const std::function<Tensor()>& otherwise,
            const std::string& name, Where at) {
  return cond(condition, Branch([&] { return std::vector<Tensor>{then()}; }),
              Branch([&] { return std::vector<Tensor>{otherwise()}; }), name, at)[0];
}

}  // namespace bitale
