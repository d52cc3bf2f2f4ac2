#include "models/zoo/alexnet.h"

#include <algorithm>
#include <cmath>

#include "models/data/numpy_random.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/models/zoo/directions.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;
using bitale::tests::direction_errors;

namespace {

using Round = AlexNetOptions::Round;
using LrnPosition = AlexNetOptions::LrnPosition;

// A sixteenth of the channels, 8 classes, images that conv5 sees as 3 x 3.
AlexNetOptions small(const std::string& variant = "exact") {
  AlexNetOptions o = alexnet_variant(variant);
  o.shrink = 16;
  o.classes = 8;
  o.input_size = 63;
  o.dtype = float64;
  o.scaled_weights = true;  // the study's leave next to nothing of an image in so small a network
  return o;
}

std::vector<Array> inputs(std::int64_t batch, const AlexNetOptions& o) {
  NumpyRandom random(3);
  Array images = random.normal(1, {batch, 3, o.input_size, o.input_size}, o.dtype);
  Array labels(int64, {batch});
  for (std::int64_t& label : labels.view<std::int64_t>()) label = random.below(static_cast<std::int32_t>(o.classes));
  return {images, labels};
}

double loss_of(const BuiltModel& model, const Tensor& loss, const std::vector<Array>& arrays) {
  return function(model.inputs, {loss}).call(std::vector<Argument>(arrays.begin(), arrays.end()))[0].at(0);
}

const Shared& parameter(const BuiltModel& model, const std::string& name) {
  for (const Shared& p : model.parameters)
    if (p.name() == name) return p;
  throw Error("no parameter " + name);
}

std::string names(const BuiltModel& model) {
  std::string text;
  for (const Shared& p : model.parameters) text += p.name() + " ";
  return text;
}

// ---- the network written out, for one image ----

struct Image {
  std::int64_t channels = 0, side = 0;
  std::vector<double> values{};

  Image(std::int64_t c, std::int64_t s) : channels(c), side(s), values(static_cast<std::size_t>(c * s * s)) {}
  bool inside(std::int64_t y, std::int64_t x) const { return y >= 0 && x >= 0 && y < side && x < side; }
  double& at(std::int64_t c, std::int64_t y, std::int64_t x) {
    return values[static_cast<std::size_t>((c * side + y) * side + x)];
  }
  double at(std::int64_t c, std::int64_t y, std::int64_t x) const {
    return values[static_cast<std::size_t>((c * side + y) * side + x)];
  }
};

std::int64_t windows(std::int64_t extent, std::int64_t kernel, std::int64_t stride, Round round) {
  const double moves = static_cast<double>(extent - kernel) / static_cast<double>(stride);
  return static_cast<std::int64_t>(round == Round::ceil ? std::ceil(moves) : std::floor(moves)) + 1;
}

// conv + bias + ReLU; weights of the groups one behind the other.
Image convolved(const Image& in, const BuiltModel& model, int layer, std::int64_t groups, std::int64_t stride,
                std::int64_t pad, Round round) {
  const auto name = [&](const char* what, std::int64_t g) {
    return what + std::to_string(layer) + (groups == 1 ? "" : "_" + std::to_string(g));
  };
  const Extents shape = parameter(model, name("W", 0)).get().shape();
  const std::int64_t filters = shape[0], part = shape[1], k = shape[2];
  Image out(filters * groups, windows(in.side + 2 * pad, k, stride, round));
  for (std::int64_t g = 0; g < groups; ++g) {
    const Array w = parameter(model, name("W", g)).get(), b = parameter(model, name("b", g)).get();
    for (std::int64_t f = 0; f < filters; ++f)
      for (std::int64_t y = 0; y < out.side; ++y)
        for (std::int64_t x = 0; x < out.side; ++x) {
          double sum = b.at(f);
          for (std::int64_t c = 0; c < part; ++c)
            for (std::int64_t i = 0; i < k; ++i)
              for (std::int64_t j = 0; j < k; ++j)
                if (in.inside(y * stride + i - pad, x * stride + j - pad))
                  sum += w.at(((f * part + c) * k + i) * k + j) *
                         in.at(g * part + c, y * stride + i - pad, x * stride + j - pad);
          out.at(g * filters + f, y, x) = std::max(sum, 0.0);
        }
  }
  return out;
}

Image pooled(const Image& in, Round round) {
  Image out(in.channels, windows(in.side, 3, 2, round));
  for (std::int64_t c = 0; c < out.channels; ++c)
    for (std::int64_t y = 0; y < out.side; ++y)
      for (std::int64_t x = 0; x < out.side; ++x) {
        double most = -1e300;
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j)
            if (in.inside(2 * y + i, 2 * x + j)) most = std::max(most, in.at(c, 2 * y + i, 2 * x + j));
        out.at(c, y, x) = most;
      }
  return out;
}

