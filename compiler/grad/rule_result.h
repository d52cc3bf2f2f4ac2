// What derivative and batching rules return, checked; and how messages name a node.
#pragma once

#include <optional>
#include <string>

#include "compiler/ir/node.h"
#include "compiler/ir/op.h"

namespace bitale::ad {

// " at model.cc:12", or nothing.
std::string at_line(SourceLine line);

// "conv2d (made at model.cc:12)".
std::string describe(const ir::Node& node);

// An OriginScope of the line if there is one; else the scope around it stays.
class LineScope {
 public:
  explicit LineScope(SourceLine line) {
    if (line) scope_.emplace(line);
  }

 private:
  std::optional<ir::OriginScope> scope_;
};

// True where the two can be the same type at run time: equal dtypes and ranks, no two constant extents that differ.
bool compatible(const ir::TensorType& a, const ir::TensorType& b);

// The value under exactly this type. Extents that are equal only by a check at call entry are renamed by a reshape. An
// incompatible type is an InternalError: "<what> of <node>: ...".
ir::Tensor conform(const ir::Tensor& value, const ir::TensorType& type, const std::string& what, const ir::Node& node);

}  // namespace bitale::ad
