// Contractions that a device's library does, on the stand-ins for NVIDIA's libraries (tests/cuda_stub), which compute
// what a GPU would be asked for.
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

#include <bitale/bitale.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/codegen/cuda/nvrtc.h"
#include "models/zoo/models.h"
#include "runtime/base/flags.h"
#include "tests/gpu/samples.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/compiled_backend.h"
#include "tests/support/differential.h"
#include "tests/support/golden.h"
#include "tests/support/half_products.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// Runs `work` in a child process; what it returns or throws, and what it writes to standard error.
std::pair<std::string, std::string> in_child(const std::function<std::string()>& work) {
  int said[2], warned[2];
  REQUIRE(pipe(said) == 0);
  REQUIRE(pipe(warned) == 0);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(warned[1], STDERR_FILENO);
    std::string text;
    try {
      text = work();
    } catch (const std::exception& e) {
      text = e.what();
    }
    std::fflush(nullptr);
    _exit(write(said[1], text.data(), text.size()) < 0);
  }
  const auto all_of = [](int(&ends)[2]) {
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    return text;
  };
  std::pair<std::string, std::string> out{all_of(said), all_of(warned)};
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return out;
}

std::string product_on(const std::string& device) {
  const Tensor x = input("x", float32, {2, 3}), w = input("w", float32, {3, 2});
  const Function f = function({x, w}, {tanh(dot(x, w))}, {.name = "f", .device = device, .cache = false});
  const Array result = f(random_array(float32, {2, 3}, 1, 1, 1), random_array(float32, {3, 2}, 1, 1, 1))[0];
  return fmt::format("{:.4f}", result.at(0));
}

class Contraction {  // the flag, for a scope
 public:
  explicit Contraction(const std::string& value) : before_(std::exchange(flags().contraction, value)) {}
  ~Contraction() { flags().contraction = before_; }

 private:
  const std::string before_;
};

}  // namespace

// First, while no library is open: children start from what this process has.
TEST_CASE("where cuBLASLt cannot be used one warning says why, and generated kernels multiply") {
  const auto warned = [](const char* variable, const char* value) {
    return in_child([&] {
      setenv(variable, value, 1);
      const Stub stub(true);
      const Contraction always("cublaslt");
      install_played(stub);
      const std::string results = product_on("played") + " " + product_on("played");
      return results + (stub.count("cublasLtMatmul ") > 0 ? " by it" : "");
    });
  };
  const auto fine = warned("CUBLASLT_STUB_VERSION", "130100");
  CHECK(fine.first == "0.9951 0.9951 by it");
  CHECK(fine.second.empty());

  const auto old = warned("CUBLASLT_STUB_VERSION", "111103");
  CHECK(old.first == "0.9951 0.9951");
  CHECK_THAT(old.second, contains("is cuBLASLt 11.11.3: that of CUDA 12 or later is needed"));
  CHECK(occurrences(old.second, "generated kernels multiply instead") == 1);

  const auto without = warned("CUDA_STUB_FAIL", "cublasLtCreate=1");
  CHECK(without.first == "0.9951 0.9951");
  CHECK_THAT(without.second, contains("does not start: it finds no GPU: CUBLAS_STATUS_NOT_INITIALIZED"));
  CHECK(occurrences(without.second, "device 'cuda:0': cuBLASLt") == 1);

  const auto unable = warned("CUDA_STUB_FAIL", "cublasLtMatmulAlgoGetHeuristic=15");
  CHECK(unable.first == "0.9951 0.9951");
  CHECK_THAT(unable.second,
             contains("has no algorithm for float32 [2 x 3] by [3 x 2]; generated kernels multiply instead"));
  CHECK(occurrences(unable.second, "has no algorithm") == 1);

  const auto asking = warned("CUDA_STUB_FAIL", "cublasLtMatmulAlgoGetHeuristic=7");
  CHECK_THAT(asking.first, contains("dot+tanh: cuBLASLt cannot be asked how to multiply float32 [2 x 3] by [3 x 2]: "
                                    "CUBLAS_STATUS_INVALID_VALUE"));

  const auto failing = warned("CUDA_STUB_FAIL", "cublasLtMatmul=13");
  CHECK_THAT(failing.first,
             contains("dot+tanh: cuBLASLt 13.1.0 fails to multiply float32 [2 x 3] by [3 x 2]: "
                      "CUBLAS_STATUS_EXECUTION_FAILED (some error); BITALE_CONTRACTION=generated does without it, "
                      "computed at "));
}

