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
  for (TileShape t : tile_shapes(isa, dtype_of<T>()))
    leaves.push_back({Leaf::Kind::micro, dtype_of<T>(), t.mr, t.nr, 0});
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
          micro(kc, a.data(), b.data(), ldb, acc.data(), acc_ld, accumulate);
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

using Offsets = std::vector<std::int64_t>;

// runs of `run` neighbours, `stride` apart from start to start
Offsets runs(int count, int run, int stride) {
  Offsets out;
  for (int i = 0; i < count; ++i) out.push_back(i / run * stride + i % run);
  return out;
}

template <class T>
void check_packing(PackFn pack, int width, const Offsets& lanes, const Offsets& ks, const std::string& what) {
  std::int64_t low = 0, high = -1;
  for (auto l : lanes)
    for (auto k : ks) low = std::min(low, l + k), high = std::max(high, l + k);
  Guarded<T> src(static_cast<std::size_t>(high - low + 1));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<T>(i + 1);
  Guarded<std::int64_t> lane_table(lanes), k_table(ks);
  Guarded<T> dst(ks.size() * static_cast<std::size_t>(width));
  pack(src.data() - low, lane_table.data(), static_cast<std::int64_t>(lanes.size()), k_table.data(),
       static_cast<std::int64_t>(ks.size()), dst.data());
  bool equal = true;
  for (std::size_t k = 0; k < ks.size(); ++k)
    for (std::size_t j = 0; j < static_cast<std::size_t>(width); ++j) {
      const T expected = j < lanes.size() ? (src.data() - low)[lanes[j] + ks[k]] : T(0);
      equal = equal && dst[k * static_cast<std::size_t>(width) + j] == expected;
    }
  INFO(what << " lanes=" << lanes.size() << " kc=" << ks.size());
  REQUIRE(equal);
}

template <class T>
void check_pack(Isa isa) {
  std::vector<Leaf> leaves;
  for (int width : {1, 2, 3, 4, 6, 8, 13, 14, 16, 24, 28, 32, 48, 64})
    leaves.push_back({Leaf::Kind::pack, dtype_of<T>(), 0, 0, width});
  const Loaded loaded = generate(isa, leaves);
  std::mt19937 random(2);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto pack = loaded.get<PackFn>(i);
    const int width = leaves[i].width;
    const std::string what = to_string(isa) + ' ' + name_of(leaves[i]);
    for (int kc : {0, 1, 7, 16, 37})
      for (int lanes : std::set<int>{0, 1, width / 2, width - 1, width}) {
        const Offsets along = runs(kc, std::max(kc, 1), 1), rows = runs(kc, 1, 101), kernel = runs(kc, 5, 28);
        for (int run : {1000, 13, 8, 7, 5, 4, 2})
          check_packing<T>(pack, width, runs(lanes, run, 29), rows, what + " runs of " + std::to_string(run));
        check_packing<T>(pack, width, runs(lanes, 1, 97), along, what + " k contiguous");
        check_packing<T>(pack, width, runs(lanes, 1, 97), kernel, what + " k in fives");
        check_packing<T>(pack, width, runs(lanes, 1, 2), rows, what + " every second lane");
        Offsets reversed = runs(lanes, 1000, 1), shuffled = rows;
        std::reverse(reversed.begin(), reversed.end());
        std::shuffle(shuffled.begin(), shuffled.end(), random);
        check_packing<T>(pack, width, reversed, shuffled, what + " reversed");
        check_packing<T>(pack, width, Offsets(static_cast<std::size_t>(lanes), 3), along, what + " one lane repeated");
      }
  }
}

TEST_CASE("packing places every element, along lanes, along k and gathered") {
  for (Isa isa : executable_isas()) {
    check_pack<float>(isa);
    check_pack<double>(isa);
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
