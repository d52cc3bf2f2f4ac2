// The work of every network and variant, counted from its graphs, is the study's (study_flops.csv), to the last digit.
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include "models/data/study_lengths.h"
#include "models/zoo/alexnet.h"
#include "models/zoo/digits_sample.h"
#include "models/zoo/lenet.h"
#include "models/zoo/lstm_sentiment.h"
#include "models/zoo/sae.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/source_folder.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

// ---- the table ----

struct Row {
  std::int64_t batch = 0, parameters = 0;
  double macs = 0;                            // of the forward pass, for a sample
  std::string forward, gradient, with_input;  // GFLOP of a batch, with six decimals
};

// Fields may be quoted.
std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

std::map<std::string, Row> study() {
  std::ifstream file(tests::source_folder() / "tests/unit/models/zoo/study_flops.csv");
  std::map<std::string, Row> rows;
  std::string line;
  for (std::getline(file, line); std::getline(file, line);) {
    const std::vector<std::string> f = fields(line);
    if (f.size() != 9) throw Error("study_flops.csv: " + line);
    rows[f[0] + " " + f[1]] = {std::stoll(f[2]), std::stoll(f[3]), std::stod(f[4]), f[5], f[6], f[7]};
  }
  return rows;
}

// As the table has it. Counts of operations are whole numbers, and exact.
std::string gflop(double flops) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6f", flops * 1e-9);
  return text;
}

// ---- what is compared with it ----

std::int64_t count(const BuiltModel& model) {
  std::int64_t n = 0;
  for (const Shared& p : model.parameters) n += p.get().size();
  return n;
}

std::vector<Extents> shapes_of(const BuiltModel& model, std::int64_t batch) {
  std::vector<Extents> shapes;
  for (const Tensor& input : model.inputs) {
    Extents shape{batch};
    const Shape dims = input.shape();
    for (std::size_t axis = 1; axis < dims.size(); ++axis) shape.push_back(std::stoll(dims[axis].text()));
    shapes.push_back(shape);
  }
  return shapes;
}

std::vector<Tensor> gradients(const BuiltModel& model, bool of_input) {
  std::vector<Tensor> wrt = model.parameter_tensors();
  if (of_input) wrt.push_back(model.data);
  return grad(model.training_loss, wrt);
}

void check_row(const Row& row, const BuiltModel& model) {
  const std::vector<Extents> shapes = shapes_of(model, row.batch);
  CHECK(count(model) == row.parameters);
  const double forward = flops(model.inputs, {model.training_loss}, shapes);
  CHECK(forward == 2 * static_cast<double>(row.batch) * row.macs);
  CHECK(gflop(forward) == row.forward);
  CHECK(gflop(flops(model.inputs, gradients(model, false), shapes)) == row.gradient);
  CHECK(gflop(flops(model.inputs, gradients(model, true), shapes)) == row.with_input);
}

AlexNetOptions alexnet_like(std::int64_t size, std::int64_t pad, const std::string& variant = "no_lrn_no_groups") {
  AlexNetOptions o = alexnet_variant(variant);
  o.input_size = size;
  o.conv1_pad = pad;
  o.zero_parameters = true;
  return o;
}

AlexNetOptions two_columns(std::array<std::int64_t, 4> groups) {
  AlexNetOptions o = alexnet_like(224, 2);
  o.groups = groups;
  return o;
}

AlexNetOptions ceil_pools(AlexNetOptions o) {
  o.pool_round = AlexNetOptions::Round::ceil;
  return o;
}

AlexNetOptions ceil_all(AlexNetOptions o) {
  o.conv1_round = AlexNetOptions::Round::ceil;
  return ceil_pools(o);
}

}  // namespace

TEST_CASE("the work of LeNet and its variant") {
  const auto rows = study();
  check_row(rows.at("lenet default"), lenet());
  check_row(rows.at("lenet neon_52"), lenet({.conv2_filters = 52, .dense_biases = false}));
}

TEST_CASE("the work of AlexNet, as every program of the study has it") {
  const auto rows = study();
  const std::map<std::string, AlexNetOptions> variants = {
      {"exact (default: 224, pad 3, conv1 55x55)", alexnet_like(224, 3, "exact")},
      {"no_grouping (default: 224, pad 3, conv1 55x55)", alexnet_like(224, 3)},
      {"theano cuDNN script exact (227, pad 3, conv1 56x56)", alexnet_like(227, 3, "exact")},
      {"theano cuDNN script no_grouping", alexnet_like(227, 3)},
      {"theano cuda-convnet exact (224, pad 0, ceil, 55x55)", ceil_all(alexnet_like(224, 0, "exact"))},
      {"theano cuda-convnet no_grouping", ceil_all(alexnet_like(224, 0))},
      {"caffe exact (224, pad 0, 54x54, ceil pool)", ceil_pools(alexnet_like(224, 0, "exact"))},
      {"caffe no_grouping", ceil_pools(alexnet_like(224, 0))},
      {"neon (224, pad 0, 54x54, floor pool, fc6 in 6400)", alexnet_like(224, 0)},
      {"tensorflow (227, pad 0, 55x55)", alexnet_like(227, 0)},
      {"torch cuDNN script (two columns x groups 2)", two_columns({4, 2, 4, 4})},
      {"torch CPU and fbcunn script (two columns)", two_columns({2, 2, 2, 2})},
  };
  std::size_t of_alexnet = 0;
  for (const auto& [name, row] : rows) {
    if (!name.starts_with("alexnet ")) continue;
    INFO(name);
    check_row(row, alexnet(variants.at(name.substr(8))));
    ++of_alexnet;
  }
  CHECK(of_alexnet == variants.size());
  // Without LRN the work is the same.
  check_row(rows.at("alexnet exact (default: 224, pad 3, conv1 55x55)"), alexnet(alexnet_like(224, 3, "no_lrn")));
}

