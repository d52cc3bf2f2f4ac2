// A choice between two bodies, of which only one is run.
//
// As a node: op "cond", operands the condition (a bool scalar) and what the bodies read, which number their arguments
// from 0; both give tensors of the same types.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/body.h"

namespace bitale::loops {

struct CondParams {
  std::string name;  // the user's, for messages and profiles
  ir::Body then, otherwise;
  bool operator==(const CondParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("name", name);
    v("then", then);
    v("otherwise", otherwise);
  }
};

bool is_cond(const ir::Node& node);

struct Choice {
  std::string name;
  ir::Tensor condition;
  std::vector<ir::Tensor> then, otherwise;  // results, in terms of tensors outside
  // The first node that belongs to the bodies: what was made before is computed in any case.
  std::uint64_t first_node = 0;

  // The node. Errors name the cond: other numbers or types of results, a condition that is no bool scalar.
  std::vector<ir::Tensor> build(SourceLine line = {}) const;
};

}  // namespace bitale::loops
