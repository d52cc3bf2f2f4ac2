// Packing against naive loops, on every instruction set that this machine executes, at guard pages.
#include "runtime/executor/packing.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "runtime/base/float16.h"
#include "tests/support/catch.h"
#include "tests/support/guarded.h"

namespace bitale::executor {
namespace {

using tests::Guarded;

using Offsets = std::vector<std::int64_t>;

// runs of `run` neighbours, `stride` apart from start to start
Offsets runs(int count, int run, int stride) {
  Offsets out;
  for (int i = 0; i < count; ++i) out.push_back(i / run * stride + i % run);
  return out;
}

// T is what is packed, S what it is packed from: bits of `storage`, if that is of 16.
template <class T, class S>
void check_packing(PackFn pack, DType storage, int width, const Offsets& lanes, const Offsets& ks,
                   const std::string& what) {
  std::int64_t low = 0, high = -1;
  for (auto l : lanes)
    for (auto k : ks) low = std::min(low, l + k), high = std::max(high, l + k);
  Guarded<S> src(static_cast<std::size_t>(high - low + 1));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<S>(i + 1);
  const auto element = [&](std::int64_t i) -> T {
    const S s = (src.data() - low)[i];
    if constexpr (std::is_same_v<S, T>)
      return s;
    else
      return widen(storage, s);
  };
  Guarded<std::int64_t> lane_table(lanes), k_table(ks);
  Guarded<T> dst(ks.size() * static_cast<std::size_t>(width));
  pack(src.data() - low, lane_table.data(), static_cast<std::int64_t>(lanes.size()), k_table.data(),
       static_cast<std::int64_t>(ks.size()), dst.data(), width);
  bool equal = true;
  for (std::size_t k = 0; k < ks.size(); ++k)
    for (std::size_t j = 0; j < static_cast<std::size_t>(width); ++j) {
      const T expected = j < lanes.size() ? element(lanes[j] + ks[k]) : T(0);
      equal = equal && dst[k * static_cast<std::size_t>(width) + j] == expected;
    }
  INFO(what << " width=" << width << " lanes=" << lanes.size() << " kc=" << ks.size());
  REQUIRE(equal);
}

template <class T, class S = T>
void check_pack(Isa isa, DType storage = dtype_of<T>()) {
  const PackFn pack = packing_for(isa).of(storage);
  const std::string what = to_string(isa) + ' ' + std::string(name_of(storage));
  std::mt19937 random(2);
  for (int width : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 24, 28, 32, 35, 48, 64}) {
    for (int kc : {0, 1, 2, 7, 8, 16, 37, 150})
      for (int lanes : std::set<int>{0, 1, width / 2, width - 1, width}) {
        const Offsets along = runs(kc, std::max(kc, 1), 1), rows = runs(kc, 1, 101), kernel = runs(kc, 5, 28);
        for (int run : {1000, 13, 8, 7, 5, 4, 2})
          check_packing<T, S>(pack, storage, width, runs(lanes, run, 29), rows,
                              what + " runs of " + std::to_string(run));
        check_packing<T, S>(pack, storage, width, runs(lanes, 1, 97), along, what + " k contiguous");
        check_packing<T, S>(pack, storage, width, runs(lanes, 1, 97), kernel, what + " k in fives");
        for (int run : {2, 4, 11, 24})
          check_packing<T, S>(pack, storage, width, runs(lanes, 5, 39), runs(kc, run, 28),
                              what + " k in " + std::to_string(run));
        check_packing<T, S>(pack, storage, width, runs(lanes, 1, 2), rows, what + " every second lane");
        Offsets reversed = runs(lanes, 1000, 1), shuffled = rows;
        std::reverse(reversed.begin(), reversed.end());
        std::shuffle(shuffled.begin(), shuffled.end(), random);
        check_packing<T, S>(pack, storage, width, reversed, shuffled, what + " reversed");
        check_packing<T, S>(pack, storage, width, Offsets(static_cast<std::size_t>(lanes), 3), along,
                            what + " one lane repeated");
      }
  }
}

}  // namespace

TEST_CASE("packing places every element, along lanes, along k and gathered") {
  for (Isa isa : executable_isas()) {
    check_pack<float>(isa);
    check_pack<double>(isa);
  }
}

// Among the elements are all kinds: subnormal ones first, of bits that are numbers counted up.
TEST_CASE("elements of 16 bits are widened as they are packed") {
  for (Isa isa : executable_isas())
    for (const DType storage : {DType::f16, DType::bf16}) check_pack<float, std::uint16_t>(isa, storage);
}

TEST_CASE("every pattern of 16 bits is packed as the value that it is") {
  std::vector<std::uint16_t> bits(1 << 16);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
  const Offsets lanes = runs(16, 16, 16), ks = runs(1 << 12, 1, 16);
  for (Isa isa : executable_isas())
    for (const DType storage : {DType::f16, DType::bf16}) {
      std::vector<float> got(bits.size());
      packing_for(isa).of(storage)(bits.data(), lanes.data(), 16, ks.data(), 1 << 12, got.data(), 16);
      bool equal = true;
      for (std::size_t i = 0; i < bits.size(); ++i) {
        const float expected = widen(storage, bits[i]);
        equal = equal && (got[i] == expected || (std::isnan(got[i]) && std::isnan(expected)));
      }
      INFO(to_string(isa) << ' ' << name_of(storage));
      CHECK(equal);
    }
}

}  // namespace bitale::executor
