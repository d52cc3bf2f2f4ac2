// Packs that are kept between calls: when they are made, from what, and that they are as large as was planned.
#include "runtime/executor/packs.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "runtime/base/flags.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/pack.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/kernels.h"
#include "tests/unit/runtime/executor/leaves.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;
using executor::Runnable;

namespace {

// What packing did since the last reset.
struct Packed {
  std::atomic<int> a{0}, b{0};
  std::atomic<const std::uint8_t*> b_begin{nullptr}, b_end{nullptr};
  void reset() {
    a = b = 0;
    b_begin = b_end = nullptr;
  }
} packed;

constexpr int mr = 3, nr = 4;

void note_b(const void* dst, std::int64_t kc) {
  ++packed.b;
  const auto* begin = static_cast<const std::uint8_t*>(dst);
  const std::uint8_t* end = begin + kc * nr * 4;
  for (const std::uint8_t* seen = packed.b_begin;
       (!seen || begin < seen) && !packed.b_begin.compare_exchange_weak(seen, begin);) {
  }
  for (const std::uint8_t* seen = packed.b_end;
       (!seen || end > seen) && !packed.b_end.compare_exchange_weak(seen, end);) {
  }
}

void pack(const void* src, const std::int64_t* lane_offsets, std::int64_t lanes, const std::int64_t* k_offsets,
          std::int64_t kc, void* dst, std::int64_t width) {
  if (width == mr)
    ++packed.a;
  else
    note_b(dst, kc);
  pack_leaf<float>(src, lane_offsets, lanes, k_offsets, kc, dst, width);
}

const std::vector<const void*> entries{address(micro_leaf<float, mr, nr>), address(store_epilogue<float>)};
const executor::Packing packing{pack, nullptr};

enum class Operand { input, shared, kept };

// out[rows, n] = a[rows, k] * b[k, n]; the number of rows is an extent of the input `rows`.
std::shared_ptr<const Program> product(std::int64_t k, std::int64_t n, Operand a, Operand b) {
  Make m;
  const int rows = m.axis(0, 0), ks = m.constant(k), ns = m.constant(n), one = m.constant(1);
  m.input("rows", {rows});
  const auto operand = [&](Operand what, const char* name, std::vector<int> dims) {
    return what == Operand::input ? m.input(name, std::move(dims)) : m.shared(name, std::move(dims));
  };
  ContractionStep s;
  s.a = operand(a, "a", {rows, ks});
  s.b = operand(b, "b", {ks, ns});
  s.keep_a = a == Operand::kept;
  s.keep_b = b == Operand::kept;
  s.m = {{rows, ks, -1, {ns}}};
  s.n = {{ns, -1, one, {one}}};
  s.k = {{ks, one, ns, {-1}}};
  s.operands = {{m.output("out", {rows, ns}), -1, true, true}};
  for (const char* name : {"micro", "store"}) m.entry(name);
  s.epilogue = 1;
  s.tile = {mr, nr, 0};
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(s, "product");
  return m.done();
}

Array numbers(Extents shape, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Array a(DType::f32, std::move(shape));
  for (float& v : a.view<float>()) v = uniform(random);
  return a;
}

std::vector<float> expected(const Array& a, const Array& b, int threads) {
  const Runnable f(product(b.shape()[0], b.shape()[1], Operand::input, Operand::input), entries, packing);
  const std::vector in{numbers({a.shape()[0]}, 9), a, b};
  return values<float>(f.call(in, {}, {.threads = threads}).outputs[0]);
}

executor::CallOptions versions(std::vector<std::int64_t> v, int threads = 1) {
  return {.threads = threads, .owned = {}, .versions = std::move(v)};
}

}  // namespace

