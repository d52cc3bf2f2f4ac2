// The driver of contractions against naive loops. Values are small integers, so that sums are exact in any order.
#include <random>

#include "runtime/base/flags.h"
#include "runtime/executor/executor.h"
#include "runtime/program/placement.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/kernels.h"
#include "tests/unit/runtime/executor/leaves.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;
using executor::Runnable;

namespace {

// Extent, and strides in a, b, out and the two further operands (column bias, row scale).
struct Dim {
  std::int64_t extent, a = 0, b = 0, out = 0, bias = 0, scale = 0;
};

struct Case {
  std::vector<Dim> batch, m, n, k;
  std::int64_t a_size, b_size, out_size;
  std::int64_t a_offset = 0, b_offset = 0, out_offset = 0;
  bool accumulating = false, fused = false, sliced = false;
  std::int64_t bias_size = 1, scale_size = 1;
};

template <class T>
std::vector<const void*> leaves() {
  return {address(micro_leaf<T, 3, 4>), address(micro_leaf<T, 6, 16>), address(store_epilogue<T>),
          address(add_epilogue<T>),     address(fused_epilogue<T>),    address(slices_epilogue<T>)};
}

// `kept`: a and b are Shareds whose packs are kept between calls; else they are inputs.
ContractionStep step_of(Make& m, const Case& c, bool small_tile, DType type, bool kept = false) {
  ContractionStep s;
  s.dtype = s.a_storage = s.b_storage = type;
  const auto group = [&](const std::vector<Dim>& dims) {
    std::vector<ContractionDim> out;
    for (const Dim& d : dims) {
      const auto stride = [&](std::int64_t v) { return v == 0 ? -1 : m.constant(v); };
      std::vector<int> operands = {stride(d.out)};
      if (c.fused) operands = {stride(d.out), stride(d.bias), stride(d.scale)};
      out.push_back({m.constant(d.extent), stride(d.a), stride(d.b), operands});
    }
    return out;
  };
  s.batch = group(c.batch);
  s.m = group(c.m);
  s.n = group(c.n);
  s.k = group(c.k);
  const auto operand = [&](const char* name, std::int64_t size) {
    return kept ? m.shared(name, {m.constant(size)}, type) : m.input(name, {m.constant(size)}, type);
  };
  s.a = operand("a", c.a_size);
  s.b = operand("b", c.b_size);
  s.keep_a = s.keep_b = kept;
  s.a_offset = c.a_offset ? m.constant(c.a_offset) : -1;
  s.b_offset = c.b_offset ? m.constant(c.b_offset) : -1;
  const int out = m.output("out", {m.constant(c.out_size)}, type);
  s.operands.push_back({out, c.out_offset ? m.constant(c.out_offset) : -1, true, true});
  if (c.fused) {
    s.operands.push_back({m.input("bias", {m.constant(c.bias_size)}, type), -1, true, false});
    s.operands.push_back({m.input("scale", {m.constant(c.scale_size)}, type), -1, false, false});
  }
  s.epilogue = c.sliced ? 5 : c.fused ? 4 : c.accumulating ? 3 : 2;
  s.sliced = c.sliced;
  s.accumulating = c.accumulating;
  s.tile = small_tile ? ContractionTile{3, 4, 0} : ContractionTile{6, 16, 1};
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  for (int i = 0; i < 6; ++i) m.entry("leaf");
  return s;
}

template <class F>
void each(const std::vector<Dim>& dims, Dim at, F f, std::size_t d = 0) {
  if (d == dims.size()) return f(at);
  for (std::int64_t i = 0; i < dims[d].extent; ++i) {
    Dim next = at;
    next.a += i * dims[d].a, next.b += i * dims[d].b, next.out += i * dims[d].out;
    next.bias += i * dims[d].bias, next.scale += i * dims[d].scale;
    each(dims, next, f, d + 1);
  }
}

template <class T>
std::vector<T> naive(const Case& c, const std::vector<Array>& in) {
  std::vector<T> out(static_cast<std::size_t>(c.out_size));
  const auto a = in[0].view<T>(), b = in[1].view<T>();
  const auto u = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  each(c.batch, {0, c.a_offset, c.b_offset, c.out_offset}, [&](const Dim& p) {
    each(c.m, p, [&](const Dim& q) {
      std::int64_t column = 0;
      each(c.n, q, [&](const Dim& r) {
        T sum = 0;
        each(c.k, r, [&](const Dim& s) { sum += a[u(s.a)] * b[u(s.b)]; });
        if (c.fused) sum = (sum + in[2].view<T>()[u(r.bias)]) * in[3].view<T>()[u(r.scale)];
        if (c.sliced) {
          const T weight = static_cast<T>(slice_weights[column++ / c.n[1].extent]);
          out[u(r.out)] += weight * sum;
          return;
        }
        out[u(r.out)] = sum + (c.accumulating ? out[u(r.out)] : T(0));
      });
    });
  });
  return out;
}

template <class T>
Array numbers(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  Array a(dtype_of<T>(), {n});
  for (T& v : a.view<T>()) v = static_cast<T>(static_cast<int>(random() % 7) - 3);
  return a;
}

template <class T>
std::shared_ptr<const Program> program_of(const Case& c, bool small_tile, bool kept) {
  Make m;
  const ContractionStep s = step_of(m, c, small_tile, dtype_of<T>(), kept);
  if (c.accumulating) {  // the output starts as zeros
    const int zeros = m.input("zeros", {m.constant(c.out_size)}, dtype_of<T>());
    m.step(CopyStep{zeros, s.operands[0].buffer}, "clear");
  }
  m.step(s, "contraction");
  return m.done();
}

template <class T>
void check(const Case& c, bool guard = false) {
  for (const bool small_tile : {true, false}) {
    const auto program = program_of<T>(c, small_tile, false);
    const Runnable f(program, leaves<T>());
    const Runnable keeping(program_of<T>(c, small_tile, true), leaves<T>());
    std::vector<Array> in = {numbers<T>(c.a_size, 1), numbers<T>(c.b_size, 2)};
    if (c.fused) in.insert(in.end(), {numbers<T>(c.bias_size, 3), numbers<T>(c.scale_size, 4)});
    if (c.accumulating) in.push_back(Array::zeros(dtype_of<T>(), {c.out_size}));
    const std::vector<T> expected = naive<T>(c, in);
    const bool saved = flags().guard;
    flags().guard = guard;
    for (const int threads : {1, 2, 3}) {
      const auto r = f.call(in, {}, {.threads = threads});
      REQUIRE(values<T>(r.outputs[0]) == expected);
      for (int call = 0; call < 2; ++call) {  // makes the packs, reads them
        const auto k = keeping.call(std::span(in).subspan(2), std::span(in).first(2),
                                    {.threads = threads, .owned = {}, .versions = {1, 1}});
        REQUIRE(values<T>(k.outputs[0]) == expected);
      }
    }
    flags().contraction = "openblas";  // where it is a product of plain matrices
    const Runnable library(program, leaves<T>());
    for (const int threads : {1, 2, 3}) {
      const auto r = library.call(in, {}, {.threads = threads});
      REQUIRE(values<T>(r.outputs[0]) == expected);
    }
    flags().contraction.clear();
    flags().guard = saved;
  }
}

Case gemm(std::int64_t m, std::int64_t n, std::int64_t k, bool ta, bool tb) {
  return {{}, {{m, ta ? 1 : k, 0, n}}, {{n, 0, tb ? k : 1, 1}}, {{k, ta ? m : 1, tb ? 1 : n}}, m * k, k * n, m * n};
}

}  // namespace

