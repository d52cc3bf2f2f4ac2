// What users do wrong, and the message that each mistake gets: tests/golden/errors/misuse.txt. A row is a mistake; its
// message names the op, the operands with their types and the user's lines, and says what was expected.
// BITALE_UPDATE_GOLDEN=1 rewrites the texts. Lines are written as distances from the row that makes the mistake.
#include <functional>
#include <regex>
#include <set>

#include <bitale/bitale.h>
#include <bitale/dlpack.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

using namespace bitale;

namespace {

struct Misuse {
  const char* name;
  std::function<void()> make;
  int line;
};
#define ROW(name, ...) Misuse{name, [] { __VA_ARGS__ }, __LINE__},

Array zeros_of(DType dtype, Extents shape) { return Array::zeros(dtype, std::move(shape)); }

Tensor images() { return input("images", float32, {Dim("batch"), 3, 32, 32}); }
Tensor matrix() { return input("matrix", float32, {4, 6}); }
Tensor labels() { return input("labels", int32, {4}); }

Function doubled() {
  const Tensor x = input("x", float32, {Dim("n"), 3});
  return function({x}, {x * 2.0}, {.cache = false});
}

// clang-format off
const std::vector<Misuse>& mistakes() {
  static const std::vector<Misuse> rows{
      // ---- operands that do not fit together ----
      ROW("add: shapes that do not broadcast",  matrix() + input("bias", float32, {4}); )
      ROW("mul: extents that differ",  input("a", float32, {2, 3}) * input("b", float32, {2, 4}); )
      ROW("dot: inner extents",  dot(input("x", float32, {Dim("batch"), 784}), input("w", float32, {800, 500})); )
      ROW("dot: rank 3",  dot(input("x", float32, {2, 3, 5}), matrix()); )
      ROW("batched_dot: batch extents",  batched_dot(input("a", float32, {2, 3, 4}), input("b", float32, {5, 4, 6})); )
      ROW("where: a condition that is not bool",  where(matrix(), matrix(), 0.0); )
      ROW("where: shapes",  where(matrix() < 0.0, input("a", float32, {4, 5}), 0.0); )
      ROW("an empty tensor as operand",  Tensor nothing; tanh(nothing); )
      ROW("an empty tensor in an expression",  Tensor nothing; matrix() + nothing; )
      ROW("a number that does not fit",  input("pixels", uint8, {4}) + 300; )
      // ---- shapes ----
      ROW("reshape: number of elements",  reshape(matrix(), {5, 5}); )
      ROW("reshape: what -1 stands for",  reshape(matrix(), {5, -1}); )
      ROW("reshape: two unknowns",  reshape(matrix(), {-1, -1}); )
      ROW("transpose: axes",  transpose(matrix(), {0, 0}); )
      ROW("transpose: too few axes",  transpose(images(), {1, 0}); )
      ROW("broadcast_to: extents",  broadcast_to(matrix(), {4, 7}); )
      ROW("broadcast_to: fewer axes",  broadcast_to(matrix(), {6}); )
      ROW("concatenate: nothing",  concatenate({}); )
      ROW("concatenate: other extents",  concatenate({matrix(), input("more", float32, {4, 5})}, 0); )
      ROW("concatenate: ranks",  concatenate({matrix(), input("row", float32, {6})}, 0); )
      ROW("slice: axis",  slice(matrix(), 2, 0, 1); )
      ROW("slice: step of zero",  slice(matrix(), 0, 0, 4, 0); )
      ROW("expand_dims: axis",  expand_dims(matrix(), 4); )
      ROW("flip: axis",  flip(matrix(), {2}); )
      ROW("squeeze: an extent that is not 1",  squeeze(matrix(), {0}); )
      ROW("flatten: order of axes",  flatten(images(), 2, 1); )
      ROW("moveaxis: numbers of axes",  moveaxis(images(), {0, 1}, {2}); )
      ROW("stack: other extents",  stack({matrix(), input("more", float32, {4, 5})}); )
      ROW("split: parts",  split(matrix(), 5, 1); )
      ROW("tile: a negative count",  tile(matrix(), {-1}); )
      ROW("roll: shifts and axes",  roll(matrix(), std::vector<Dim>{1, 2}, Axes{0}); )
      ROW("pad: a negative width",  pad(matrix(), {{-1, 0}}); )
      ROW("pad: widths",  pad(images(), {{1, 1}, {1, 1}}); )
      ROW("pad: nothing to repeat",  pad(input("none", float32, {0, 3}), {{1, 1}, {0, 0}}, PadMode::edge); )
      ROW("diag: rank",  diag(images()); )
      ROW("tril: rank",  tril(labels()); )
      ROW("full: a value that does not fit",  full(300, uint8, {2}); )
      ROW("arange: step of zero",  arange(0, 10, 0); )
      ROW("linspace: bounds that are no scalars",  linspace(matrix(), 1.0, 3); )
      ROW("meshgrid: rank",  meshgrid({labels(), matrix()}); )
      ROW("an input of a negative extent",  input("x", float32, {-3}); )
      // ---- reductions ----
      ROW("sum: axis",  sum(matrix(), {2}); )
      ROW("sum: axis twice",  sum(matrix(), {0, -2}); )
      ROW("argmax: axis",  argmax(matrix(), 5); )
      ROW("max of bools",  max(matrix() < 0.0); )
      ROW("norm: p",  norm(matrix(), -1); )
      ROW("cumsum: axis",  cumsum(matrix(), 2); )
      ROW("cummax of bools",  cummax(matrix() < 0.0, 0); )
      // ---- indexing ----
      ROW("gather: float indices",  gather(matrix(), input("at", float32, {3})); )
      ROW("gather: axis",  gather(matrix(), labels(), 2); )
      ROW("scatter_add: updates",  scatter_add(matrix(), labels(), input("updates", float32, {4, 5})); )
      ROW("pick: shapes",  pick(matrix(), input("labels", int32, {5})); )
      ROW("one_hot: float indices",  one_hot(matrix(), 10); )
      // ---- networks ----
      ROW("conv2d: channels",  conv2d(images(), input("filters", float32, {8, 4, 5, 5})); )
      ROW("conv2d: filters larger than images",  conv2d(input("images", float32, {1, 1, 4, 4}), input("filters", float32, {1, 1, 5, 5})); )
      ROW("conv2d: rank",  conv2d(matrix(), input("filters", float32, {8, 3, 5, 5})); )
      ROW("conv2d: groups",  conv2d(images(), input("filters", float32, {8, 1, 3, 3}), {.groups = 2}); )
      ROW("conv2d: stride of zero",  conv2d(images(), input("filters", float32, {8, 3, 3, 3}), {.stride = {0, 1}}); )
      ROW("conv2d: dtypes",  conv2d(images(), input("filters", int32, {8, 3, 3, 3})); )
      ROW("max_pool2d: window",  max_pool2d(input("images", float32, {1, 1, 2, 2}), {.window = {3, 3}}); )
      ROW("average_pool2d: padding",  average_pool2d(images(), {.window = {2, 2}, .padding = {3, 0, 0, 0}}); )
      ROW("softmax: axis",  softmax(matrix(), 2); )
      ROW("cross_entropy: float labels",  cross_entropy(matrix(), input("labels", float32, {4})); )
      ROW("cross_entropy: number of labels",  cross_entropy(matrix(), input("labels", int32, {5})); )
      ROW("bernoulli: probability",  RandomStream(1).bernoulli(1.5, {3}); )
      ROW("gamma: a parameter of another shape",  RandomStream(1).gamma(matrix(), 1, {6}); )
      ROW("choice: more than there are",  RandomStream(1).choice(5, {2, 3}, false); )
      ROW("choice: weights of rank 2",  RandomStream(1).choice(matrix(), {3}); )
      ROW("shuffle: axis",  RandomStream(1).shuffle(matrix(), 2); )
      ROW("matrix_norm: rank",  matrix_norm(labels()); )
      ROW("layer_norm: a scale of another rank",  layer_norm(matrix(), matrix(), {}); )
      ROW("dropout: rate",  RandomStream r(1); dropout(matrix(), 1.5, r); )
      // ---- derivatives ----
      ROW("grad: a cost that is no scalar",  const Tensor x = matrix(); grad(square(x), x); )
      ROW("grad: an integer cost",  const Tensor x = labels(); grad(sum(x), x); )
      ROW("grad: a parameter that the cost does not reach",  const Tensor x = matrix(), w = input("unused", float32, {3}); grad(sum(x), {w}); )
      ROW("vjp: type of a cotangent",  const Tensor x = matrix(); vjp({tanh(x)}, {input("dy", float32, {3})}, {x}); )
      ROW("jvp: number of tangents",  const Tensor x = matrix(); jvp({tanh(x)}, {x}, {}); )
      ROW("jacobian: of a matrix that is float32 in an int",  const Tensor x = labels(); jacobian(cast(x, float32), x); )
      ROW("gradient_check: float32",  const Tensor x = matrix(); gradient_check({sum(x)}, {x}, {{x, zeros_of(float32, {4, 6})}}); )
      // ---- functions ----
      ROW("function: a missing input",  const Tensor x = matrix(), y = input("y", float32, {6}); function({x}, {x + y}); )
      ROW("function: an unused input",  const Tensor x = matrix(), y = input("y", float32, {6}); function({x, y}, {x}); )
      ROW("function: an input twice",  const Tensor x = matrix(); function({x, x}, {x}); )
      ROW("function: an input that is computed",  const Tensor x = matrix(); function({x + 1.0}, {x}); )
      ROW("function: an empty output",  function({}, {Tensor()}); )
      ROW("function: a Shared updated twice",  const Shared s("s", zeros_of(float32, {2})); function({}, {}, {.updates = {{s, s + 1.0}, {s, s * 2.0}}}); )
      ROW("function: an update of another type",  const Shared s("s", zeros_of(float32, {2})); function({}, {}, {.updates = {{s, cast(s, float64)}}}); )
      ROW("function: an update of another shape",  const Shared s("s", zeros_of(float32, {2})); function({}, {}, {.updates = {{s, concatenate({s, s})}}}); )
      ROW("function: a given of another shape",  const Tensor x = matrix(); function({}, {x}, {.givens = {{x, zeros(float32, {4, 5})}}}); )
      ROW("function: an unknown device",  const Tensor x = matrix(); function({x}, {x}, {.device = "tpu"}); )
      ROW("function: an unknown instruction set",  const Tensor x = matrix(); function({x}, {x}, {.isa = "v9"}); )
      ROW("function: an optimisation level",  const Tensor x = matrix(); function({x}, {x}, {.level = 7}); )
      // ---- calls ----
      ROW("call: rank",  doubled()(zeros_of(float32, {3})); )
      ROW("call: extent",  doubled()(zeros_of(float32, {2, 4})); )
      ROW("call: dtype",  doubled()(zeros_of(float64, {2, 3})); )
      ROW("call: no argument",  doubled()(); )
      ROW("call: too many arguments",  doubled()(zeros_of(float32, {2, 3}), 1.0); )
      ROW("call: a list that is not rectangular",  doubled()({{1, 2, 3}, {4, 5}}); )
      ROW("call: extents that must agree",  Dim n("n"); const Tensor a = input("a", float32, {n}), b = input("b", float32, {n}); function({a, b}, {a + b}, {.cache = false})(zeros_of(float32, {2}), zeros_of(float32, {3})); )
      ROW("call: extents that were taken for equal",  const Tensor a = input("a", float32, {Dim("n")}), b = input("b", float32, {Dim("m")}); function({a, b}, {a + b}, {.cache = false})(zeros_of(float32, {2}), zeros_of(float32, {3})); )
      ROW("call: a fraction for an integer input",  const Tensor x = labels(); function({x}, {x + 1}, {.cache = false})({1, 2.5, 3, 4}); )
      ROW("call: an index outside",  const Tensor x = matrix(), at = labels(); function({x, at}, {gather(x, at)}, {.cache = false})(zeros_of(float32, {4, 6}), {0, 1, 2, 9}); )
      ROW("call: a view of another dtype",  const std::vector<double> v(6); doubled()(StridedView<const double>(v.data(), {2, 3})); )
      ROW("call: a view of another rank",  doubled()(std::vector<float>(6)); )
      ROW("call: a view of other extents",  const std::vector<float> v(8); doubled()(StridedView<const float>(v.data(), {2, 4}, {1, 2})); )
      ROW("call: strides that are not one for each axis",  const std::vector<float> v(6); doubled()(StridedView<const float>(v.data(), {2, 3}, {1})); )
      ROW("donate: an Array twice",  Array a = zeros_of(float32, {2, 3}); donate(a); donate(a); )
      ROW("call: an Array that was donated",  Array a = zeros_of(float32, {2, 3}); donate(a); doubled()(a); )
      ROW("call: an argument that was donated before",  Array a = zeros_of(float32, {2, 3}); const Argument x = donate(a); doubled()(x); doubled()(x); )
      ROW("call_into: number of destinations",  doubled().call_into({zeros_of(float32, {2, 3})}, {}); )
      ROW("call_into: shape",  Array y = zeros_of(float32, {3, 3}); doubled().call_into({zeros_of(float32, {2, 3})}, {y}); )
      ROW("call_into: dtype",  Array y = zeros_of(float64, {2, 3}); doubled().call_into({zeros_of(float32, {2, 3})}, {y}); )
      ROW("call_into: an empty Array",  Array y; doubled().call_into({zeros_of(float32, {2, 3})}, {y}); )
      ROW("call_into: columns",  std::vector<float> y(6); doubled().call_into({zeros_of(float32, {2, 3})}, {StridedView<float>(y.data(), {2, 3}, {1, 2})}); )
      ROW("call_into: constant memory",  const std::vector<float> y(6); doubled().call_into({zeros_of(float32, {2, 3})}, {StridedView<const float>(y.data(), {2, 3})}); )
      ROW("call_into: destinations that overlap",  const Tensor x = labels(); std::vector<int> y(6); function({x}, {x + 1, x + 2}, {.cache = false}).call_into({{1, 2, 3, 4}}, {std::span(y).first(4), std::span(y).last(4)}); )
      ROW("from_dlpack: a tensor on a device",  dlpack::ManagedTensor t{{nullptr, {dlpack::DeviceType::cuda, 0}, 0, {dlpack::TypeCode::floating, 16, 1}, nullptr, nullptr, 0}, nullptr, nullptr}; from_dlpack(&t); )
      ROW("from_dlpack: float8",  dlpack::ManagedTensor t{{nullptr, {dlpack::DeviceType::cpu, 0}, 0, {dlpack::TypeCode::floating, 8, 1}, nullptr, nullptr, 0}, nullptr, nullptr}; from_dlpack(&t); )
      // ---- Shared ----
      ROW("set: dtype",  Shared("s", zeros_of(float32, {2})).set(zeros_of(float64, {2})); )
      ROW("set: extent",  Shared("s", zeros_of(float32, {2})).set(zeros_of(float32, {3})); )
      ROW("Shared: a shape that its value does not have",  Shared("s", zeros_of(float32, {2}), Shape{3}); )
      ROW("Array: number of values",  Array::of<float>(std::vector<float>{1, 2, 3}, {2, 2}); )
      ROW("Array: dtype of a view",  zeros_of(float32, {2}).view<double>(); )
  };
  return rows;
}
// clang-format on

std::string message_of(const Misuse& row) {
  std::string message = "no error";
  try {
    row.make();
  } catch (const Error& e) {
    message = e.what();
  } catch (const std::exception& e) {
    message = std::string("NOT AN Error: ") + e.what();
  }
  // A helper above the table makes some operands: its lines are "made above".
  static const std::regex place("[A-Za-z/_]*misuse_test\\.cc:([0-9]+)");
  std::string out;
  auto from = message.cbegin();
  for (std::sregex_iterator m(message.begin(), message.end(), place), end; m != end; ++m) {
    out.append(from, (*m)[0].first);
    out += std::stoi((*m)[1]) == row.line ? "HERE" : "ABOVE";
    from = (*m)[0].second;
  }
  return out.append(from, message.cend());
}

}  // namespace

TEST_CASE("every mistake gets a message that names what was given and what was expected") {
  std::string text;
  std::set<std::string> names;
  for (const Misuse& row : mistakes()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    const std::string message = message_of(row);
    CHECK(message != "no error");
    CHECK(message.find("NOT AN Error") == std::string::npos);
    text += std::string(row.name) + "\n    " + message + "\n";
  }
  CHECK(names.size() >= 60);
  CHECK(text == tests::golden("errors/misuse.txt", text));
}