TEST_CASE("an operand is packed once for each value, and the numbers are the same bit for bit") {
  const Runnable f(product(300, 50, Operand::input, Operand::kept), entries, packing);
  for (const int threads : {1, 3}) {
    const Array rows = numbers({90}, 1), a = numbers({90, 300}, 2);
    Array b = numbers({300, 50}, 3);
    const std::vector in{rows, a};
    const auto call = [&](const Array& value, std::int64_t version) {
      packed.reset();
      const auto out = values<float>(f.call(in, std::vector{value}, versions({version}, threads)).outputs[0]);
      REQUIRE(packed.a > 0);
      const int times = packed.b;
      REQUIRE(out == expected(a, value, threads));
      return times;
    };
    const int panels = call(b, 1);
    REQUIRE(panels >= 13);  // one for every panel and chunk
    REQUIRE(call(b, 1) == 0);
    REQUIRE(call(b, 1) == 0);
    b.view<float>()[7] = 5;  // as by an update in place
    REQUIRE(call(b, 2) == panels);
    REQUIRE(call(b, 2) == 0);
    const Array other = numbers({300, 50}, 4);
    REQUIRE(call(other, 2) == panels);  // the same version in other memory is another value
    REQUIRE(call(other, 2) == 0);
    REQUIRE(call(b, 2) == panels);
  }
}

TEST_CASE("where values change with every call, one is packed as a whole when it is met again") {
  const Runnable f(product(300, 50, Operand::input, Operand::kept), entries, packing);
  const std::vector in{numbers({90}, 1), numbers({90, 300}, 2)};
  const std::vector value{numbers({300, 50}, 3)};
  const auto call = [&](std::int64_t version) {
    packed.reset();
    const auto out = values<float>(f.call(in, value, versions({version})).outputs[0]);
    const int times = packed.b;
    REQUIRE(out == expected(in[1], value[0], 1));
    return times;
  };
  for (std::int64_t version = 1; version <= 4; ++version) REQUIRE(call(version) > 0);
  REQUIRE(call(4) > 0);   // the whole pack is made now
  REQUIRE(call(4) == 0);  // and read
  REQUIRE(call(5) > 0);   // at once: the last one was read again
  REQUIRE(call(5) == 0);
}

TEST_CASE("memory that has been freed and is used again is another value") {
  const Runnable f(product(64, 40, Operand::input, Operand::kept), entries, packing);
  const Array rows = numbers({70}, 1), a = numbers({70, 64}, 2);
  for (unsigned i = 0; i < 8; ++i) {
    const Array b = numbers({64, 40}, 10 + i);  // most likely where the last one was
    REQUIRE(values<float>(f.call(std::vector{rows, a}, std::vector{b}, versions({1})).outputs[0]) == expected(a, b, 1));
  }
}

TEST_CASE("both operands may be kept, each by its own version") {
  const Runnable f(product(200, 30, Operand::kept, Operand::kept), entries, packing);
  const std::vector in{numbers({80}, 1)};
  const std::vector shareds{numbers({80, 200}, 2), numbers({200, 30}, 3)};
  const auto call = [&](std::vector<std::int64_t> v) {
    packed.reset();
    const auto out = values<float>(f.call(in, shareds, versions(std::move(v), 2)).outputs[0]);
    const std::pair times(packed.a > 0, packed.b > 0);
    REQUIRE(out == expected(shareds[0], shareds[1], 2));
    return times;
  };
  REQUIRE(call({1, 1}) == std::pair(true, true));
  REQUIRE(call({1, 1}) == std::pair(false, false));
  REQUIRE(call({2, 1}) == std::pair(true, false));
  REQUIRE(call({2, 5}) == std::pair(false, true));
  REQUIRE(call({2, 5}) == std::pair(false, false));
}

TEST_CASE("without a version, or a mark, nothing is kept or planned") {
  const std::vector in{numbers({90}, 1), numbers({90, 100}, 2)}, shareds{numbers({100, 50}, 3)};
  for (const Operand b : {Operand::kept, Operand::shared}) {
    const Runnable f(product(100, 50, Operand::input, b), entries, packing);
    const auto options = b == Operand::kept ? executor::CallOptions{} : versions({1});
    REQUIRE(f.planned(in, shareds, options).pack_bytes == 0);
    for (int i = 0; i < 2; ++i) {
      packed.reset();
      REQUIRE(values<float>(f.call(in, shareds, options).outputs[0]) == expected(in[1], shareds[0], 1));
      REQUIRE(packed.b > 0);
    }
  }
}