TEST_CASE("ops that are contractions have the values of the interpreter by the library") {
  const Stub stub(true);
  install_played(stub);
  const Contraction always("cublaslt");
  const Backend backend = compiled_for("played", 2);
  for (const ir::OpDef* op : tested_ops())
    if (op->contraction) check_together(device_cases(*op), backend);
  CHECK(stub.count("cublasLtMatmul ") > 0);
}

namespace {

constexpr const char* forms[] = {"ij,jk->ik",   "ji,jk->ik",       "ij,kj->ik",       "ji,kj->ik",
                                 "ij,jk->ki",   "bij,bjk->bik",    "bji,bjk->bik",    "bij,bkj->bik",
                                 "bij,jk->bik", "bij,bjk->ibk",    "ij,j->i",         "i,j->ij",
                                 "bij,bij->b",  "abij,abjk->abik", "aibj,abjk->aibk", "bijc,cjk->bik"};

// Every form twice, of operands of its own: as it is, and with what follows it.
struct AllForms {
  std::vector<Tensor> inputs, outputs;
  std::vector<std::string> names;  // of the operands' letters

  AllForms() {
    for (const std::string form : forms) {
      outputs.push_back(product(form));
      outputs.push_back(tanh(0.1 * product(form) + operand(form.substr(form.size() - 1))));
    }
  }

  Tensor product(const std::string& form) {
    const std::size_t comma = form.find(','), arrow = form.find('-');
    const Tensor a = operand(form.substr(0, comma)), b = operand(form.substr(comma + 1, arrow - comma - 1));
    return einsum(form, {a, b});
  }
  Tensor operand(const std::string& letters) {
    Shape shape;
    for (const char letter : letters) shape.push_back(dims.at(letter));
    names.push_back(letters);
    inputs.push_back(input(letters, float32, shape));
    return inputs.back();
  }

  std::vector<Argument> arguments(const std::map<char, std::int64_t>& extents) const {
    std::vector<Argument> all;
    for (std::size_t i = 0; i < names.size(); ++i) {
      Extents shape;
      for (const char letter : names[i]) shape.push_back(extents.at(letter));
      all.emplace_back(random_array(float32, shape, -1, 1, i + 1));
    }
    return all;
  }

  std::map<char, Dim> dims{{'a', Dim("a")}, {'b', Dim("b")}, {'c', Dim("c")},
                           {'i', Dim("i")}, {'j', Dim("j")}, {'k', Dim("k")}};
};

}  // namespace

TEST_CASE("contractions of all forms and odd extents, at once and recorded, by the library") {
  const Stub stub(true);
  install_played(stub);
  const AllForms all;
  const Function on_device = function(all.inputs, all.outputs, {.name = "forms", .device = "played", .cache = false});
  const Function on_cpu = function(all.inputs, all.outputs, {.name = "forms", .threads = 1, .cache = false});
  const std::map<char, std::int64_t> extents[] = {{{'a', 2}, {'b', 3}, {'c', 2}, {'i', 5}, {'j', 7}, {'k', 3}},
                                                  {{'a', 1}, {'b', 1}, {'c', 1}, {'i', 1}, {'j', 1}, {'k', 1}},
                                                  {{'a', 3}, {'b', 2}, {'c', 3}, {'i', 1}, {'j', 9}, {'k', 4}},
                                                  {{'a', 2}, {'b', 5}, {'c', 2}, {'i', 13}, {'j', 1}, {'k', 2}},
                                                  {{'a', 2}, {'b', 2}, {'c', 2}, {'i', 3}, {'j', 0}, {'k', 5}},
                                                  {{'a', 0}, {'b', 2}, {'c', 1}, {'i', 0}, {'j', 3}, {'k', 2}}};
  const std::size_t products[] = {26, 30, 28, 28, 0, 0};  // not of operands whose dims are not evenly spaced
  for (std::size_t e = 0; e < std::size(extents); ++e) {
    const std::vector<Argument> arguments = all.arguments(extents[e]);
    std::vector<Array> want;
    {
      const Contraction generated("generated");
      want = on_cpu.call(arguments);
    }
    const Contraction always("cublaslt");
    for (int call = 0; call < 4; ++call) {
      stub.clear();
      const std::vector<Array> got = on_device.call(arguments);
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO(forms[i / 2] << (i % 2 ? " and tanh" : "") << ", extents " << e << ", call " << call);
        CHECK(difference(got[i], want[i], 10) == "");
      }
      if (call == 0) CHECK(stub.count("cublasLtMatmul ") == products[e]);
      if (call == 3) CHECK(stub.count("cublasLtMatmul ") == 0);  // it was recorded before
    }
  }
}

