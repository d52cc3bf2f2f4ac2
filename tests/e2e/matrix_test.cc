// Matrix products by OpenBLAS, as part of compiled functions, against the generated code.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <bitale/bitale.h>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bitale;

namespace {

Array numbers(DType type, const Extents& shape) {
  Array a(type, shape);
  const auto fill = [](auto values) {
    int i = 0;
    for (auto& v : values) v = static_cast<std::remove_reference_t<decltype(v)>>(std::sin(++i * 0.7));
  };
  type == float32 ? fill(a.view<float>()) : fill(a.view<double>());
  return a;
}

// A layer with its gradients: products of both transposes, with an epilogue each; and a batch of products.
std::vector<Array> results(DType type, const std::string& candidate, int threads) {
  flags().contraction = candidate;
  const Dim n("n");
  const Tensor x = input("x", type, {n, 70}), u = input("u", type, {n, 5, 40});
  const Shared w("w", numbers(type, {70, 33})), b("b", numbers(type, {33})), v("v", numbers(type, {40, 12}));
  const Tensor layer = tanh(dot(x, w) + b);
  const Tensor batches = batched_dot(u, transpose(u, {0, 2, 1}));
  const Tensor loss = sum(square(layer)) + sum(batches) + sum(relu(dot(reshape(u, {n * 5, 40}), v)));
  const Function f = function({x, u}, {layer, batches, grad(loss, w), grad(loss, v), grad(loss, x)},
                              {.name = "layer", .threads = threads});
  std::vector<Array> out = f(numbers(type, {130, 70}), numbers(type, {130, 5, 40}));
  flags().contraction.clear();
  return out;
}

// A product with a bias, tuned, of a batch of three and of one of forty.
Function tuned_product(const std::string& cache) {
  flags().cache = cache;
  const Dim n("n");
  const Tensor x = input("x", float32, {n, 70});
  const Shared w("w", numbers(float32, {70, 33})), b("b", numbers(float32, {33}));
  const Function f = function({x}, {dot(x, w) + b}, {.name = "tuned", .threads = 1, .level = 3});
  for (const std::int64_t rows : {3, 40, 3}) f(numbers(float32, {rows, 70}));
  return f;
}

std::filesystem::path tuned_file(const std::string& cache) {
  for (const auto& file : std::filesystem::directory_iterator(cache))
    if (file.path().filename().string().starts_with("tuned_")) return file.path();
  return {};
}

int count(const std::string& text, const std::string& word) {
  int n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("products by OpenBLAS are those of the generated code") {
  for (const DType type : {float32, float64})
    for (const int threads : {1, 2}) {
      const std::vector<Array> ours = results(type, "generated", threads), theirs = results(type, "openblas", threads);
      const double tolerance = type == float32 ? 1e-4 : 1e-12;
      for (std::size_t i = 0; i < ours.size(); ++i) {
        REQUIRE(ours[i].shape() == theirs[i].shape());
        double worst = 0;
        for (std::int64_t e = 0; e < ours[i].size(); ++e)
          worst = std::max(worst, std::abs(ours[i].at(e) - theirs[i].at(e)) / std::max(1.0, std::abs(ours[i].at(e))));
        INFO("result " << i);
        CHECK(worst <= tolerance);
      }
    }
}

TEST_CASE("at level 3 each shape is measured once, and remembered beside the cache") {
  const bitale::tests::TempFolder folder;
  const std::string saved = flags().cache, first = folder.path() / "first", second = folder.path() / "second";
  const Function f = tuned_product(first);
  CHECK_THAT(f.program_text(), bitale::tests::contains("tuned: generated code or OpenBLAS"));
  CHECK(count(f.compile_report(), "; measured)") == 2);
  CHECK(count(f.compile_report_json(), "; measured)") == 2);
  REQUIRE(std::filesystem::exists(tuned_file(first)));

  // another process finds the file; here another folder stands for it
  std::filesystem::create_directory(second);
  std::filesystem::copy(tuned_file(first), second);
  CHECK(count(tuned_product(second).compile_report(), "; remembered)") == 2);

  // what cannot be read is measured again
  const std::string third = folder.path() / "third";
  std::filesystem::create_directory(third);
  std::ofstream(std::filesystem::path(third) / tuned_file(first).filename())
      << "nonsense\nx86-64-v4 float32 = fast slow\n = 1 -1\n\n";
  CHECK(count(tuned_product(third).compile_report(), "; measured)") == 2);
  flags().cache = saved;
}

TEST_CASE("level 2 measures nothing") {
  const Tensor x = input("x", float32, {8, 70}), w = input("w", float32, {70, 33});
  const Function f = function({x, w}, {dot(x, w)}, {.name = "plain"});
  f(numbers(float32, {8, 70}), numbers(float32, {70, 33}));
  CHECK(count(f.compile_report(), "tuned") == 0);
  CHECK(count(f.program_text(), "tuned") == 0);
}
