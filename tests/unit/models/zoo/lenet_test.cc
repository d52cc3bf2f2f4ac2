#include "models/zoo/lenet.h"

#include "models/zoo/digits_sample.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

const Shared& parameter(const BuiltModel& model, const std::string& name) {
  for (const Shared& p : model.parameters)
    if (p.name() == name) return p;
  throw Error("no parameter " + name);
}

std::vector<Argument> arguments(std::int64_t batch) {
  const std::vector<Array> arrays = sample_digits(batch, 0, 1);
  return {arrays.begin(), arrays.end()};
}

double sum_of(const Array& array) {
  double sum = 0;
  for (const float v : array.view<float>()) sum += v;
  return sum;
}

}  // namespace

TEST_CASE("initial values are those of NumPy's generator, in the order W1, W2, W3, W4") {
  const BuiltModel model = lenet({.last_layer = LeNetOptions::LastLayer::random});
  struct Row {
    const char* name;
    Extents shape;
    float first, second, last;
    double sum;
  };
  const Row rows[] = {
      {"W1", {20, 1, 5, 5}, 0.1339772790670395f, -0.1540682017803192f, -0.06819407641887665f, -1.0160958335118266},
      {"W2",
       {50, 20, 5, 5},
       -0.003170984797179699f,
       -0.06685057282447815f,
       -0.060036420822143555f,
       -0.2949870358690987},
      {"W3", {800, 500}, 0.01625422015786171f, -0.06271775811910629f, 0.019199199974536896f, 25.10177312119737},
      {"W4", {500, 10}, -0.08909202367067337f, -0.0387212298810482f, 0.049212872982025146f, -1.8279528555064246},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Array value = parameter(model, row.name).get();
    CHECK(value.shape() == row.shape);
    CHECK(value.at(0) == row.first);
    CHECK(value.at(1) == row.second);
    CHECK(value.at(value.size() - 1) == row.last);
    CHECK(sum_of(value) == Approx(row.sum).epsilon(1e-9));
  }
  CHECK(sum_of(parameter(model, "b1").get()) == 0);
}

TEST_CASE("LeNet has 431,080 parameters in the order of the study, and a last layer of zeros") {
  const BuiltModel model = lenet();
  std::string names;
  std::int64_t count = 0;
  for (const Shared& p : model.parameters) {
    names += p.name() + " ";
    count += p.get().size();
  }
  CHECK(names == "W4 W3 W2 W1 b4 b3 b2 b1 ");
  CHECK(count == 431080);
  const Array last = parameter(model, "W4").get();
  for (const float v : last.view<float>()) REQUIRE(v == 0);
}

TEST_CASE("with a last layer of zeros the loss is log 10, whatever the rest") {
  const BuiltModel model = lenet();
  CHECK(function(model.inputs, {model.loss}).call(arguments(7))[0].at(0) == Approx(2.302585093).epsilon(1e-6));
}

TEST_CASE("the order of bias, pooling and tanh does not change the values") {
  using Order = LeNetOptions::StageOrder;
  std::vector<double> losses;
  for (const Order order : {Order::pool_bias_tanh, Order::bias_pool_tanh, Order::bias_tanh_pool}) {
    const BuiltModel model = lenet({.stage_order = order, .last_layer = LeNetOptions::LastLayer::random});
    const Array offsets = Array::of(std::span<const float>(std::vector<float>(20, 0.3f)), {20});
    Shared(parameter(model, "b1")).set(offsets);
    losses.push_back(function(model.inputs, {model.loss}).call(arguments(5))[0].at(0));
  }
  CHECK(losses[1] == Approx(losses[0]).epsilon(1e-5));
  CHECK(losses[2] == Approx(losses[0]).epsilon(1e-5));
}

TEST_CASE("one function serves all batches, and agrees with one of a constant batch") {
  const LeNetOptions options = {.last_layer = LeNetOptions::LastLayer::random};
  const BuiltModel symbolic = lenet(options);
  const Function loss = function(symbolic.inputs, {symbolic.loss});
  for (const std::int64_t batch : {1, 7, 64, 1000}) {
    LeNetOptions constant = options;
    constant.batch = batch;
    const BuiltModel model = lenet(constant);
    CHECK(loss.call(arguments(batch))[0].at(0) ==
          Approx(function(model.inputs, {model.loss}).call(arguments(batch))[0].at(0)).epsilon(1e-5));
  }
}

TEST_CASE("without dense biases there are six parameters") {
  const BuiltModel model = lenet({.dense_biases = false});
  CHECK(model.parameters.size() == 6);
  CHECK(function(model.inputs, {model.loss}).call(arguments(3))[0].at(0) == Approx(2.302585093).epsilon(1e-6));
}

TEST_CASE("options that do not exist") {
  CHECK_THROWS_WITH(lenet({.conv2_filters = 51}), contains("50 or 52 filters, 51 were"));
  CHECK_THROWS_WITH(lenet({.batch = 0}), contains("at least 1"));
  CHECK_THROWS_WITH(find_model("lenett"), contains("no model 'lenett'; there are: lenet"));
}
