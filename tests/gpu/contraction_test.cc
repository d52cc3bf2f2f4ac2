// The printed contractions sum what they should: for all tiles, at their edges, for any number of blocks.
#include "compiler/codegen/cuda/contraction.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "runtime/base/sanitizers.h"
#include "tests/gpu/contractions.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"

using namespace bitale;
using codegen::cuda::Tile;
using tests::Axis;
using tests::ContractionCase;
using tests::fault_of;
using tests::modules_of;
using tests::product;
using tests::symbolic;
using tests::with_tile;

namespace {

using Storage = std::optional<DType>;

// One text for all sizes; steps of k that fill slices, and that do not.
void check_edges(DType type, const Tile& tile, Storage a = {}, Storage b = {}) {
  std::vector<ContractionCase> cases;
  const std::int64_t rows = tile.rows, columns = tile.columns, depth = tile.depth;
  const std::int64_t sizes[][3] = {{1, 1, 1},
                                   {rows - 1, columns + 1, depth - 1},
                                   {rows, columns, depth},
                                   {rows + 1, columns - 1, depth + 1},
                                   {rows / 2 + 3, columns / 2 + 1, 0},
                                   {0, 5, 3},
                                   {2 * rows + 3, 3, 2 * depth + 5}};
  int turns = 0;
  for (const auto& [m, n, k] : sizes) {
    cases.push_back(symbolic(product(m, n, k, turns & 1, turns & 2)));
    ++turns;
  }
  for (const bool aligned : {false, true})  // constants; whole slices, and runs of 16 bytes, or 8 where these are of 16
    for (const bool turned : {false, true})
      for (const int more : {4, 8}) {
        if (more == 8 && !a && !b) continue;
        cases.push_back(product(rows + more, columns + more, 2 * depth, turned, !turned));
        cases.back().aligned = aligned;
      }
  for (ContractionCase& c : cases) {
    c = with_tile(std::move(c), tile);
    c.dtype = type;
    c.a_storage = a;
    c.b_storage = b;
  }
  CHECK(fault_of(modules_of(cases), cases, {1, 5}) == "");
}

// Images of h x w under filters of 3 x 2, flipped: several dims of rows, columns and k. The batch is an argument.
ContractionCase convolution(std::int64_t batch, std::int64_t channels, std::int64_t filters, std::int64_t h,
                            std::int64_t w) {
  ContractionCase c;
  const std::int64_t ih = h + 2, iw = w + 1;
  c.name = fmt::format("convolution of {} images, {} x {}", batch, h, w);
  c.m = {{filters, channels * 6, 0, 1, h * w}};
  c.n = {{batch, 0, channels * ih * iw, 0, filters * h * w, true}, {h, 0, iw, 0, w}, {w, 0, 1, 0, 1}};
  c.k = {{channels, 6, ih * iw}, {3, -2, iw}, {2, -1, 1}};
  c.a_offset = 5;
  return c;
}

// Its gradient in the filters: k are the images and their pixels.
ContractionCase filters_gradient(std::int64_t batch, std::int64_t channels, std::int64_t filters, std::int64_t h,
                                 std::int64_t w) {
  ContractionCase c;
  const std::int64_t ih = h + 2, iw = w + 1;
  c.name = fmt::format("gradient of filters, {} images, {} x {}", batch, h, w);
  c.m = {{filters, h * w, 0, 1, channels * 6}};
  c.n = {{channels, 0, ih * iw, 0, 6}, {3, 0, iw, 0, 2}, {2, 0, 1, 0, 1}};
  c.k = {{batch, filters * h * w, channels * ih * iw, 0, 0, true}, {h, w, iw}, {w, 1, 1}};
  return c;
}

// Places of the output that sums of several rows are added to.
ContractionCase overlapping(std::int64_t m, std::int64_t n, std::int64_t k) {
  ContractionCase c = product(m, n, k, false, false);
  c.name += ", overlapping";
  c.m = {{m / 3, 3 * k, 0, 1, n}, {3, k, 0, 0, 1}};
  c.accumulating = true;
  return c;
}

ContractionCase batched(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k) {
  ContractionCase c = product(m, n, k, false, true);
  c.name += fmt::format(", batch {}", batch);
  c.batch = {{batch, m * k, n * k, 0, m * n}};
  return c;
}

}  // namespace

