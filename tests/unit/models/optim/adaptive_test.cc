// A few steps of each optimizer against the same steps in double.
#include "models/optim/adaptive.h"

#include <cmath>
#include <functional>
#include <map>

#include "models/optim/sgd.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

constexpr double rate = 0.125, decay = 0.25, momentum = 0.5;

// p' for a parameter p with gradient g, without weight decay. A copy keeps what it has seen.
using ByHand = std::function<double(double p, double g)>;

ByHand sgd_by_hand() {
  return [velocity = 0.0](double p, double g) mutable {
    velocity = momentum * velocity - rate * g;
    return p + velocity;
  };
}

// As it was written first: g is the gradient behind the velocity's next step, whose place p is; point is before it.
ByHand nesterov_by_hand() {
  return [point = 0.0, velocity = 0.0, begun = false](double p, double g) mutable {
    if (!begun) point = p;
    begun = true;
    velocity = momentum * velocity - rate * g;
    point += velocity;
    return point + momentum * velocity;
  };
}

ByHand adagrad_by_hand() {
  return [squares = 0.0](double p, double g) mutable {
    squares += g * g;
    return p - rate * g / (std::sqrt(squares) + 1e-8);
  };
}

ByHand adadelta_by_hand() {
  return [squares = 0.0, changes = 0.0](double p, double g) mutable {
    squares = 0.95 * squares + 0.05 * g * g;
    const double change = std::sqrt(changes + 1e-6) / std::sqrt(squares + 1e-6) * g;
    changes = 0.95 * changes + 0.05 * change * change;
    return p - rate * change;
  };
}

ByHand rmsprop_by_hand() {
  return [squares = 0.0](double p, double g) mutable {
    squares = 0.99 * squares + 0.01 * g * g;
    return p - rate * g / (std::sqrt(squares) + 1e-8);
  };
}

ByHand adam_by_hand() {
  return [mean = 0.0, squares = 0.0, n = 0](double p, double g) mutable {
    ++n;
    mean = 0.9 * mean + 0.1 * g;
    squares = 0.999 * squares + 0.001 * g * g;
    return p - rate * (mean / (1 - std::pow(0.9, n))) / (std::sqrt(squares / (1 - std::pow(0.999, n))) + 1e-8);
  };
}

// The weight decay is part of the gradient, of all but adamw: there the parameter shrinks first, then Adam steps.
ByHand with_decay(const std::string& optimizer, ByHand step) {
  if (optimizer == "adamw") return [=](double p, double g) mutable { return p * (1 - rate * decay) + step(p, g) - p; };
  return [=](double p, double g) mutable { return step(p, g + decay * p); };
}

ByHand by_hand(const std::string& optimizer) {
  const std::map<std::string, ByHand> all = {
      {"sgd", sgd_by_hand()},           {"nesterov", nesterov_by_hand()}, {"adagrad", adagrad_by_hand()},
      {"adadelta", adadelta_by_hand()}, {"rmsprop", rmsprop_by_hand()},   {"adam", adam_by_hand()},
      {"adamw", adam_by_hand()},
  };
  return with_decay(optimizer, all.at(optimizer));
}

}  // namespace

TEST_CASE("steps of every optimizer, in both dtypes, with weight decay") {
  for (const OptimizerRow& row : all_optimizers()) {
    for (const DType dtype : {float32, float64}) {
      INFO(row.name << (dtype == float64 ? " in double" : ""));
      Array start(dtype, {2});
      double expected[2] = {3, -0.5};
      for (std::size_t i = 0; i < 2; ++i) {
        if (dtype == float64) {
          start.view<double>()[i] = expected[i];
        } else {
          start.view<float>()[i] = static_cast<float>(expected[i]);
        }
      }
      const Shared p("p", start), other("q", start);
      const Tensor loss = sum(square(p) * p) + sum(other * 2.0);
      const Updates updates = row.step(
          loss, {p, other},
          {.learning_rate = full(rate, dtype, {}), .momentum = row.momentum ? momentum : 0, .weight_decay = decay});
      const Function train = function({}, {}, {.updates = updates.updates});
      ByHand steps[2] = {by_hand(row.name), by_hand(row.name)};
      for (int n = 0; n < 6; ++n) {
        train();
        for (int i = 0; i < 2; ++i) {
          expected[i] = steps[i](expected[i], 3 * expected[i] * expected[i]);
          CHECK(p.get().at(i) == Approx(expected[i]).epsilon(dtype == float64 ? 1e-12 : 1e-5).margin(1e-6));
        }
      }
    }
  }
}

