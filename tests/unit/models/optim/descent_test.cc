// What optimizers have in common: clipping, factors of parameters, parameters that are not trained.
#include "models/optim/descent.h"

#include <cmath>
#include <limits>

#include "models/optim/adaptive.h"
#include "models/optim/sgd.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

Shared variable(const char* name, const std::vector<float>& values) {
  return {name, Array::of<float>(values, {static_cast<std::int64_t>(values.size())})};
}

Tensor rate(double value) { return full(value, float32, {}); }

// The sum of gradient * parameter: a loss with the gradients that are given.
struct Sloped {
  Shared p = variable("p", {1, 2}), q = variable("q", {4});
  Shared slope_p = variable("slope_p", {3, -4}), slope_q = variable("slope_q", {12});  // of the norm 13
  Tensor loss = sum(p * slope_p.tensor()) + sum(q * slope_q.tensor());

  // After one step of plain descent at rate 1: how far p[0], p[1] and q[0] went down.
  std::vector<double> moved(OptimizerOptions options) const {
    options.learning_rate = rate(1);
    const std::vector<double> before = {p.get().at(0), p.get().at(1), q.get().at(0)};
    function({}, {}, {.updates = sgd(loss, {p, q}, options).updates})();
    return {before[0] - p.get().at(0), before[1] - p.get().at(1), before[2] - q.get().at(0)};
  }
};

void check_moved(const std::vector<double>& moved, const std::vector<double>& expected) {
  REQUIRE(moved.size() == expected.size());
  for (std::size_t i = 0; i < moved.size(); ++i) CHECK(moved[i] == Approx(expected[i]).epsilon(1e-6));
}

}  // namespace

TEST_CASE("gradients whose norm is beyond the bound are scaled to it, all by one factor") {
  check_moved(Sloped().moved({.clip_norm = 6.5}), {1.5, -2, 6});
  check_moved(Sloped().moved({.clip_norm = 13}), {3, -4, 12});
  check_moved(Sloped().moved({.clip_norm = 100}), {3, -4, 12});
  check_moved(Sloped().moved({}), {3, -4, 12});
}

TEST_CASE("elements are cut before the norm is taken") {
  check_moved(Sloped().moved({.clip_value = 3.5}), {3, -3.5, 3.5});
  const double norm = std::sqrt(9 + 2 * 3.5 * 3.5);
  check_moved(Sloped().moved({.clip_value = 3.5, .clip_norm = 1}), {3 / norm, -3.5 / norm, 3.5 / norm});
}

TEST_CASE("the weight decay is not clipped, and has a factor of its own") {
  check_moved(Sloped().moved({.weight_decay = 0.5, .clip_norm = 6.5}), {1.5 + 0.5, -2 + 1.0, 6 + 2.0});
  check_moved(Sloped().moved({.weight_decay = 0.5, .decays = {{"q", 0}}}), {3 + 0.5, -4 + 1.0, 12});
  check_moved(Sloped().moved({.weight_decay = 0.5, .decays = {{"*", 4}, {"p", 2}}}), {3 + 1.0, -4 + 2.0, 12 + 8.0});
}

TEST_CASE("the norm of gradients so large or small that their squares do not fit") {
  for (const float unit : {1e25f, 1e-25f}) {
    const Sloped s;
    Shared(s.slope_p).set(Array::of<float>(std::vector<float>{3 * unit, -4 * unit}, {2}));
    Shared(s.slope_q).set(Array::of<float>(std::vector<float>{12 * unit}, {1}));
    const Array norm = function({}, {global_norm({s.slope_p, s.slope_q})})()[0];
    CHECK(norm.dtype() == float64);
    CHECK(norm.at(0) == Approx(13 * static_cast<double>(unit)).margin(0));
    if (unit > 1) check_moved(s.moved({.clip_norm = 6.5}), {1.5, -2, 6});
  }
}

TEST_CASE("NaN and infinity are not clipped away by the norm") {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const Sloped s;
    Shared(s.slope_p).set(Array::of<float>(std::vector<float>{bad, 1}, {2}));
    s.moved({.clip_norm = 1});
    CHECK(std::isnan(s.p.get().at(0)));
  }
}