TEST_CASE("launches count the tiles, and have blocks for parts of k") {
  codegen::cuda::Contraction c;
  const auto constant = [](std::int64_t v) { return kernel::Extent::constant(v); };
  c.name = "c";
  c.m = {{kernel::Extent::argument(0), constant(6400), constant(0), {}},
         {constant(100), constant(64), constant(0), {}}};
  c.n = {{constant(130), constant(0), constant(1), {}}};
  c.k = {{constant(64), constant(1), constant(130), {}}};
  c.tile = Tile{128, 64, 16, 128, 8, 8};
  program::Launch l = launch_of(c);
  CHECK(l.threads == 128);
  REQUIRE(l.work.size() == 2);
  CHECK((l.work[0].value == 100 && l.work[0].argument == 0 && l.work[0].per == 128));
  CHECK((l.work[1].value == 130 && l.work[1].argument == -1 && l.work[1].per == 64));
  CHECK(l.least == 1);
  c.k[0].extent = constant(128);
  CHECK(launch_of(c).least == 264);
  c.n[0].extent = constant(64 * 200);
  CHECK(launch_of(c).least == 1);
}

// Of three forms: plain matrices, whose sums are in parts; convolutions, whose dims are divided; and batches.
TEST_CASE("contractions that differ in numbers are one function") {
  const Tile tile{32, 32, 16, 64, 4, 4};
  std::vector<std::vector<ContractionCase>> alike{
      {product(40, 36, 160, false, true), product(70, 44, 320, false, true), product(40, 52, 480, false, true)},
      {convolution(2, 4, 33, 6, 5), convolution(3, 7, 20, 5, 6)},
      {filters_gradient(3, 3, 5, 4, 7), filters_gradient(2, 5, 6, 4, 9)},
      {batched(3, 40, 36, 32), batched(5, 20, 44, 64)}};
  for (std::vector<ContractionCase>& cases : alike) {
    for (ContractionCase& c : cases) c = with_tile(std::move(c), tile);
    const codegen::cuda::Modules modules = tests::shared_module_of(cases);
    CHECK(modules.modules[0].functions.size() == 1);
    CHECK(cases[0].parameters != cases[1].parameters);
    CHECK(fault_of(modules, cases, {1, 5}) == "");
  }
}

TEST_CASE("of a function that several share, parameters say how many blocks have something to do") {
  std::vector<ContractionCase> cases{with_tile(product(40, 36, 160, false, true), {32, 32, 16, 64, 4, 4}),
                                     with_tile(product(70, 36, 160, false, true), {32, 32, 16, 64, 4, 4})};
  const codegen::cuda::Modules modules = tests::shared_module_of(cases);
  CHECK(cases[0].parameters == std::vector<std::int64_t>{40});
  CHECK(cases[1].parameters == std::vector<std::int64_t>{70});
  const program::Launch& l = modules.launches[0][0];
  REQUIRE(l.work.size() == 2);
  CHECK((l.work[0].value == 1 && l.work[0].argument == 0 && l.work[0].per == 32));
  CHECK((l.work[1].value == 36 && l.work[1].argument == -1 && l.work[1].per == 32));
}

TEST_CASE("contractions of floats, at the edges of every tile") {
  for (const Tile& tile : codegen::cuda::tiles_of(DType::f32)) check_edges(DType::f32, tile);
}

TEST_CASE("operands of 16 bits, beside each other and beside floats, at the edges of every tile") {
  constexpr DType half = DType::f16, bfloat = DType::bf16;
  const std::pair<Storage, Storage> storages[] = {
      {half, half}, {bfloat, bfloat}, {half, {}}, {{}, bfloat}, {bfloat, half}};
  std::size_t next = 0;  // one of them for each tile, and all for the largest
  for (const Tile& tile : codegen::cuda::tiles_of(DType::f32)) {
    const bool largest = tile.rows * tile.columns == 128 * 128;
    for (std::size_t i = 0; i < std::size(storages); ++i)
      if (largest || i == next % std::size(storages))
        check_edges(DType::f32, tile, storages[i].first, storages[i].second);
    ++next;
  }
}

TEST_CASE("what lies in 16 bits is another function") {
  ContractionCase floats = product(40, 36, 160, false, true), halves = floats, bfloats = floats;
  halves.a_storage = halves.b_storage = DType::f16;
  bfloats.a_storage = bfloats.b_storage = DType::bf16;
  for (std::vector<ContractionCase> cases : {std::vector{floats, halves}, std::vector{halves, bfloats}})
    CHECK_THROWS_AS(tests::shared_module_of(cases), InternalError);
}

TEST_CASE("contractions of doubles, at the edges of every tile") {
  for (const Tile& tile : codegen::cuda::tiles_of(DType::f64)) check_edges(DType::f64, tile);
}