TEST_CASE("rows of a sequence are operands of products in a loop, whatever their size") {
  const Stub stub(true);
  install_played(stub);
  const Contraction always("cublaslt");
  Dim n("n");
  const Tensor xs = input("xs", float32, {n, 3, 5}), w = input("w", float32, {5, 5}), h = input("h", float32, {3, 5});
  const Tensor states = foldl([&](const Tensor& s, const Tensor& x) { return tanh(dot(x + s, w) + dot(x, w)); }, xs, h);
  const std::vector<Tensor> outputs{states, grad(sum(states), w)};
  const std::vector<Argument> arguments{random_array(float32, {4, 3, 5}, -1, 1, 1),
                                        random_array(float32, {5, 5}, -1, 1, 2),
                                        random_array(float32, {3, 5}, -1, 1, 3)};
  const std::vector<Array> got = function({xs, w, h}, outputs, {.device = "played", .cache = false}).call(arguments),
                           want = function({xs, w, h}, outputs, {.threads = 1, .cache = false}).call(arguments);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(difference(got[i], want[i], 10) == "");
  CHECK(stub.count("cublasLtMatmul ") >= 8);
}

namespace {

Function layer(std::int64_t width, const std::string& device, bool tf32 = false) {
  Dim n("n");
  const Tensor x = input("x", float32, {n, width}), w = input("w", float32, {width, width});
  const std::vector<Tensor> outputs{tanh(dot(x, w)), dot(transpose(x), x)};
  return function({x, w}, outputs, {.name = "layer", .device = device, .cache = false, .tf32 = tf32});
}

std::vector<Argument> arguments_of_layer(std::int64_t rows, std::int64_t width) {
  return {random_array(float32, {rows, width}, -1, 1, 1), random_array(float32, {width, width}, -1, 1, 2)};
}

}  // namespace

TEST_CASE("products of little work stay with the generated function, unless the flag says otherwise") {
  const Stub stub(true);
  install_played(stub);
  const Function f = layer(16, "played");
  CHECK_THAT(f.program_text(), contains("by cuBLASLt where the operands are plain matrices of enough work, finished by "
                                        "@2 finish_0 in workspace %4"));
  CHECK_THAT(f.program_text(),
             contains("by cuBLASLt where the operands are plain matrices of enough work, straight to its "
                      "operand"));
  const auto products = [&] {
    stub.clear();
    f.call(arguments_of_layer(3, 16));
    return stub.count("cublasLtMatmul ");
  };
  CHECK(products() == 0);
  const Function emulated = layer(16, "emulated");
  CHECK(emulated.program_text().find("cuBLASLt") == std::string::npos);

  const auto launches = [](const Function& g, std::int64_t rows, std::int64_t width) {
    std::vector<int> all;
    for (const StepCost& c : g.step_costs(arguments_of_layer(rows, width))) all.push_back(c.launches);
    return all;
  };
  const Function wide = layer(512, "played");
  CHECK(launches(wide, 64, 512) == std::vector<int>{1, 1});  // 34 MFLOP each; the second one is worth a product
  CHECK(launches(wide, 128, 512) == std::vector<int>{2, 1});
  const double bytes = wide.step_costs(arguments_of_layer(128, 512))[0].bytes;
  CHECK(bytes == 4.0 * (128 * 512 + 512 * 512 + 128 * 512 + 2 * 128 * 512));
  const PlannedMemory few = wide.planned_memory(arguments_of_layer(64, 512)),
                      many = wide.planned_memory(arguments_of_layer(128, 512));
  CHECK(few.arena_bytes == 64);
  CHECK(many.arena_bytes == 4 * 128 * 512);
  {
    const Contraction generated("generated");
    CHECK(launches(wide, 128, 512) == std::vector<int>{1, 1});
  }
  {
    const Contraction always("cublaslt");
    CHECK(launches(wide, 1, 512) == std::vector<int>{2, 1});
  }
  const Contraction neither("both");
  CHECK_THROWS_WITH(launches(wide, 1, 512), contains("expected generated, openblas, tuned or cublaslt"));
}