TEST_CASE("every optimizer multiplies the learning rate of a parameter, and clips") {
  for (const OptimizerRow& row : all_optimizers()) {
    INFO(row.name);
    const auto after = [&](double learning_rate, double slope, const OptimizerOptions& more) {
      const Shared p = variable("p", {3, 1}), q = variable("q", {2});
      OptimizerOptions options = more;
      options.learning_rate = rate(learning_rate);
      options.weight_decay = 0.125;
      const Tensor loss = slope * (sum(p) + 2.0 * sum(square(q.tensor())));
      const Function train = function({}, {}, {.updates = row.step(loss, {p, q}, options).updates});
      for (int i = 0; i < 3; ++i) train();
      return p.get();
    };
    CHECK(after(0.25, 1, {.rates = {{"p", 2}}}).same_bits(after(0.5, 1, {.rates = {{"q", 0.5}}})));
    CHECK_FALSE(after(0.25, 1, {}).same_bits(after(0.25, 1, {.rates = {{"p", 2}}})));
    // What is clipped does not depend on how far it was beyond the bound; 0.125 is met by every element of p.
    CHECK(after(0.25, 4, {.clip_value = 0.125}).same_bits(after(0.25, 8, {.clip_value = 0.125})));
    CHECK_FALSE(after(0.25, 4, {.clip_value = 0.125}).same_bits(after(0.25, 4, {})));
  }
}

TEST_CASE("a parameter of rate 0 stays, has no state, and does not count in the norm") {
  for (const OptimizerRow& row : all_optimizers()) {
    INFO(row.name);
    const Sloped s;
    const Updates updates =
        row.step(s.loss, {s.p, s.q}, {.learning_rate = rate(0.5), .weight_decay = 1, .rates = {{"q", 0}}});
    function({}, {}, {.updates = updates.updates})();
    CHECK(s.q.get().at(0) == 4);
    CHECK(s.p.get().at(0) != 1);
    for (const Shared& state : updates.state) CHECK_FALSE(state.name().starts_with("q."));
  }
  check_moved(Sloped().moved({.clip_norm = 2.5, .rates = {{"q", 0}}}), {1.5, -2, 0});
}

TEST_CASE("what only a frozen parameter needs is not computed") {
  const Dim n("n");
  const Tensor x = input("x", float32, {n, 7});
  const Shared first("first", Array::zeros(float32, {7, 5})), second("second", Array::zeros(float32, {5, 3}));
  const Tensor loss = sum(square(dot(tanh(dot(x, first)), second)));
  const auto flops = [&](const NamedFactors& rates) {
    const Updates updates = sgd(loss, {second, first}, {.learning_rate = rate(0.5), .rates = rates});
    const Function train = function({x}, {loss}, {.updates = updates.updates});
    const Array rows = Array::zeros(float32, {4, 7});
    return train.flops(std::vector<Argument>{rows});
  };
  const double one = 2 * 4 * 7 * 5, two = 2 * 4 * 5 * 3;
  CHECK(flops({}) == 2 * one + 3 * two);               // forward; d first; d second, and what passes through it
  CHECK(flops({{"first", 0}}) == one + 2 * two);       // nothing passes below second
  CHECK(flops({{"second", 0}}) == 2 * one + 2 * two);  // d second alone is spared
}

TEST_CASE("options of descent that make no sense") {
  const Sloped s;
  CHECK_THROWS_WITH(s.moved({.clip_norm = -1}),
                    contains("sgd: the bound of the gradients' norm must not be negative, -1"));
  CHECK_THROWS_WITH(s.moved({.clip_value = std::nan("")}),
                    contains("the bound of gradients must not be negative, nan"));
  CHECK_THROWS_WITH(s.moved({.rates = {{"w*", 2}}}),
                    contains("sgd, rates: no parameter is named 'w*'; there are: p, q."));
  CHECK_THROWS_WITH(s.moved({.rates = {{"p", -2}}}), contains("the factor of 'p' must not be negative, -2 was given"));
  CHECK_THROWS_WITH(s.moved({.decays = {{"r", 2}}}),
                    contains("sgd, factors of the weight decay: no parameter is named"));
  CHECK_THROWS_WITH(s.moved({.rates = {{"*", 0}}}), contains("sgd: all parameters have the rate 0"));
}