TEST_CASE("several dims of rows, columns and k, batches, flips and sums that overlap") {
  std::vector<ContractionCase> cases{convolution(3, 3, 5, 4, 7),
                                     convolution(2, 4, 33, 6, 5),
                                     convolution(0, 3, 5, 4, 7),
                                     filters_gradient(3, 3, 5, 4, 7),
                                     filters_gradient(1, 1, 3, 9, 15),
                                     filters_gradient(0, 2, 3, 4, 4),
                                     overlapping(66, 5, 7),
                                     batched(3, 17, 35, 9),
                                     symbolic(batched(5, 70, 3, 33)),
                                     symbolic(convolution(2, 3, 5, 4, 7)),
                                     symbolic(filters_gradient(2, 3, 5, 4, 7))};
  const std::size_t singles = cases.size();
  for (std::size_t i = 0; i < singles; ++i) {
    cases.push_back(cases[i]);
    cases.back().dtype = DType::f64;
    cases.push_back(cases[i]);
    cases.back().a_storage = i % 3 == 0 ? Storage() : DType::bf16;
    cases.back().b_storage = i % 3 == 1 ? Storage() : i % 3 == 2 ? DType::bf16 : DType::f16;
  }
  const auto tiles = codegen::cuda::tiles_of(DType::f32);
  for (ContractionCase c :
       {convolution(3, 3, 33, 4, 7), filters_gradient(2, 3, 5, 4, 7), product(40, 41, 35, true, true)}) {
    c.symbolic_strides = true;
    cases.push_back(symbolic(c));
    cases.push_back(with_tile(symbolic(c), {64, 128, 16, 128, 8, 8}));
  }
  for (const Tile& tile : tiles) {
    cases.push_back(with_tile(convolution(4, 3, 5, 4, 7), tile));
    cases.push_back(with_tile(filters_gradient(2, 3, 5, 4, 7), tile));
  }
  CHECK(fault_of(modules_of(cases), cases, {1, 5}) == "");
}

TEST_CASE("parts of k meet") {
  std::vector<ContractionCase> cases{product(5, 7, 1000, true, false),
                                     symbolic(product(33, 40, 777, false, true)),
                                     product(3, 3, 64 * 20 + 1, false, false),
                                     filters_gradient(16, 2, 3, 9, 15),
                                     overlapping(6, 5, 300),
                                     symbolic(batched(3, 4, 5, 700))};
  const auto doubled = cases.size();
  for (std::size_t i = 0; i < doubled; ++i) {
    cases.push_back(cases[i]);
    cases.back().dtype = DType::f64;
  }
  CHECK(fault_of(modules_of(cases), cases, {264, 1, 13}, 2) == "");
}

namespace {

// The text with the n-th `part` replaced; empty if it has fewer.
std::string with_replaced(const std::string& text, const std::string& part, const std::string& by, int n) {
  std::size_t at = text.find(part);
  for (; n > 0 && at != text.npos; --n) at = text.find(part, at + 1);
  return at == text.npos ? "" : std::string(text).replace(at, part.size(), by);
}

void check_found(const std::vector<ContractionCase>& cases, const std::string& part, const std::string& by,
                 int expected, int first = 0) {
  const codegen::cuda::Modules whole = modules_of(cases);
  int found = first;
  for (;; ++found) {
    codegen::cuda::Modules changed = whole;
    changed.modules[0].text = with_replaced(whole.modules[0].text, part, by, found);
    if (changed.modules[0].text.empty()) break;
    CAPTURE(part, found);
    CHECK(fault_of(changed, cases, {2, 7}, 4) != "");
  }
  CHECK(found == expected);
}

}  // namespace

TEST_CASE("barriers that are missing, and bounds that are wrong, are found") {
  if (!tests::is_played()) return void(std::printf("[SKIP] of the emulated device\n"));
  const Tile tile{32, 32, 16, 64, 4, 4};
  const std::vector<ContractionCase> several{with_tile(filters_gradient(9, 2, 34, 9, 15), tile)};
  CHECK(fault_of(modules_of(several), several, {2, 7}, 4) == "");
  if (address_sanitizer) return;  // it ends the process where the broken ones read
  // Not the one that holds parts together until all threads have written theirs: here, blocks come one after another.
  check_found(several, "__syncthreads();", "", 7, 1);
  check_found(several, "copies_done();", "", 1);
  const std::vector<ContractionCase> one{with_tile(product(33, 35, 65, false, true), tile)};
  check_found(one, " < left", " <= left", 2);
  check_found(one, "m >= rows", "m > rows", 1);
  check_found(one, "n >= columns", "n > columns", 1);
  check_found(one, "left > 0", "left > 1", 1);
}
