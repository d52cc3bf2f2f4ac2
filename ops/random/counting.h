// What draws of counts share: transformed rejection (Hoermann 1993), and probabilities as sums in which no large terms
// cancel. With h(d) = (1 + d) log(1 + d) - d and Stirling's rest s(k) = log k! - k log k + k, that of a Poisson count
// is
//   log (r^k exp(-r) / k!) = -r h(k / r - 1) - s(k).
// All float64.
#pragma once

#include <functional>

#include "ops/random/random.h"

namespace bitale::ops {

ir::Expr stirling_rest(ir::Expr k);                  // of whole numbers, 0 and above
ir::Expr deviation(ir::Expr k, ir::Expr mean);       // mean h(k / mean - 1), of a mean above 0
ir::Expr uniform_of(ir::Element& e, ir::Expr bits);  // [0, 1), in steps of 2^-53
double reference_uniform(std::uint64_t bits);

// A try takes the count floor((2 a / (1/2 - |u|) + b) u + centre), u in (-1/2, 1/2), if `height` = v / (a / (1/2 -
// |u|)^2
// + b), v in (0, 1), is not above what the distribution says.
template <class Real>
struct Proposal {
  Real count, height;
};
struct Hat {
  ir::Expr a, b, centre;
};
using Taken = std::function<ir::Expr(const Proposal<ir::Expr>& proposal)>;
// The count of the first of `tries` that is taken, else of the first. Try t has the bits of draw id t.
ir::Expr first_taken(ir::Element& e, int tries, const Hat& hat, const Taken& taken);

struct ReferenceHat {
  double a, b, centre;
};
double reference_first_taken(const ir::Reference& r, std::size_t position, int tries, const ReferenceHat& hat,
                             const std::function<bool(const Proposal<double>& proposal)>& taken);

}  // namespace bitale::ops
