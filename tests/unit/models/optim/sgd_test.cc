#include "models/optim/sgd.h"

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

Shared scalar(const char* name, float value) { return {name, Array::scalar(value)}; }

}  // namespace

TEST_CASE("plain descent moves against the gradient") {
  const Shared w = scalar("w", 3), rate = scalar("rate", 0.25f);
  const Updates updates = sgd(square(w.tensor() - 1.0f), {w}, {.learning_rate = rate});
  CHECK(updates.state.empty());
  const Function train = function({}, {}, {.updates = updates.updates});
  train();
  CHECK(w.get().at(0) == 2);  // 3 - 0.25 * 2 * (3 - 1)
  train();
  CHECK(w.get().at(0) == 1.5);
}

TEST_CASE("momentum and weight decay") {
  const Shared w = scalar("w", 2), rate = scalar("rate", 0.5f);
  const Updates updates = sgd(3.0f * w.tensor(), {w}, {.learning_rate = rate, .momentum = 0.5, .weight_decay = 0.25});
  REQUIRE(updates.state.size() == 1);
  CHECK(updates.state[0].name() == "w.velocity");
  const Function train = function({}, {}, {.updates = updates.updates});
  float value = 2, velocity = 0, learning_rate = 0.5f;
  for (int i = 0; i < 4; ++i) {
    velocity = 0.5f * velocity - learning_rate * (3 + 0.25f * value);
    value += velocity;
    train();
    CHECK(w.get().at(0) == Approx(value));
    CHECK(updates.state[0].get().at(0) == Approx(velocity));
    learning_rate /= 2;
    Shared(rate).set(Array::scalar(learning_rate));
  }
}

TEST_CASE("settings that make no sense") {
  const Shared w = scalar("w", 2), rate = scalar("rate", 0.5f);
  CHECK_THROWS_WITH(sgd(square(w.tensor()), {w}, {}), contains("a learning rate is needed"));
  CHECK_THROWS_WITH(sgd(square(w.tensor()), {w}, {.learning_rate = rate, .momentum = 1}),
                    contains("less than 1, 1 was given"));
  CHECK_THROWS_WITH(sgd(square(w.tensor()), {w}, {.learning_rate = rate, .weight_decay = -1}),
                    contains("must not be negative"));
}