TEST_CASE("matrix products of all transposes and odd sizes") {
  for (const auto& [m, n, k] : std::vector<std::tuple<int, int, int>>{
           {1, 1, 1}, {7, 5, 3}, {3, 16, 4}, {33, 47, 29}, {64, 64, 64}, {5, 130, 70}, {130, 33, 300}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        check<float>(gemm(m, n, k, ta, tb));
        if (m < 50) check<double>(gemm(m, n, k, ta, tb), true);
      }
}

TEST_CASE("an epilogue that reads three slices of the columns") {
  for (const auto& [m, width, k] : std::vector<std::tuple<int, int, int>>{
           {1, 1, 1}, {7, 5, 3}, {3, 4, 9}, {16, 32, 40}, {33, 48, 29}, {5, 64, 700}, {70, 33, 20}, {150, 160, 300}})
    for (const bool tb : {false, true}) {
      Case c = gemm(m, 3 * width, k, false, tb);
      const std::int64_t b = c.n[0].b;
      c.n = {{3, 0, b * width, 0}, {width, 0, b, 1}};
      c.m[0].out = width;
      c.out_size = std::int64_t{m} * width;
      c.sliced = true;
      check<float>(c);
      if (m < 50) check<double>(c, true);
    }
}

TEST_CASE("empty extents: no result, or sums of nothing") {
  check<float>(gemm(0, 5, 3, false, false));
  check<float>(gemm(5, 0, 3, false, false));
  check<float>(gemm(5, 7, 0, false, false));
  Case c = gemm(3, 4, 5, false, false);
  c.batch = {{0, 0, 0, 0}};
  c.out_size = 0;
  check<float>(c);
}

TEST_CASE("blocks that do not fit into the cache at once") { check<float>(gemm(150, 130, 900, false, true)); }

TEST_CASE("few results of many terms are split over the threads by the terms") {
  const Case c = gemm(5, 7, 20000, true, false);
  Make m;
  const ContractionStep s = step_of(m, c, true, DType::f32);
  const auto extents = evaluate_extents(m.p, {{{c.a_size}, {c.b_size}}, {}, {}});
  REQUIRE(plan_contraction(s, extents, 3).k_split == 3);
  REQUIRE(plan_contraction(s, extents, 1).k_split == 1);
  check<float>(c);
  Case batched = c;
  batched.batch = {{2, 0, 0, 35}};
  batched.out_size = 70;
  check<float>(batched);
}

TEST_CASE("batches, with an operand that does not depend on them") {
  const std::int64_t B = 5, m = 9, n = 11, k = 13;
  check<float>({{{B, m * k, 0, m * n}}, {{m, k, 0, n}}, {{n, 0, 1, 1}}, {{k, 1, n}}, B * m * k, k * n, B * m * n});
  check<float>({{{B, 0, k * n, m * n}}, {{m, k, 0, n}}, {{n, 0, 1, 1}}, {{k, 1, n}}, m * k, B * k * n, B * m * n});
  check<float>({{{2, 0, 0, B * m * n}, {B, m * k, k * n, m * n}},
                {{m, k, 0, n}},
                {{n, 0, 1, 1}},
                {{k, 1, n}},
                B * m * k,
                B * k * n,
                2 * B * m * n});
}

TEST_CASE("a convolution reads its input in place") {
  const std::int64_t N = 3, C = 4, H = 9, W = 8, F = 7, K = 3, OH = H - K + 1, OW = W - K + 1;
  const std::vector<Dim> filters = {{F, C * K * K, 0, OH * OW}};
  const std::vector<Dim> taps = {{C, K * K, H * W}, {K, K, W}, {K, 1, 1}};
  // the images as batch, and as part of the columns: the runs of columns end where the output jumps
  check<float>({{{N, 0, C * H * W, F * OH * OW}},
                filters,
                {{OH, 0, W, OW}, {OW, 0, 1, 1}},
                taps,
                F * C * K * K,
                N * C * H * W,
                N * F * OH * OW},
               true);
  check<float>({{},
                filters,
                {{N, 0, C * H * W, F * OH * OW}, {OH, 0, W, OW}, {OW, 0, 1, 1}},
                taps,
                F * C * K * K,
                N * C * H * W,
                N * F * OH * OW});
  // flipped filters, stride 2
  const std::int64_t OH2 = (H - K) / 2 + 1, OW2 = (W - K) / 2 + 1;
  check<float>({{{N, 0, C * H * W, F * OH2 * OW2}},
                {{F, C * K * K, 0, OH2 * OW2}},
                {{OH2, 0, 2 * W, OW2}, {OW2, 0, 2, 1}},
                {{C, K * K, H * W}, {K, -K, W}, {K, -1, 1}},
                F * C * K * K,
                N * C * H * W,
                N * F * OH2 * OW2,
                K * K - 1});
}

TEST_CASE("epilogues with a bias of the column and a scale of the row") {
  Case c = gemm(37, 29, 18, false, false);
  c.fused = true;
  c.m[0].scale = 1;
  c.n[0].bias = 1;
  c.bias_size = 29;
  c.scale_size = 37;
  check<float>(c);
  // columns of two dims: the bias starts again at every second one
  Case folded = c;
  folded.n = {{2, 0, 29, 29}, {29, 0, 1, 1, 1}};
  folded.k = {{18, 1, 58}};
  folded.b_size = 18 * 58;
  folded.m[0].out = 58;
  folded.out_size = 37 * 58;
  check<float>(folded);
}

TEST_CASE("columns whose results are not neighbours") {
  Case c = gemm(9, 13, 5, false, false);
  c.m[0].out = 1;
  c.n[0].out = 9;
  check<float>(c);
}

TEST_CASE("outputs that overlap are added in order by one thread") {
  // out[batch][m + n] += sum over k: the gradient of a convolution of one dimension
  const std::int64_t B = 4, m = 150, n = 90, k = 6, width = m + n - 1;
  Case c{{{B, m * k, 0, width}}, {{m, k, 0, 1}}, {{n, 0, 1, 1}}, {{k, 1, n}}, B * m * k, k * n, B * width};
  c.accumulating = true;
  check<float>(c);
}

TEST_CASE("random contractions") {
  std::mt19937 random(5);
  const auto pick = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 60; ++round) {
    // dense a[batch][m1][m2][k1][k2], b[batch][k1][k2][n1][n2] with axes in random order, out[batch][m1][m2][n1][n2]
    const std::int64_t e[] = {1 + pick(3),  1 + pick(5), 1 + pick(9), 1 + pick(5),
                              1 + pick(20), 1 + pick(5), 1 + pick(9)};  // batch m1 m2 n1 n2 k1 k2
    std::int64_t stride[3][7] = {};
    std::vector<int> axes[3] = {{0, 1, 2, 5, 6}, {0, 3, 4, 5, 6}, {0, 1, 2, 3, 4}};
    std::int64_t size[3];
    for (int t = 0; t < 3; ++t) {
      if (t < 2 || round % 2) std::shuffle(axes[t].begin(), axes[t].end(), random);
      size[t] = 1;
      for (auto axis = axes[t].rbegin(); axis != axes[t].rend(); ++axis)
        stride[t][*axis] = size[t], size[t] *= e[*axis];
    }
    const auto dim = [&](int i) { return Dim{e[i], stride[0][i], stride[1][i], stride[2][i]}; };
    check<float>({{dim(0)}, {dim(1), dim(2)}, {dim(3), dim(4)}, {dim(5), dim(6)}, size[0], size[1], size[2]},
                 round % 3 == 0);
  }
}