Image normalised(const Image& in, const Lrn& o) {
  Image out(in.channels, in.side);
  for (std::int64_t c = 0; c < in.channels; ++c)
    for (std::int64_t y = 0; y < in.side; ++y)
      for (std::int64_t x = 0; x < in.side; ++x) {
        double sum = 0;
        for (std::int64_t d = c - o.size / 2; d <= c + o.size / 2; ++d)
          if (d >= 0 && d < in.channels) sum += in.at(d, y, x) * in.at(d, y, x);
        const double alpha = o.divide_alpha ? o.alpha / static_cast<double>(o.size) : o.alpha;
        out.at(c, y, x) = in.at(c, y, x) / std::pow(o.k + alpha * sum, o.beta);
      }
  return out;
}

std::vector<double> dense(const std::vector<double>& x, const BuiltModel& model, int layer) {
  const Array w = parameter(model, "W" + std::to_string(layer)).get();
  const Array b = parameter(model, "b" + std::to_string(layer)).get();
  std::vector<double> y;
  for (std::int64_t j = 0; j < b.size(); ++j) {
    double sum = b.at(j);
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * w.at(static_cast<std::int64_t>(i) * b.size() + j);
    y.push_back(sum);
  }
  return y;
}

double loss_by_hand(const BuiltModel& model, const AlexNetOptions& o, const std::vector<Array>& arrays) {
  const std::int64_t batch = arrays[1].size(), pixels = arrays[0].size() / batch;
  double loss = 0;
  for (std::int64_t row = 0; row < batch; ++row) {
    Image t(3, o.input_size);
    for (std::int64_t i = 0; i < pixels; ++i) t.values[static_cast<std::size_t>(i)] = arrays[0].at(row * pixels + i);
    for (int layer = 1; layer <= 5; ++layer) {
      const bool first = layer == 1, lrn = o.normalised && layer <= 2, pool = layer <= 2 || layer == 5;
      t = convolved(t, model, layer, first ? 1 : o.groups[static_cast<std::size_t>(layer) - 2], first ? 4 : 1,
                    first        ? o.conv1_pad
                    : layer == 2 ? 2
                                 : 1,
                    first ? o.conv1_round : Round::floor);
      if (lrn && o.lrn_position == LrnPosition::before_pool) t = normalised(t, o.lrn);
      if (pool) t = pooled(t, o.pool_round);
      if (lrn && o.lrn_position == LrnPosition::after_pool) t = normalised(t, o.lrn);
    }
    std::vector<double> units = t.values;
    for (const int layer : {6, 7}) {
      units = dense(units, model, layer);
      for (double& v : units) v = std::max(v, 0.0) * (o.dropout_scaled ? 1 : 0.5);
    }
    units = dense(units, model, 8);
    double sum = 0;
    for (const double v : units) sum += std::exp(v);
    loss += std::log(sum) - units[static_cast<std::size_t>(arrays[1].at(row))];
  }
  return loss / static_cast<double>(batch);
}

std::vector<AlexNetOptions> versions() {
  std::vector<AlexNetOptions> all = {small(), small("no_lrn"), small("no_lrn_no_groups"), small(), small()};
  all[2].pool_round = Round::ceil;
  all[3].lrn_position = LrnPosition::before_pool;
  all[3].lrn = {.size = 3, .alpha = 0.3, .k = 1, .divide_alpha = true};
  all[3].dropout_scaled = true;
  all[4].lrn.alpha = 0.2;  // such that it matters
  all[4].input_size = 70;
  all[4].conv1_pad = 0;
  all[4].conv1_round = Round::ceil;
  return all;
}

}  // namespace