namespace {

// What a call asks for.
struct Asked {
  std::size_t products = 0, biases = 0, relus = 0, finished = 0;
  bool operator==(const Asked&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Asked& a) {
  return out << a.products << " products, " << a.biases << " with bias, " << a.relus << " with relu, " << a.finished
             << " finished";
}

// Whether a function has the values of the CPU by the library, at once and recorded; what its first call asks for.
Asked by_library(const Stub& stub, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                 const std::vector<Argument>& arguments, bool relaxed = false) {
  const std::vector<Array> want = function(inputs, outputs, {.threads = 1, .cache = false}).call(arguments);
  const Contraction always("cublaslt");
  const Function f = function(inputs, outputs, {.device = "played", .relaxed = relaxed, .cache = false});
  Asked asked;
  for (int call = 0; call < 3; ++call) {
    stub.clear();
    const std::vector<Array> got = f.call(arguments);
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO("result " << i << ", call " << call);
      CHECK(difference(got[i], want[i], 10) == "");
    }
    if (call > 0) continue;
    asked = {stub.count("cublasLtMatmul "), stub.count(", bias m"), stub.count(" and relu, m"),
             stub.count("cuLaunchKernel finish_")};
  }
  return asked;
}

// A layer of numbers of both signs.
struct Layer {
  Tensor x, w, b;
  std::vector<Argument> arguments;
  std::vector<Tensor> inputs;

  Layer(std::int64_t m, std::int64_t n, std::int64_t k, DType dtype = float32, std::int64_t biases = 0)
      : x(input("x", dtype, {m, k})), w(input("w", dtype, {k, n})), b(input("b", dtype, {biases ? biases : n})) {
    inputs = {x, w, b};
    arguments = {random_array(dtype, {m, k}, -1, 1, 1), random_array(dtype, {k, n}, -1, 1, 2),
                 random_array(dtype, {biases ? biases : n}, -1, 1, 3)};
  }
};

constexpr Asked with_bias{1, 1, 0, 0}, finished{1, 0, 0, 1};

}  // namespace

TEST_CASE("a bias is added by the library, of matrices of several rows and columns") {
  const Stub stub(true);
  install_played(stub);
  const std::array<std::int64_t, 3> shapes[] = {{2, 2, 2}, {3, 5, 4}, {7, 64, 33}, {64, 3, 2}};
  for (const auto& [m, n, k] : shapes)
    for (const DType dtype : {float32, float64}) {
      const Layer l(m, n, k, dtype);
      INFO(m << " x " << n << " x " << k << " " << name_of(dtype));
      CHECK(by_library(stub, l.inputs, {dot(l.x, l.w) + l.b}, l.arguments) == with_bias);
      CHECK(by_library(stub, l.inputs, {l.b + dot(l.x, l.w)}, l.arguments) == with_bias);
      CHECK(by_library(stub, l.inputs, {tanh(dot(l.x, l.w) + l.b)}, l.arguments) == finished);
      CHECK(by_library(stub, l.inputs, {dot(l.x, l.w) - l.b}, l.arguments) == finished);
    }
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{1, 5, 4}, {3, 1, 4}, {3, 5, 1}}) {
    const Layer l(m, n, k);
    INFO(m << " x " << n << " x " << k);
    CHECK(by_library(stub, l.inputs, {dot(l.x, l.w) + l.b}, l.arguments).biases == 0);
  }
}

