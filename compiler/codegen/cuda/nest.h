// Which loops below a parallel loop are independent as well: all of them can then be spread over threads.
#pragma once

#include <vector>

#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// The loop that is all of the region but for the Lets before it, if it reduces nothing; null: there is none.
const kernel::Loop* only_loop(const kernel::Region& region);

// Outermost first: loops below this parallel one, each the only_loop() of the one around it, of which any two
// iterations write different elements and read nothing that another writes. Extents are constants, but for that of the
// loop directly below it.
std::vector<const kernel::Loop*> independent_nest(const kernel::Kernel& kernel, const kernel::Loop& parallel);

// One of loops that become one: how many iterations it has, and those inside have together for each of them: `below`
// times the factors, which are no constants.
struct FlatLoop {
  kernel::ValueId var;
  kernel::Extent extent;
  std::int64_t below = 1;
  std::vector<kernel::Extent> factors{};
  bool is_below(const kernel::Extent& e) const {
    return factors.empty() ? e == kernel::Extent::constant(below)
                           : below == 1 && factors.size() == 1 && factors[0] == e;
  }
};
std::vector<FlatLoop> flattened(const kernel::Loop& outer, const std::vector<const kernel::Loop*>& nest);

}  // namespace bitale::codegen::cuda
