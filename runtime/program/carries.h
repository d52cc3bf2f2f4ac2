// Carries that move addresses instead of values.
#pragma once

#include <vector>

#include "runtime/program/groups.h"
#include "runtime/program/program.h"

namespace bitale::program {

// Whether a carry passes on what another input of the body was filled with: its inner_out is that input.
bool passes_on(const LoopStep& loop, const LoopBinding& b);

// The bindings of a loop are known to name buffers of the body that exist.
class Carries {
 public:
  explicit Carries(const LoopStep& loop);

  // All bindings, such that what passes an input on comes before what fills that input anew. Shorter if bindings pass
  // on to each other in a circle.
  const std::vector<const LoopBinding*>& order() const { return order_; }

  // How many pieces of memory of its own an output of the body (a root) takes that is carried: in iteration i it lies
  // in place i modulo the number of places, which is one more than the iterations for which its values are seen. The
  // first place is the outer buffer of a carry that has one. What is stacked as well lies in its row, and needs one
  // piece.
  int places(const Groups& body, int root) const;
  int pieces(const Groups& body, int root) const;

 private:
  const LoopStep& loop_;
  std::vector<const LoopBinding*> order_;
  std::vector<int> seen_;  // by input of the body: the iterations for which what it holds is seen
};

}  // namespace bitale::program