TEST_CASE("a bias is the library's where it lies along the columns, at a multiple of 16 bytes") {
  const Stub stub(true);
  install_played(stub);
  const Layer l(6, 8, 5, float32, 24);
  const auto asked = [&](const Tensor& bias) {
    return by_library(stub, l.inputs, {dot(l.x, l.w) + bias}, l.arguments);
  };
  CHECK(asked(slice(l.b, 0, 8, 16)) == with_bias);
  CHECK(asked(slice(l.b, 0, 4, 12)) == with_bias);
  CHECK(asked(slice(l.b, 0, 3, 11)) == finished);
  CHECK(asked(slice(l.b, 0, 0, 16, 2)) == finished);
  CHECK(asked(reshape(slice(l.b, 0, 0, 6), {6, 1})) == finished);
  CHECK(asked(slice(l.b, 0, 0, 1)) == finished);

  // Of a batch, the same for all or one for each.
  const Tensor xs = input("xs", float32, {3, 6, 5}), ws = input("ws", float32, {3, 5, 8});
  const Tensor one = input("one", float32, {8}), each = input("each", float32, {3, 1, 8});
  const std::vector<Argument> arguments{
      random_array(float32, {3, 6, 5}, -1, 1, 1), random_array(float32, {3, 5, 8}, -1, 1, 2),
      random_array(float32, {8}, -1, 1, 3), random_array(float32, {3, 1, 8}, -1, 1, 4)};
  const Tensor products = einsum("bij,bjk->bik", {xs, ws});
  const auto of_batch = [&](const Tensor& bias) {
    return by_library(stub, {xs, ws, bias}, {products + bias},
                      {arguments[0], arguments[1], arguments[bias.rank() == 1 ? 2 : 3]});
  };
  CHECK(of_batch(one) == with_bias);
  CHECK(of_batch(each) == finished);
}

TEST_CASE("a product with a bias is one launch, and is worth it for less work") {
  const Stub stub(true);
  install_played(stub);
  Dim n("n");
  const Tensor x = input("x", float32, {n, 512}), w = input("w", float32, {512, 512}), b = input("b", float32, {512});
  const Function f = function({x, w, b}, {dot(x, w) + b}, {.name = "f", .device = "played", .cache = false});
  CHECK_THAT(f.program_text(), contains("of enough work, plus %2 b, straight to its operand, else finished by @1 "
                                        "finish_0 in workspace %4"));
  const std::vector<Argument> arguments{random_array(float32, {64, 512}, -1, 1, 1),
                                        random_array(float32, {512, 512}, -1, 1, 2),
                                        random_array(float32, {512}, -1, 1, 3)};
  const StepCost cost = f.step_costs(arguments)[0];
  CHECK(cost.launches == 1);
  CHECK(cost.bytes == 4.0 * (64 * 512 + 512 * 512 + 512 + 64 * 512));
  CHECK(f.planned_memory(arguments).arena_bytes == 64);
  stub.clear();
  f.call(arguments);  // 34 MFLOP
  CHECK(stub.count("cublasLtMatmul ") == 1);
  CHECK(stub.count("cuLaunchKernel") == 0);
}

TEST_CASE("a bias is added in the body of a loop") {
  const Stub stub(true);
  install_played(stub);
  Dim steps("n");
  for (const std::int64_t width : {8, 5}) {  // rows of a sequence begin at multiples of 16 bytes, or do not
    const Tensor first = input("first", float32, {3, width}), w = input("w", float32, {width, width}),
                 biases = input("biases", float32, {steps, width});
    const Tensor last = foldl([&](const Tensor& x, const Tensor& b) { return dot(x, w) + b; }, biases, first);
    const std::vector<Argument> arguments{random_array(float32, {3, width}, -1, 1, 1),
                                          random_array(float32, {width, width}, -1, 1, 2),
                                          random_array(float32, {4, width}, -1, 1, 3)};
    CHECK(by_library(stub, {first, w, biases}, {last}, arguments) ==
          (width == 8 ? Asked{4, 4, 0, 0} : Asked{4, 0, 0, 4}));
  }
}

