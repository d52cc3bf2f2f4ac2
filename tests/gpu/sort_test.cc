// Sorting on the device of the tests against the CPU: rows that fit in a block's shared memory and rows that do not,
// all or the first of them, equal elements, and what compares in no ordinary way.
#include <cmath>
#include <limits>
#include <random>

#include <bitale/bitale.h>

#include "compiler/codegen/cuda/library.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "compiler/codegen/cuda/prelude.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"

using namespace bitale;

namespace {

enum class Kind { any, few, ascending, descending, special };
constexpr Kind all_kinds[] = {Kind::any, Kind::few, Kind::ascending, Kind::descending, Kind::special};

Array values(DType dtype, const Extents& shape, Kind kind) {
  std::int64_t count = 1;
  for (const std::int64_t e : shape) count *= e;
  std::mt19937_64 random(static_cast<std::uint64_t>(count) + static_cast<std::uint64_t>(kind));
  return dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr bool logical = std::is_same_v<T, bool>;
    const auto all = std::make_unique<T[]>(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t bits = random();
      T v = static_cast<T>(logical ? bits % 2 : bits);
      if constexpr (std::is_floating_point_v<T>) v = static_cast<T>(static_cast<double>(bits) / 1e15 - 9000.0);
      if (kind == Kind::few) v = static_cast<T>(bits % 4);
      if (kind == Kind::ascending) v = static_cast<T>(i / 3);
      if (kind == Kind::descending) v = static_cast<T>((count - i) / 3);
      if (kind == Kind::special && bits % 3 == 0) {
        using Limits = std::numeric_limits<T>;
        const T of_floats[] = {T(0),
                               static_cast<T>(-T(0)),
                               Limits::infinity(),
                               static_cast<T>(-Limits::infinity()),
                               Limits::quiet_NaN(),
                               static_cast<T>(-Limits::quiet_NaN()),
                               Limits::denorm_min(),
                               Limits::lowest()};
        const T of_integers[] = {T(0), Limits::min(), Limits::max()};
        v = std::is_floating_point_v<T> ? of_floats[bits / 3 % 8] : of_integers[bits / 3 % 3];
      }
      all[static_cast<std::size_t>(i)] = v;
    }
    return Array::of(std::span<const T>(all.get(), static_cast<std::size_t>(count)), shape);
  });
}

Function orders(DType dtype, const std::string& device) {
  const Dim rows("rows"), n("n"), inner("inner"), k("k");
  const Tensor x = input("x", dtype, {rows, n, inner}), like = input("like", float32, {k});
  return function({x, like},
                  {argsort(x, 1), argsort(x, 1, true), topk(x, k, 1).indices, topk(x, k, 1, false).indices, like * 2.0},
                  {.name = "orders", .device = device, .threads = 1});
}

struct Case {
  std::int64_t rows, n, inner, k;
};

void check(DType dtype, std::span<const Case> cases, std::span<const Kind> kinds) {
  const Function expected = orders(dtype, "cpu"), f = orders(dtype, tests::tested_device());
  for (const Case& c : cases)
    for (const Kind kind : kinds) {
      const Array x = values(dtype, {c.rows, c.n, c.inner}, kind), like = Array::zeros(float32, {c.k});
      const std::vector<Array> got = f(x, like), wanted = expected(x, like);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        CAPTURE(name_of(dtype), c.rows, c.n, c.inner, c.k, static_cast<int>(kind), i);
        CHECK(got[i].same_bits(wanted[i]));
      }
    }
}

}  // namespace

TEST_CASE("rows of all lengths are sorted as on the CPU") {
  const Case cases[] = {{2, 0, 1, 0},     {0, 7, 2, 3},       {3, 1, 1, 1},    {2, 5, 3, 0},      {4, 33, 1, 33},
                        {2, 1023, 1, 11}, {1, 1024, 1, 1024}, {1, 1025, 1, 9}, {1, 1025, 1, 1025}};
  check(float32, cases, all_kinds);
  check(int64, cases, std::array{Kind::any, Kind::few, Kind::special});
}

TEST_CASE("long rows are sorted in tiles and between them") {
  const Case cases[] = {{1, 5000, 1, 5000}, {2, 2049, 1, 1500}, {1, 3000, 2, 0}, {1, 5000, 1, 1}};
  check(float32, cases, all_kinds);
  check(float64, cases, std::array{Kind::few, Kind::special});
}

TEST_CASE("elements of all dtypes are sorted as on the CPU") {
  const Case cases[] = {{2, 40, 2, 7}, {1, 1500, 1, 1100}};
  for (const DType dtype : {float64, int8, int16, int32, int64, uint8, boolean})
    check(dtype, cases, std::array{Kind::any, Kind::special});
}

TEST_CASE("values are searched in sorted rows as on the CPU") {
  const Dim n("n"), count("count");
  for (const DType dtype : {float32, float64, int64, int8, boolean}) {
    const Tensor x = input("x", dtype, {n}), wanted = input("wanted", dtype, {count});
    const auto places = [&](const std::string& device) {
      const Tensor sorted = sort(x);
      return function({x, wanted}, {searchsorted(sorted, wanted), searchsorted(sorted, wanted, true)},
                      {.name = "places", .device = device, .threads = 1});
    };
    const Function expected = places("cpu"), f = places(tests::tested_device());
    for (const std::int64_t length : {0, 1, 2, 600})
      for (const Kind kind : {Kind::few, Kind::special}) {
        const Array row = values(dtype, {length}, kind), of = values(dtype, {333}, kind);
        const std::vector<Array> got = f(row, of), right = expected(row, of);
        CAPTURE(name_of(dtype), length, static_cast<int>(kind));
        CHECK(got[0].same_bits(right[0]));
        CHECK(got[1].same_bits(right[1]));
      }
  }
}

TEST_CASE("sorting compiles for GPUs without spilling registers") {
  using namespace codegen::cuda;
  const Nvrtc* nvrtc = Nvrtc::find();
  if (!nvrtc) return void(std::printf("[SKIP] NVRTC not found\n"));
  std::string text;
  for (const DType dtype : {float32, float64, int64, uint8})
    for (const std::int64_t flag : {0, 1})
      for (const char* function : {"argsort", "searchsorted"}) {
        const std::int64_t integers[] = {static_cast<std::int64_t>(dtype), flag};
        const std::string name = std::string(function) + "_" + std::string(name_of(dtype)) + "_" + std::to_string(flag);
        text += library_kernel(function, integers, name, false).value().text;
      }
  text = prelude_for(text) + text;
  for (const char* architecture : {"sm_80", "sm_90"}) {
    const Nvrtc::Result result = nvrtc->compile(text, architecture);
    CAPTURE(architecture, result.log);
    CHECK(result.compiled);
    std::size_t functions = 0, spills = 0;
    for (std::size_t at = result.log.find("bytes spill stores"); at != std::string::npos;
         at = result.log.find("bytes spill stores", at + 1)) {
      ++functions;
      spills += result.log.substr(at - 4, 4) == ", 0 " ? 0 : 1;
    }
    CHECK(functions >= 16);
    CHECK(spills == 0);
  }
}
