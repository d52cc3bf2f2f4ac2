// Leaves of contractions against naive loops, on every instruction set that this machine executes, at guard pages.

#include <numeric>
#include <random>
#include <set>
#include <tuple>

#include "compiler/codegen/codegen.h"
#include "runtime/program/abi.h"
#include "runtime/program/code.h"
#include "tests/support/catch.h"
#include "tests/support/guarded.h"

namespace bitale::codegen {
namespace {

using tests::Guarded;

struct Loaded {
  std::shared_ptr<const program::LoadedCode> code;
  std::vector<Leaf> leaves;

  template <class F>
  F get(std::size_t i) const {
    return reinterpret_cast<F>(const_cast<void*>(code->entry(static_cast<int>(i))));
  }
};

Loaded generate(Isa isa, const std::vector<Leaf>& leaves) {
  Request request;
  request.leaves = leaves;
  request.isa = isa;
  return {program::LoadedCode::load(code_of(request)), leaves};
}

std::vector<TileShape> tile_shapes(Isa isa, DType dtype) {
  std::set<std::pair<int, int>> shapes;
  for (std::int64_t rows : {0, 1, 2, 3, 5, 7, 10, 16, 20, 50, 64, 784})
    for (std::int64_t columns : {0, 1, 10, 24, 50, 100, 500}) {
      const TileShape t = choose_tile(isa, dtype, rows, columns);
      shapes.insert({t.mr, t.nr});
    }
  std::vector<TileShape> out;
  for (auto [mr, nr] : shapes) out.push_back({mr, nr});
  return out;
}

template <class T>
void check_micro(Isa isa) {
  std::vector<Leaf> leaves;
  for (TileShape t : tile_shapes(isa, dtype_of<T>())) leaves.push_back({dtype_of<T>(), t.mr, t.nr});
  const Loaded loaded = generate(isa, leaves);
  std::mt19937 random(1);
  std::uniform_int_distribution<int> small(-4, 4);  // sums are exact
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto micro = loaded.get<MicroKernelFn>(i);
    const int mr = leaves[i].mr, nr = leaves[i].nr;
    for (int kc : {0, 1, 2, 3, 17, 64})
      for (int pad : {0, 5})
        for (int accumulate : {0, 1}) {
          const int ldb = nr + pad, ld = nr + 64 / static_cast<int>(sizeof(T)) * (pad > 0);
          const int acc_ld = (ld + 15) / 16 * 16;
          Guarded<T> a(static_cast<std::size_t>(kc * mr)), acc(static_cast<std::size_t>(mr * acc_ld));
          Guarded<T> b(static_cast<std::size_t>(kc == 0 ? 0 : (kc - 1) * ldb + nr));
          for (T& v : a.span()) v = static_cast<T>(small(random));
          for (T& v : b.span()) v = static_cast<T>(small(random));
          for (T& v : acc.span()) v = static_cast<T>(small(random));
          std::vector<T> expected(acc.span().begin(), acc.span().end());
          for (int r = 0; r < mr; ++r)
            for (int c = 0; c < nr; ++c) {
              T sum = accumulate ? expected[static_cast<std::size_t>(r * acc_ld + c)] : T(0);
              for (int k = 0; k < kc; ++k)
                sum += a[static_cast<std::size_t>(k * mr + r)] * b[static_cast<std::size_t>(k * ldb + c)];
              expected[static_cast<std::size_t>(r * acc_ld + c)] = sum;
            }
          const std::int64_t rows[] = {0, 0};
          const Ahead ahead{b.data(), rows, std::int64_t{1} << 31, kc > 1 ? (std::int64_t{2} << 32) / kc : 0};
          micro(kc, a.data(), b.data(), ldb, acc.data(), acc_ld, accumulate, &ahead);
          INFO(to_string(isa) << ' ' << name_of(leaves[i]) << " kc=" << kc);
          REQUIRE(std::equal(expected.begin(), expected.end(), acc.data()));
        }
  }
}

TEST_CASE("micro-kernels multiply every tile that choose_tile returns") {
  for (Isa isa : executable_isas()) {
    check_micro<float>(isa);
    check_micro<double>(isa);
  }
}

TEST_CASE("tiles fit the registers and divide the rows; unknown rows count as a batch of 64") {
  CHECK(choose_tile(Isa::v4, DType::f32, 50, 10).mr == 25);
  CHECK(choose_tile(Isa::v4, DType::f32, 50, 10).nr == 16);
  CHECK(choose_tile(Isa::v4, DType::f32, 0, 0).mr == 8);
  CHECK(choose_tile(Isa::v4, DType::f32, 0, 0).nr == 48);
  CHECK(choose_tile(Isa::v3, DType::f32, 0, 0).mr == 4);
  CHECK(choose_tile(Isa::v3, DType::f32, 0, 0).nr == 24);
  for (Isa isa : {Isa::v2, Isa::v3, Isa::v4})
    for (DType dtype : {DType::f32, DType::f64})
      for (int rows = 1; rows < 200; ++rows)
        for (int columns : {0, 1, 10, 16, 33, 500}) {
          const TileShape t = choose_tile(isa, dtype, rows, columns);
          const int lanes = (isa == Isa::v2 ? 16 : isa == Isa::v3 ? 32 : 64) / static_cast<int>(size_of(dtype));
          REQUIRE(t.nr % lanes == 0);
          const int vectors = t.nr / lanes, registers = isa == Isa::v4 ? 32 : 16;
          REQUIRE(t.mr * vectors + vectors + 1 <= registers);
          REQUIRE(t.mr <= rows);
        }
}

}  // namespace
}  // namespace bitale::codegen