TEST_CASE("a relu is the library's where what holds for finite values only is allowed") {
  const Stub stub(true);
  install_played(stub);
  const Layer l(6, 8, 5);
  const Tensor y = dot(l.x, l.w), z = y + l.b;
  CHECK(by_library(stub, l.inputs, {relu(z)}, l.arguments) == finished);
  CHECK(by_library(stub, l.inputs, {relu(z)}, l.arguments, true) == Asked{1, 1, 1, 0});
  CHECK(by_library(stub, {l.x, l.w}, {relu(y)}, {l.arguments[0], l.arguments[1]}) == finished);
  CHECK(by_library(stub, {l.x, l.w}, {relu(y)}, {l.arguments[0], l.arguments[1]}, true) == Asked{1, 0, 1, 0});
  CHECK(by_library(stub, l.inputs, {maximum(z, 0.5)}, l.arguments, true) == finished);
  CHECK(by_library(stub, l.inputs, {relu(y) + l.b}, l.arguments, true) == finished);

  // The library's makes 0 of a NaN, the stand-in's, too.
  Array x = random_array(float32, {6, 5}, -1, 1, 1);
  static_cast<float*>(x.data())[7] = std::nanf("");
  const Contraction always("cublaslt");
  for (const bool relaxed : {false, true}) {
    const Function f = function(l.inputs, {relu(z)}, {.device = "played", .relaxed = relaxed, .cache = false});
    const Array got = f(x, l.arguments[1], l.arguments[2])[0];
    for (std::int64_t i = 0; i < 8; ++i) CHECK(std::isnan(got.at(8 + i)) == !relaxed);  // of the second row
  }
}

TEST_CASE("a bias of 16 bits, or of what is stored in 16 bits") {
  const Stub stub(true);
  install_played(stub);
  for (const DType dtype : {float16, bfloat16}) {
    INFO(name_of(dtype));
    const Layer l(6, 8, 5, dtype);
    const Tensor wide = input("wide", float32, {8});
    const std::vector<Argument> with_wide{l.arguments[0], l.arguments[1], random_array(float32, {8}, -1, 1, 3)};
    std::vector<Tensor> outputs{dot(l.x, l.w) + l.b};
    CHECK(by_library(stub, l.inputs, outputs, l.arguments) == with_bias);
    outputs = {dot(l.x, l.w) + wide};
    CHECK(by_library(stub, {l.x, l.w, wide}, outputs, with_wide) == with_bias);
    // The library takes none of another dtype than that of the result.
    outputs = {cast(dot(l.x, l.w) + wide, dtype)};
    CHECK(by_library(stub, {l.x, l.w, wide}, outputs, with_wide) == finished);
    const Layer f(6, 8, 5);
    outputs = {dot(f.x, f.w) + l.b};
    CHECK(by_library(stub, {f.x, f.w, l.b}, outputs, {f.arguments[0], f.arguments[1], l.arguments[2]}) == finished);
  }
}