TEST_CASE("AlexNet's parameters: 22 arrays in groups, 16 without, in the order of the study") {
  AlexNetOptions options;
  options.zero_parameters = true;
  const BuiltModel model = alexnet(options);
  CHECK(names(model) == "W1 b1 W2_0 b2_0 W2_1 b2_1 W3 b3 W4_0 b4_0 W4_1 b4_1 W5_0 b5_0 W5_1 b5_1 W6 b6 W7 b7 W8 b8 ");
  const Extents shapes[] = {{96, 3, 11, 11},  {96},   {128, 48, 5, 5},  {128}, {128, 48, 5, 5},  {128},
                            {384, 256, 3, 3}, {384},  {192, 192, 3, 3}, {192}, {192, 192, 3, 3}, {192},
                            {128, 192, 3, 3}, {128},  {128, 192, 3, 3}, {128}, {9216, 4096},     {4096},
                            {4096, 4096},     {4096}, {4096, 1000},     {1000}};
  for (std::size_t i = 0; i < model.parameters.size(); ++i) {
    INFO(model.parameters[i].name());
    CHECK(model.parameters[i].get().shape() == shapes[i]);
  }
  AlexNetOptions together = alexnet_variant("no_lrn_no_groups");
  together.zero_parameters = true;
  const BuiltModel whole = alexnet(together);
  CHECK(names(whole) == "W1 b1 W2 b2 W3 b3 W4 b4 W5 b5 W6 b6 W7 b7 W8 b8 ");
  CHECK(parameter(whole, "W4").get().shape() == Extents{384, 384, 3, 3});
}

TEST_CASE("AlexNet's initial values are drawn in the order of the layers") {
  AlexNetOptions options = small();
  options.dtype = float32;
  options.scaled_weights = false;
  const BuiltModel model = alexnet(options);
  NumpyRandom random(23455);
  for (const Shared& p : model.parameters) {
    INFO(p.name());
    const Array value = p.get();
    if (p.name()[0] == 'W') {
      const double deviation = p.name() == "W6" || p.name() == "W7" ? 0.005 : 0.01;
      bool same = true;
      for (std::int64_t i = 0; i < value.size(); ++i)
        same = same && value.at(i) == static_cast<float>(deviation * random.normal());
      CHECK(same);
    } else {
      const bool positive = std::string("2467").find(p.name()[1]) != std::string::npos;
      for (const float v : value.view<float>()) REQUIRE(v == (positive ? 0.1f : 0.0f));
    }
  }
}

TEST_CASE("scaled weights have the deviation that keeps signals") {
  const BuiltModel model = alexnet(small());
  struct Case {
    const char* name;
    std::int64_t fan_in;
  };
  for (const Case& c : {Case{"W1", 3 * 121}, Case{"W2_1", 3 * 25}, Case{"W4_0", 12 * 9}, Case{"W7", 256}}) {
    INFO(c.name);
    const Array w = parameter(model, c.name).get();
    double squares = 0;
    for (const double v : w.view<double>()) squares += v * v;
    CHECK(squares / static_cast<double>(w.size()) == Approx(2.0 / static_cast<double>(c.fan_in)).epsilon(0.15));
  }
}

TEST_CASE("the loss of AlexNet is that of the network written out") {
  for (const AlexNetOptions& options : versions()) {
    const BuiltModel model = alexnet(options);
    INFO(model.variant);
    const std::vector<Array> arrays = inputs(2, options);
    CHECK(loss_of(model, model.loss, arrays) == Approx(loss_by_hand(model, options, arrays)).epsilon(1e-12));
  }
}

TEST_CASE("gradients of AlexNet agree with differences of its loss, with dropout") {
  for (const AlexNetOptions& options : versions()) {
    const BuiltModel model = alexnet(options);
    INFO(model.variant);
    for (const auto& e : direction_errors(model, model.training_loss, inputs(2, options))) {
      INFO(e.parameter);
      CHECK(e.length > 1e-6);
      CHECK(e.error < 1e-5);
    }
  }
}