TEST_CASE("the work of the stacked autoencoder, step by step") {
  const auto rows = study();
  for (const auto& [size, widths] : {std::pair("small", "400-200-100"), std::pair("large", "800-1000-2000")}) {
    const BuiltModel model = sae(sae_variant(size));
    for (const auto& [step, name] : {std::pair("ae1", "AE1"), {"ae2", "AE2"}, {"ae3", "AE3"}, {"se", "SE"}}) {
      INFO(size << " " << name);
      check_row(rows.at(std::string("stacked_autoencoder ") + name + " " + widths), step_of(model, step));
    }
  }
}

TEST_CASE("the work of the stacked autoencoder as others do it") {
  struct Case {
    const char *size, *step, *gradient;
    std::int64_t untied;
  };
  for (const Case& c : {Case{"small", "ae1", "0.200704", 628384}, Case{"small", "ae2", "0.141722", 160600},
                        Case{"small", "ae3", "0.126362", 40300}, Case{"large", "ae1", "0.401408", 1255984},
                        Case{"large", "ae2", "0.774963", 1601800}, Case{"large", "ae3", "2.003763", 4003000}}) {
    INFO(c.size << " " << c.step);
    SaeOptions options = sae_variant(c.size);
    options.tied = false;
    const BuiltModel untied = step_of(sae(options), c.step), tied = step_of(sae(sae_variant(c.size)), c.step);
    const std::vector<Extents> shapes = shapes_of(tied, 64);
    CHECK(count(untied) == c.untied);
    CHECK(flops(untied.inputs, gradients(untied, false), shapes) == flops(tied.inputs, gradients(tied, false), shapes));
    options.backward_all = true;
    const BuiltModel all = step_of(sae(options), c.step);
    CHECK(gflop(flops(all.inputs, gradients(all, false), shapes)) == c.gradient);
  }
}

TEST_CASE("the work of the LSTM, for the study's epoch") {
  const auto rows = study();
  const BuiltModel model = lstm_sentiment();
  const std::vector<Tensor> gradient = grad(model.loss, model.parameter_tensors());
  for (const bool remainder : {false, true}) {
    const Row& row =
        rows.at(remainder ? "lstm_imdb 125 batches (last has 5 sequences)" : "lstm_imdb 124 full batches (default)");
    CHECK(count(model) == row.parameters);
    double forward = 0, both = 0;
    const std::vector<std::int64_t> lengths = study_lengths();
    const auto batches = batches_of(lengths, study_batch, remainder);
    for (const std::vector<std::int64_t>& batch : batches) {
      const auto size = static_cast<std::int64_t>(batch.size()), steps = batch.back();  // the lengths ascend
      const std::vector<Extents> shapes = {{steps, size}, {steps, size}, {size}};
      forward += flops(model.inputs, {model.loss}, shapes);
      both += flops(model.inputs, gradient, shapes);
    }
    CHECK(gflop(forward / static_cast<double>(batches.size())) == row.forward);
    CHECK(gflop(both / static_cast<double>(batches.size())) == row.gradient);
  }
}

TEST_CASE("compiled functions do the work that the graphs say") {
  const auto check_function = [](const BuiltModel& model, const std::vector<Array>& arrays) {
    INFO(model.name << " " << model.step);
    std::vector<Extents> shapes;
    for (std::size_t i = 0; i < model.inputs.size(); ++i) shapes.push_back(arrays[i].shape());
    const std::vector<Argument> arguments(arrays.begin(),
                                          arrays.begin() + static_cast<std::ptrdiff_t>(model.inputs.size()));
    for (const std::vector<Tensor>& outputs : {std::vector{model.loss}, gradients(model, false)}) {
      const Function f = function(model.inputs, outputs, {.unused_inputs = true});
      CHECK(f.flops(arguments) == flops(model.inputs, outputs, shapes));
    }
  };
  check_function(lenet(), sample_digits(3, 0, 1));
  const BuiltModel autoencoder = sae();
  for (const BuiltModel& step : autoencoder.before) check_function(step, sample_digits(3, 0, 1));
  check_function(autoencoder, sample_digits(3, 0, 1));
}

TEST_CASE("flops of shapes that a graph does not allow") {
  const Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n, 4}), y = input("y", float32, {4, n});
  const Tensor xy = dot(x, y);
  CHECK(flops({x, y}, {xy, dot(x, y)}, {{3, 4}, {4, 3}}) == 2 * 3 * 4 * 3);
  CHECK_THROWS_WITH(flops({x, y}, {xy}, {{3, 4}}), contains("2 inputs and 1 shapes"));
  CHECK_THROWS_WITH(flops({x, y}, {xy}, {{3, 4}, {4}}), contains("the ranks differ"));
  CHECK_THROWS_WITH(flops({x, y}, {xy}, {{3, 5}, {4, 3}}), contains("the extent of axis 1 is 4"));
  CHECK_THROWS_WITH(flops({x, y}, {xy}, {{3, 4}, {4, 2}}), contains("axis 1 is n, which is 3 elsewhere"));
  CHECK_THROWS_WITH(flops({x}, {dot(x, ones(float32, {4, m}))}, {{3, 4}}), contains("what the extent m is"));
}
