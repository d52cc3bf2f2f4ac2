#include "tests/unit/compiler/codegen/harness.h"

#include <barrier>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <thread>

#include "compiler/kernel/interpret.h"
#include "runtime/base/float16.h"
#include "runtime/program/abi.h"
#include "runtime/program/code.h"
#include "tests/support/catch.h"
#include "tests/support/guarded.h"

namespace bitale::codegen {
namespace {

using Bytes = tests::Guarded<std::byte>;

template <class T>
std::vector<T> edges_of() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) return {false, true};
  std::vector<T> edges = {T(0), T(1), T(2), T(3), Limits::max(), Limits::lowest(), T(Limits::max() / 2), T(7), T(100)};
  if constexpr (Limits::is_signed)
    for (T v : {T(-1), T(-2), T(-7), T(-100)}) edges.push_back(v);
  if constexpr (std::is_floating_point_v<T>)
    for (T v : {T(-0.0), T(0.5), T(-0.5), T(1.5), T(2.5), T(-2.5), Limits::infinity(), -Limits::infinity(),
                Limits::quiet_NaN(), Limits::min(), Limits::denorm_min(), T(1e-3), T(1e10), T(3e9), T(-3e9), T(88),
                T(-88), T(127.5), T(255.5)})
      edges.push_back(v);
  return edges;
}

Data generate_values(DType dtype, std::size_t count, unsigned seed, bool with_edges) {
  return dispatch(dtype, [&](auto t) {
    using T = typename decltype(t)::type;
    std::mt19937 random(seed);
    Data d{dtype, std::vector<std::byte>(count * sizeof(T))};
    T* out = reinterpret_cast<T*>(d.bytes.data());
    const auto edges = edges_of<T>();
    for (std::size_t i = 0; i < count; ++i) {
      if (with_edges && i < 4 * edges.size())
        out[i] = edges[random() % edges.size()];
      else if constexpr (std::is_floating_point_v<T>)
        out[i] = std::uniform_real_distribution<T>(T(-3), T(3))(random);
      else if constexpr (std::is_same_v<T, bool>)
        out[i] = random() % 2;
      else if constexpr (std::is_signed_v<T>)
        out[i] = static_cast<T>(static_cast<int>(random() % 19) - 9);
      else
        out[i] = static_cast<T>(random() % 10);
    }
    return d;
  });
}

template <class T>
bool equal(T expected, T seen, double tolerance, double scale) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(expected) || std::isnan(seen)) return std::isnan(expected) && std::isnan(seen);
    if (expected == seen) return true;
    return std::fabs(static_cast<double>(expected) - static_cast<double>(seen)) <=
           tolerance * (scale + std::fabs(static_cast<double>(expected)));
  }
  return expected == seen;
}

// Equal but for what kind of NaN it is.
void compare_stored(const Data& expected, const Bytes& seen_bytes, const Case& c, const std::string& where) {
  const auto* e = reinterpret_cast<const std::uint16_t*>(expected.bytes.data());
  const auto* s = reinterpret_cast<const std::uint16_t*>(const_cast<Bytes&>(seen_bytes).data());
  for (std::size_t i = 0; i < expected.count(); ++i) {
    if (e[i] == s[i] || equal(widen(expected.storage, e[i]), widen(expected.storage, s[i]), 0, 0)) continue;
    INFO(to_string(c.kernel));
    INFO(where << ", element " << i);
    CHECK(e[i] == s[i]);
    return;
  }
}

void compare(const Data& expected, const Bytes& seen_bytes, const Case& c, const std::string& where) {
  if (is_only_stored(expected.storage)) return compare_stored(expected, seen_bytes, c, where);
  dispatch(expected.storage == DType::bool_ ? DType::u8 : expected.storage, [&](auto t) {
    using T = typename decltype(t)::type;
    const T* e = reinterpret_cast<const T*>(expected.bytes.data());
    const T* s = reinterpret_cast<const T*>(const_cast<Bytes&>(seen_bytes).data());
    for (std::size_t i = 0; i < expected.count(); ++i) {
      if (equal(e[i], s[i], c.tolerance, c.scale)) continue;
      INFO(to_string(c.kernel));
      INFO(where << ", element " << i);
      CHECK(+e[i] == +s[i]);
      return;
    }
  });
}

using Buffers = std::vector<std::unique_ptr<Bytes>>;
Buffers copies_of(const Case& c) {
  Buffers out;
  for (const Data& d : c.buffers) out.push_back(std::make_unique<Bytes>(d.bytes));
  return out;
}
std::vector<void*> pointers(const Buffers& buffers) {
  std::vector<void*> out;
  for (const auto& b : buffers) out.push_back(b->data());
  return out;
}

void run(KernelFn kernel, const std::vector<void*>& buffers, const std::vector<std::int64_t>& extents, int threads) {
  std::barrier<> meeting(threads);
  Context context;
  context.runtime = &meeting;
  context.barrier = [](Context* c, int, int) { static_cast<std::barrier<>*>(c->runtime)->arrive_and_wait(); };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t)
    others.emplace_back([&, t] { kernel(&context, buffers.data(), extents.data(), t, threads); });
  const int status = kernel(&context, buffers.data(), extents.data(), 0, threads);
  for (std::thread& t : others) t.join();
  REQUIRE(status == 0);
}

}  // namespace

Data edge_values(DType dtype, std::size_t count, unsigned seed) { return generate_values(dtype, count, seed, true); }
Data random_values(DType dtype, std::size_t count, unsigned seed) { return generate_values(dtype, count, seed, false); }

void check(const std::vector<Case>& cases, bool quick) {
  std::vector<std::vector<Data>> expected;
  for (const Case& c : cases) {
    kernel::verify(c.kernel);
    const Buffers buffers = copies_of(c);
    kernel::interpret(c.kernel, pointers(buffers), c.extents);
    expected.emplace_back();
    for (std::size_t b = 0; b < buffers.size(); ++b) {
      const auto bytes = buffers[b]->span();
      expected.back().push_back({c.buffers[b].storage, {bytes.begin(), bytes.end()}});
    }
  }
  for (Isa isa : executable_isas()) {
    Request request;
    request.isa = isa;
    request.quick = quick;
    for (const Case& c : cases) request.kernels.push_back(&c.kernel);
    const auto code = program::LoadedCode::load(code_of(request));
    for (std::size_t i = 0; i < cases.size(); ++i)
      for (int threads : {1, 2, 3}) {
        const Buffers buffers = copies_of(cases[i]);
        run(reinterpret_cast<KernelFn>(const_cast<void*>(code->entry(static_cast<int>(i)))), pointers(buffers),
            cases[i].extents, threads);
        for (std::size_t b = 0; b < buffers.size(); ++b)
          compare(expected[i][b], *buffers[b], cases[i],
                  to_string(isa) + ", " + std::to_string(threads) + " threads, buffer " + std::to_string(b));
      }
  }
}

}  // namespace bitale::codegen
