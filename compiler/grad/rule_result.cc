#include "compiler/grad/rule_result.h"

#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

std::string at_line(SourceLine line) { return line ? " at " + to_string(line) : ""; }

std::string describe(const Node& node) {
  const std::vector<SourceLine> lines = node.origins();
  return node.op().name + (lines.empty() ? "" : " (made at " + to_string(lines.front()) + ")");
}

bool compatible(const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype || a.rank() != b.rank()) return false;
  for (std::size_t i = 0; i < a.shape.size(); ++i)
    if (a.shape[i].is_constant() && b.shape[i].is_constant() && a.shape[i] != b.shape[i]) return false;
  return true;
}

Tensor conform(const Tensor& value, const TensorType& type, const std::string& what, const Node& node) {
  if (value.type() == type) return value;
  if (!compatible(value.type(), type))
    throw InternalError(what + " of " + describe(node) + ": is " + to_string(value.type()) + ", expected " +
                        to_string(type));
  return reshape(value, type.shape);
}

}  // namespace bitale::ad
