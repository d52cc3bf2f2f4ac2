// Results that are written over memory that holds something else: updates over the old value of their Shared, outputs
// over inputs that the caller gives up.
#pragma once

#include <string>
#include <vector>

#include "runtime/program/groups.h"
#include "runtime/program/program.h"

namespace bitale::program {

// Why update buffer `update` must have memory of its own, as a sentence; empty if the steps allow it to be the memory
// of the Shared's present value. They do if the first step that touches the update, and all after it, cannot fail
// (there is no way back from there), and no later step touches the old value. Whether the first step itself may read
// the old value while it writes the new one is for those to know who made it.
std::string why_not_in_place(const Program& program, int update);

// The number of the first step that touches a buffer or an alias of it; -1 if none does.
int first_step_of(const Program& program, int buffer);
// The buffer of a Shared's present value; -1 if the program does not read it.
int buffer_of_shared(const Program& program, int shared);

// Whether an output may be written over an input, as the steps touch them. A call that fails loses the input: who gives
// it up agrees to that.
class OverInputs {
 public:
  explicit OverInputs(const Program& program);

  enum class Order : std::uint8_t {
    never,
    same_step,  // the last step that touches the input is the first that touches the output: as for updates, it must
                // read only what it then stores
    after,
  };
  // `output` is a buffer; `input` the number of an input.
  Order order(int output, int input) const;
  int first_step(int output) const { return steps_[static_cast<std::size_t>(output)].first; }

 private:
  struct Touched {
    int first = -1, last = -1;
  };
  const Groups groups_;
  std::vector<Touched> steps_;           // by root
  std::vector<bool> returned_;           // by root: a result is, or is a view of, this memory
  std::vector<std::vector<int>> roots_;  // by input: of its buffers
};

}  // namespace bitale::program