TEST_CASE("training of AlexNet drops units, others in every call, and scales them if asked to") {
  AlexNetOptions options = small();
  const BuiltModel model = alexnet(options);
  REQUIRE(model.random_states.size() == 1);
  const std::vector<Array> arrays = inputs(3, options);
  const Function loss = function(model.inputs, {model.training_loss});
  const std::vector<Argument> arguments(arrays.begin(), arrays.end());
  const Array state = model.random_states[0].get();
  const double first = loss.call(arguments)[0].at(0);
  CHECK(loss.call(arguments)[0].at(0) != first);
  Shared(model.random_states[0]).set(state);
  CHECK(loss.call(arguments)[0].at(0) == first);

  // Units that are all alike: the logits count those that are kept.
  options.dropout_scaled = true;
  const BuiltModel scaled = alexnet(options);
  for (const BuiltModel* m : {&model, &scaled}) {
    for (const Shared& p : m->parameters) tests::scale(p, 0);
    Array ones = parameter(*m, "b7").get(), sums = parameter(*m, "W8").get();
    std::ranges::fill(ones.view<double>(), 1.0);
    std::ranges::fill(sums.view<double>(), 1.0);
    Shared(parameter(*m, "b7")).set(ones);
    Shared(parameter(*m, "W8")).set(sums);
    const Function logits = function(m->inputs, {m->training_logits, m->logits}, {.unused_inputs = true});
    const std::vector<Array> out = logits.call(arguments);
    const double units = 4096.0 / 16, unit = m == &scaled ? 2 : 1;
    CHECK(out[1].at(0) == units * unit / 2);
    CHECK(std::abs(out[0].at(0) - units * unit / 2) < 40 * unit);  // 5 deviations
    CHECK(std::fmod(out[0].at(0), unit) == 0);
    CHECK(out[0].at(0) != out[0].at(8));
  }
}

TEST_CASE("AlexNet optimised and hardly optimised agree, and one function serves all batches") {
  AlexNetOptions options = small();
  options.dtype = float32;
  const BuiltModel model = alexnet(options);
  std::vector<Tensor> outputs = grad(model.loss, model.parameter_tensors());
  outputs.push_back(model.loss);
  const Function quick = function(model.inputs, outputs, {.level = 0}), best = function(model.inputs, outputs);
  for (const std::int64_t batch : {1, 3}) {
    const std::vector<Array> arrays = inputs(batch, options);
    const std::vector<Argument> arguments(arrays.begin(), arrays.end());
    const std::vector<Array> a = quick.call(arguments), b = best.call(arguments);
    for (std::size_t i = 0; i < a.size(); ++i) {
      INFO(i);
      double error = 0, size = 0;
      for (std::int64_t k = 0; k < a[i].size(); ++k) {
        error += std::pow(a[i].at(k) - b[i].at(k), 2);
        size += std::pow(a[i].at(k), 2);
      }
      CHECK(size > 0);
      CHECK(error <= 1e-9 * size);
    }
  }
}

TEST_CASE("the gradient of AlexNet at batch 256 plans no more than 3 GiB, and does the work that its graph says") {
  for (const char* variant : {"exact", "no_lrn_no_groups"}) {
    INFO(variant);
    AlexNetOptions options = alexnet_variant(variant);
    options.zero_parameters = true;
    const BuiltModel model = alexnet(options);
    const std::vector<Tensor> gradients = grad(model.training_loss, model.parameter_tensors());
    const Function gradient = function(model.inputs, gradients);
    const Array images(float32, {256, 3, 224, 224}), labels(int64, {256});  // nobody looks at their elements
    const std::vector<Argument> arguments{images, labels};
    const PlannedMemory plan = gradient.planned_memory(arguments);
    INFO(plan.arena_bytes << " temporary, " << plan.output_bytes << " results, " << plan.constant_bytes
                          << " constants, " << plan.pack_bytes << " packed");
    CHECK(plan.total() <= 3ll << 30);
    const double work = flops(model.inputs, gradients, {images.shape(), labels.shape()});
    CHECK(gradient.flops(arguments) < 0.7 * work);  // by Winograd, in most layers
    const Function as_it_stands = function(model.inputs, gradients, {.conv = ConvAlgorithm::implicit_gemm});
    CHECK(as_it_stands.flops(arguments) == work);
  }
}

TEST_CASE("options that AlexNet cannot have") {
  const auto with = [](auto change) {
    AlexNetOptions options = small();
    change(options);
    return options;
  };
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.batch = 0; })), contains("at least 1, 0 was"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.classes = 0; })), contains("at least 1 class, 0 were"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.conv1_pad = -1; })), contains("negative, -1 was"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.shrink = 5; })), contains("divide 32, 5 was"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.groups[0] = 5; })), contains("conv2 cannot have 5 groups"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.dtype = int32; })), contains("int32 was"));
  CHECK_THROWS_WITH(alexnet(with([](AlexNetOptions& o) { o.input_size = 30; })), contains("30 x 30 are too small"));
  CHECK_THROWS_WITH(alexnet_variant("caffe"), contains("exact, no_lrn, no_lrn_no_groups"));
}
