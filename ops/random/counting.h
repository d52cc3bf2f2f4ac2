// What draws of counts share: inversion for small means, transformed rejection (Hoermann 1993) for others, and
// probabilities as sums in which no large terms cancel. With h(d) = (1 + d) log(1 + d) - d and Stirling's rest s(k) =
// log k! - k log k + k, that of a Poisson count is
//   log (r^k exp(-r) / k!) = -r h(k / r - 1) - s(k).
// All float64.
#pragma once

#include <functional>

#include "ops/random/random.h"

namespace bitale::ops {

// An op that draws int64 counts; its `parameters` are float64 of the result's shape, an element takes `ids` draw ids.
struct CountDraw {
  std::string name, doc;
  int parameters = 1, ids = 1;
  std::function<ir::Expr(ir::Element&)> element;
  ir::ReferenceRule reference;
  std::function<std::vector<ir::Sample>()> samples;
};
ir::OpDef count_draw(CountDraw draw);
// Its node, after parameters are cast and broadcast.
Tensor draw_counts(const ir::OpDef& op, const Tensor& state, std::int64_t draw_id, std::span<const Operand> parameters,
                   Shape shape, SourceLine line);

// Means below this are inverted: the count is the number of k whose distribution is not above a uniform number, over
// the 46 k that a 53-bit number reaches. `ratio` is (k + 1) p(k + 1) / p(k).
inline constexpr double least_rejected = 10;
ir::Expr inverted(ir::Expr probability_of_none, ir::Expr uniform, const std::function<ir::Expr(int k)>& ratio);
double reference_inverted(double probability_of_none, double uniform, const std::function<double(int k)>& ratio);

ir::Expr stirling_rest(ir::Expr k);                  // of whole numbers, 0 and above
ir::Expr deviation(ir::Expr k, ir::Expr mean);       // mean h(k / mean - 1), of a mean above 0
ir::Expr uniform_of(ir::Element& e, ir::Expr bits);  // [0, 1), in steps of 2^-53
double reference_uniform(std::uint64_t bits);

// A try takes the count floor((2 a / (1/2 - |u|) + b) u + centre), u in (-1/2, 1/2), if
// `height` = v / (a / (1/2 - |u|)^2 + b), v in (0, 1), is not above what the distribution says.
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