TEST_CASE("packs belong to a placement: other extents have their own, and few are remembered") {
  const Runnable f(product(100, 50, Operand::kept, Operand::kept), entries, packing);
  const Array b = numbers({100, 50}, 3);
  const auto packs_made = [&](std::int64_t rows) {
    const std::vector shareds{numbers({rows, 100}, static_cast<unsigned>(rows)), b};
    packed.reset();
    REQUIRE(values<float>(f.call(std::vector{numbers({rows}, 1)}, shareds, versions({rows, 1})).outputs[0]) ==
            expected(shareds[0], b, 1));
    return packed.b.load() / 2;  // expected() packs as often
  };
  for (const std::int64_t rows : {90, 91, 92, 93}) REQUIRE(packs_made(rows) > 0);
  REQUIRE(packs_made(90) == packs_made(91));
  packs_made(94);  // 92 is forgotten
  packed.reset();
  f.call(std::vector{numbers({92}, 1)}, std::vector{numbers({92, 100}, 92), b}, versions({92, 1}));
  REQUIRE(packed.b > 0);
}

TEST_CASE("a pack is as large as was planned, and ends there") {
  for (const bool guard : {false, true}) {
    const bool saved = std::exchange(flags().guard, guard);
    for (const auto& [k, n] : std::vector<std::pair<int, int>>{{300, 50}, {7, 13}, {1000, 8}}) {
      const Runnable f(product(k, n, Operand::input, Operand::kept), entries, packing);
      const std::vector in{numbers({200}, 1), numbers({200, k}, 2)}, shareds{numbers({k, n}, 3)};
      const std::int64_t bytes = std::int64_t{k} * ((n + nr - 1) / nr * nr) * 4;
      REQUIRE(f.planned(in, shareds, versions({1})).pack_bytes == (bytes + 63) / 64 * 64);
      packed.reset();
      f.call(in, shareds, versions({1}));
      REQUIRE(packed.b_end - packed.b_begin == bytes);
    }
    flags().guard = saved;
  }
}

TEST_CASE("an operand that is read in place has no pack") {
  // few rows, whole panels, rows of b that are no multiple of a page
  const Runnable f(product(300, 48, Operand::input, Operand::kept), entries, packing);
  const std::vector in{numbers({6}, 1), numbers({6, 300}, 2)}, shareds{numbers({300, 48}, 3)};
  REQUIRE(f.planned(in, shareds, versions({1})).pack_bytes == 0);
  packed.reset();
  REQUIRE(values<float>(f.call(in, shareds, versions({1})).outputs[0]) == expected(in[1], shareds[0], 1));
  REQUIRE(packed.b == 0);
}

TEST_CASE("an implicit im2col is not kept: its pack would be many times the operand") {
  // a convolution of one dimension with 8 taps: b[n + k]
  const std::int64_t extents[] = {40, 8, 100, 1};
  ContractionStep s;
  s.m = {{0, 1, -1, {2}}};
  s.n = {{2, -1, 3, {3}}};
  s.k = {{1, 3, 3, {-1}}};
  s.operands.resize(1);
  s.tile = {mr, nr, 0};
  const ContractionBlocking blocking = plan_contraction(s, extents, 1);
  REQUIRE_FALSE(executor::whole_pack(s, executor::Side::b, extents, blocking, 1, 107));
  REQUIRE(executor::whole_pack(s, executor::Side::a, extents, blocking, 1, 320));
}