TEST_CASE("operands are rounded to TF32 where that is asked for, and not else") {
  const Stub stub(true);
  install_played(stub);
  const Contraction always("cublaslt");
  const Function exact = layer(8, "played"), rounded = layer(8, "played", true), cpu = layer(8, "cpu", true);
  CHECK_THAT(rounded.program_text(), contains("by cuBLASLt in TF32 where"));
  CHECK(exact.program_text().find("TF32") == std::string::npos);
  const std::vector<Argument> arguments = arguments_of_layer(5, 8);
  const Array want = cpu.call(arguments)[1];
  CHECK(difference(exact.call(arguments)[1], want, 10) == "");
  CHECK(stub.count("in TF32") == 0);
  const Array got = rounded.call(arguments)[1];
  CHECK(difference(got, want, 10) != "");
  CHECK(difference(got, want, 10'000) == "");
  CHECK(stub.count("f32 in TF32") > 0);
}

TEST_CASE("products of 16 bits by the library, beside those that it cannot do") {
  const Stub stub(true);
  install_played(stub);
  const Contraction always("cublaslt");
  const std::pair<DType, DType> dtypes[] = {{float16, float16}, {bfloat16, bfloat16}, {bfloat16, float32}};
  for (const auto& [a, b] : dtypes) {
    stub.clear();
    DifferentialOptions options;
    options.device = "played";
    options.levels = {0, 2};
    const Finding finding = differential(all_together(a, b), options);
    INFO(name_of(a) << " and " << name_of(b) << ": " << finding.kind);
    CHECK(finding.text == "");
    const std::string of = "cublasLtMatmul f32 of " + std::string(name_of(a));
    CHECK((stub.count(of) > 0) == (a == b));
    CHECK((stub.count(" rounded,") > 0) == (a == b));
  }
}

// Forward, in weights and in the input: the last two only store, and so are rounded by the library.
TEST_CASE("what a layer of bfloat16 asks the library for") {
  const Stub stub(true);
  install_played(stub);
  const Tensor x = input("x", bfloat16, {64, 800}), w = input("w", bfloat16, {800, 500}),
               b = input("b", bfloat16, {500});
  const Tensor y = tanh(dot(x, w) + b);
  std::vector<Tensor> outputs = grad(sum(y * y), {x, w});
  outputs.push_back(y);
  const Function f = function({x, w, b}, outputs, {.device = "played", .cache = false});
  stub.clear();
  f(random_array(bfloat16, {64, 800}, -1, 1, 1), random_array(bfloat16, {800, 500}, -1, 1, 2),
    random_array(bfloat16, {500}, -1, 1, 3));
  std::istringstream log(stub.log());
  std::string text;
  for (std::string line; std::getline(log, line);)
    if (line.starts_with("cublasLtMatmul ")) text += line.substr(0, line.find(", ")) + "\n";
  CHECK(text == tests::golden("gpu_products_16_bits.txt", text));
}

TEST_CASE("networks by the library have the gradients of the CPU") {
  const Stub stub(true);
  install_played(stub);
  for (const char* name : {"lenet", "sae", "lstm"}) {
    const models::ModelRow& row = models::find_model(name);
    const models::BuiltModel model = row.build({});
    std::vector<Tensor> outputs = grad(model.loss, model.parameter_tensors());
    outputs.push_back(model.loss);
    std::vector<Array> arrays = row.sample(2, 3, 1);
    arrays.resize(model.inputs.size());
    const std::vector<Argument> arguments(arrays.begin(), arrays.end());
    const std::vector<Array> want = function(model.inputs, outputs, {.threads = 1}).call(arguments);
    const Contraction always("cublaslt");
    const Function f = function(model.inputs, outputs, {.device = "played", .cache = false});
    stub.clear();
    for (int call = 0; call < 3; ++call) {
      const std::vector<Array> got = f.call(arguments);
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO(name << ", result " << i << ", call " << call);
        CHECK(difference(got[i], want[i], 1000) == "");
      }
    }
    CHECK(stub.count("cublasLtMatmul ") > 0);
  }
}

namespace {

// The products of the forward function and the gradient of a network, and what finishes them, in a first call.
std::string products_of(const Stub& stub, const std::string& name, std::int64_t batch, std::int64_t steps) {
  const models::ModelRow& row = models::find_model(name);
  const models::BuiltModel model = row.build({});
  std::vector<Array> arrays = row.sample(batch, steps, 1);
  std::vector<Tensor> gradient = grad(model.loss, model.parameter_tensors());
  std::string text;
  const auto add = [&](const std::string& what, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
    std::vector<Array> given = arrays;
    given.resize(inputs.size());
    const std::vector<Argument> arguments(given.begin(), given.end());
    const Function f = function(inputs, outputs, {.name = what, .device = "cuda", .unused_inputs = true});
    stub.clear();
    f.call(arguments);
    text +=
        fmt::format("-- {}{}{}, batch {}, {}\n", model.name, model.step.empty() ? "" : " ", model.step, batch, what);
    std::map<std::string, std::string> names;  // of memory, as it appears
    std::istringstream log(stub.log());
    for (std::string line; std::getline(log, line);) {
      if (!line.starts_with("cublasLtMatmul ") && !line.starts_with("cuLaunchKernel finish")) continue;
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        if (word[0] == 'm')  // an allocation, and where in it, which is the placement's affair
          word = names.try_emplace(word.substr(0, word.find('+')), "m" + std::to_string(names.size())).first->second;
        text += word + " ";
      }
      text.back() = '\n';
    }
  };
  add("forward", model.inputs, {model.logits});
  add("gradient", model.inputs, gradient);
  return text;
}

}  // namespace

TEST_CASE("what networks ask the library for") {
  if (!codegen::cuda::Nvrtc::find()) {
    std::printf("[SKIP] NVRTC not found\n");
    return;
  }
  const Stub stub(true);
  setenv("CUBLASLT_STUB_COMPUTE", "0", 1);
  std::string text =
      products_of(stub, "lenet", 64, 0) + products_of(stub, "sae", 64, 0) + products_of(stub, "alexnet", 8, 0);
  {
    const Contraction always("cublaslt");
    text += "(BITALE_CONTRACTION=cublaslt)\n" + products_of(stub, "lstm", 3, 2);
  }
  unsetenv("CUBLASLT_STUB_COMPUTE");
  CHECK(text == tests::golden("gpu_products.txt", text));
}
