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

// Where the output of a loop's body lies in iteration i.
struct LoopOutput {
  enum class Home {
    in_place,   // in the carry's outer_out, all the time
    row,        // in row i of the stacked outer_out
    alternate,  // in turn in some places: the carry's outer_out, if it has one, and pieces of its own memory
    own,
  } home = Home::own;
  int root = -1;                           // body buffer
  const LoopBinding* binding = nullptr;    // whose outer_out is used; null for own
  int places = 1;                          // to alternate between
  std::vector<const LoopBinding*> copies;  // stacked bindings whose rows are copied after each iteration
};
std::vector<LoopOutput> outputs_of(const LoopStep& loop, const Carries& carries, const Groups& body);

}  // namespace bitale::program
