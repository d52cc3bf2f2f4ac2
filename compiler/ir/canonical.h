// Hashes that do not depend on when things were made: dim symbols count by first appearance.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "compiler/ir/graph.h"
#include "runtime/base/hash.h"

namespace bitale::ir {

// Feeds dims and parameters to a hash, exactly. Two graphs that differ only in which symbols they were made with feed
// the same, if they are fed in the same order.
class CanonicalFeed {
 public:
  explicit CanonicalFeed(Hasher& hasher) : hasher_(&hasher) {}

  // The symbols that are known stay so when the hash changes.
  void feed_to(Hasher& hasher) { hasher_ = &hasher; }
  void dim(const Dim& d);
  void shape(const Shape& s);
  void params(const ParamsBase& p);
  // Inputs and Shared variables count by their types, not by their names.
  void graph(std::span<const Tensor> roots);
  std::int64_t symbol(const DimSymbol& s);  // its number

 private:
  Hasher* hasher_;
  std::map<std::uint64_t, std::int64_t> symbols_;
};

}  // namespace bitale::ir