TEST_CASE("a constant is packed once, also if nothing is known of versions") {
  Make m;
  const int rows = m.axis(0, 0), k = m.constant(90), n = m.constant(30), one = m.constant(1);
  const Array b = numbers({90, 30}, 3);
  ContractionStep s;
  s.a = m.input("a", {rows, k});
  s.b = m.buffer(Role::constant, "b", {k, n}, DType::f32, 0);
  m.p.constants.resize(1);
  m.p.constants[0].bytes.resize(b.bytes());
  std::memcpy(m.p.constants[0].bytes.data(), b.data(), b.bytes());
  s.keep_b = true;
  s.m = {{rows, k, -1, {n}}};
  s.n = {{n, -1, one, {one}}};
  s.k = {{k, one, n, {-1}}};
  s.operands = {{m.output("out", {rows, n}), -1, true, true}};
  for (const char* name : {"micro", "store"}) m.entry(name);
  s.epilogue = 1;
  s.tile = {mr, nr, 0};
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(s, "product");
  const Runnable f(m.done(), entries, packing);
  const std::vector in{numbers({80, 90}, 2)};
  const std::vector<float> want = expected(in[0], b, 1);
  for (const bool first : {true, false}) {
    packed.reset();
    REQUIRE(values<float>(f.call(in, {}, {}).outputs[0]) == want);
    REQUIRE((packed.b > 0) == first);
  }
}

TEST_CASE("OpenBLAS needs no packs") {
  flags().contraction = "openblas";
  const Runnable f(product(300, 50, Operand::input, Operand::kept), entries, packing);
  const std::vector in{numbers({90}, 1), numbers({90, 300}, 2)}, shareds{numbers({300, 50}, 3)};
  const std::int64_t planned = f.planned(in, shareds, versions({1})).pack_bytes;
  packed.reset();
  f.call(in, shareds, versions({1}));
  flags().contraction.clear();
  REQUIRE(planned == 0);
  REQUIRE(packed.b == 0);
}

TEST_CASE("packing counts for the step's profile") {
  const bool saved = std::exchange(flags().profile, true);
  const Runnable f(product(300, 50, Operand::input, Operand::kept), entries, packing);
  const std::vector in{numbers({90}, 1), numbers({90, 300}, 2)}, shareds{numbers({300, 50}, 3)};
  f.call(in, shareds, versions({1}));
  flags().profile = saved;
  REQUIRE(f.profile().size() == 1);
  REQUIRE(f.profile()[0].calls == 1);
  REQUIRE(f.profile()[0].seconds > 0);
}

TEST_CASE("a pack that a call holds is not written; one that nobody holds is") {
  executor::KeptPack plan;
  plan.shape.bytes = 64;
  executor::Packs packs({plan});
  const auto memory = Storage::allocate(64);
  std::uint8_t fill = 0;
  const auto take = [&](std::int64_t version) {
    return packs.take({{memory, version}}, [&](const std::vector<executor::Packs::Target>& targets) {
      std::memset(targets[0].memory->data(), ++fill, 64);
    });
  };
  const auto first_byte = [](const executor::Packs::Held& held) {
    return *static_cast<const std::uint8_t*>(held[0]->data());
  };
  auto old = take(1), same = take(1), next = take(2);
  REQUIRE(old == same);
  REQUIRE(first_byte(old) == 1);
  REQUIRE(first_byte(next) == 2);
  const void* place = next[0]->data();
  packs.give_back(std::move(old));
  packs.give_back(std::move(same));
  packs.give_back(std::move(next));
  packs.give_back(take(2));  // read again: the next value is worth a pack, too
  const auto last = take(3);
  REQUIRE(last[0]->data() == place);
  REQUIRE(first_byte(last) == 3);
}

TEST_CASE("callers at once share one pack, and never read half of one") {
  const Runnable f(product(200, 40, Operand::input, Operand::kept), entries, packing);
  const std::vector in{numbers({70}, 1), numbers({70, 200}, 2)};
  constexpr int rounds = 20, callers = 4;
  std::atomic<int> wrong{0};
  for (int round = 0; round < rounds; ++round) {
    const std::vector shareds{numbers({200, 40}, static_cast<unsigned>(round))};
    const std::vector<float> want = expected(in[1], shareds[0], 1);
    packed.reset();
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i)
      threads.emplace_back([&, i] {
        const auto out = f.call(in, shareds, versions({round}, 1 + i % 2)).outputs[0];
        if (values<float>(out) != want) ++wrong;
      });
    for (std::thread& t : threads) t.join();
    REQUIRE(packed.b <= 2 * 10 * 2);  // once for each of the two placements: 10 panels, at most 2 chunks
  }
  REQUIRE(wrong == 0);
}