TEST_CASE("an optimizer's state is named after the parameters, and a copy of it continues a run") {
  for (const OptimizerRow& row : all_optimizers()) {
    INFO(row.name);
    const auto make = [&](const Shared& w) {
      return row.step(square(w.tensor() - 1.0f), {w},
                      {.learning_rate = full(0.125, float32, {}), .momentum = row.momentum ? momentum : 0});
    };
    const Shared w("w", Array::scalar(3.0f)), v("w", Array::scalar(3.0f));
    const Updates first = make(w), second = make(v);
    const Function whole = function({}, {}, {.updates = first.updates});
    const Function rest = function({}, {}, {.updates = second.updates});
    for (const Shared& s : first.state) CHECK((s.name().starts_with("w.") || s.name() == "steps"));
    for (int i = 0; i < 3; ++i) whole();
    Shared(v).set(w.get());
    for (std::size_t i = 0; i < first.state.size(); ++i) Shared(second.state[i]).set(first.state[i].get());
    for (int i = 0; i < 2; ++i) whole();
    for (int i = 0; i < 2; ++i) rest();
    CHECK(v.get().same_bits(w.get()));
  }
}

TEST_CASE("what is not seen any more is forgotten in the end, and NaN is not") {
  for (const OptimizerRow& row : all_optimizers()) {
    INFO(row.name);
    if (row.name == std::string("adagrad")) continue;  // forgets nothing
    const Shared w("w", Array::scalar(3.0f)), seen("seen", Array::scalar(1e-15f));
    const Updates updates = row.step(w.tensor() * seen, {w},
                                     {.learning_rate = full(1e-3, float32, {}), .momentum = row.momentum ? 0.9 : 0});
    const Function train = function({}, {}, {.updates = updates.updates});
    train();
    CHECK(updates.state[0].get().at(0) != 0);
    Shared(seen).set(Array::scalar(0.0f));
    for (int i = 0; i < 20000; ++i) train();
    for (const Shared& s : updates.state)
      if (s.name() != "steps") CHECK(s.get().at(0) == 0);
    Shared(seen).set(Array::scalar(std::nanf("")));
    train();
    CHECK(std::isnan(updates.state[0].get().at(0)));
  }
}

TEST_CASE("AdaGrad never forgets, but keeps no number too small to be normal") {
  const Shared w("w", Array::scalar(3.0f)), slope("slope", Array::scalar(2.0f));
  const Updates updates = adagrad(w.tensor() * slope, {w}, {.learning_rate = full(1e-3, float32, {})});
  const Function train = function({}, {}, {.updates = updates.updates});
  train();
  Shared(slope).set(Array::scalar(0.0f));
  for (int i = 0; i < 100; ++i) train();
  CHECK(updates.state[0].get().at(0) == 4);
  Shared(updates.state[0]).set(Array::scalar(0.0f));
  Shared(slope).set(Array::scalar(1e-20f));
  train();
  CHECK(updates.state[0].get().at(0) == 0);
}

TEST_CASE("optimizers by name") {
  CHECK(optimizer_names() == "sgd, nesterov, adagrad, adadelta, rmsprop, adam, adamw");
  CHECK_THROWS_WITH(find_optimizer("adams"), contains("no optimizer 'adams'; there are: sgd"));
  const Shared w("w", Array::scalar(3.0f));
  CHECK_THROWS_WITH(adam(square(w.tensor()), {w}, {.learning_rate = full(0.5, float32, {}), .momentum = 0.5}),
                    contains("adam: it takes no momentum, 0.5 was given"));
  CHECK_THROWS_WITH(rmsprop(square(w.tensor()), {w}, {}), contains("rmsprop: a learning rate is needed"));
}