TEST_CASE("a contraction inside a blocked step") {
  // rows of the product, four at a time
  Make m;
  Case c = gemm(21, 10, 8, false, false);
  ContractionStep s = step_of(m, c, true, DType::f32);
  const int rows = m.constant(21), begin = m.constant(0), size = m.constant(0), eight = m.constant(8),
            ten = m.constant(10);
  s.m[0].extent = size;
  s.a_offset = m.extent(ExtentOp::mul, begin, eight);
  s.operands[0].offset = m.extent(ExtentOp::mul, begin, ten);
  Make inner;
  inner.step(s, "product");
  m.step(BlockedStep{rows, begin, size, 4, {}, inner.p.steps}, "blocked");
  const Runnable f(m.done(), leaves<float>());
  const std::vector<Array> in = {numbers<float>(c.a_size, 1), numbers<float>(c.b_size, 2)};
  for (const int threads : {1, 2, 3})
    REQUIRE(values<float>(f.call(in, {}, {.threads = threads}).outputs[0]) == naive<float>(c, in));
}

TEST_CASE("plans keep blocks within the caches and multiples of the tile") {
  Make m;
  Case c = gemm(4096, 4096, 9216, false, false);
  const ContractionStep s = step_of(m, c, false, DType::f32);
  const auto extents = evaluate_extents(m.p, {{{c.a_size}, {c.b_size}}, {}, {}});
  for (const int threads : {1, 2, 16, 64}) {
    const ContractionBlocking b = plan_contraction(s, extents, threads);
    REQUIRE(b.mc % 6 == 0);
    REQUIRE(b.nc % 16 == 0);
    REQUIRE(b.kc >= 64);
    REQUIRE(b.k_split == 1);
    const std::int64_t blocks = ((4096 + b.mc - 1) / b.mc) * ((4096 + b.nc - 1) / b.nc);
    REQUIRE(blocks >= threads);
    REQUIRE((b.mc * b.nc + b.kc * (b.mc + b.nc)) * 4 <= std::int64_t{64} << 20);
    REQUIRE(b.workspace_bytes >= (b.mc * b.nc + b.kc * (b.mc + b.nc)) * 4);
  }
  Make small;
  const ContractionStep t = step_of(small, gemm(64, 64, 100, false, false), false, DType::f32);
  REQUIRE(plan_contraction(t, evaluate_extents(small.p, {{{6400}, {6400}}, {}, {}}), 1).kc == 100);
}

TEST_CASE("a contraction that reaches outside its buffers is an internal error") {
  Make m;
  Case c = gemm(8, 8, 8, false, false);
  c.a_size = 63;
  m.step(step_of(m, c, true, DType::f32), "product");
  const Runnable f(m.done(), leaves<float>());
  REQUIRE_THROWS_WITH(f.call(std::vector{numbers<float>(63, 1), numbers<float>(64, 1)}, {}, {}),
                      contains("contraction 'product' reaches elements 0 to 63 of 'a'"));
}
