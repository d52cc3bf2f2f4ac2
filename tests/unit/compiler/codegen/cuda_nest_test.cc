// Which loops of a kernel are spread over threads together.
#include "compiler/codegen/cuda/nest.h"
#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/reductions.h"
#include "compiler/kernel/builder.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::kernel;
using tests::contains;

namespace {

Extent constant(std::int64_t v) { return Extent::constant(v); }

// parallel n, then loops of 3, 5 and 7 around one store of what `value` loads.
struct Nest {
  LoopKind middle = LoopKind::sequential;
  std::int64_t strides[3] = {35, 7, 1};
  bool reads_output = false, accumulates = false, in_scratch = false;

  Kernel kernel() const {
    Builder b("nest");
    const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
    const int scratch = in_scratch ? b.scratch("s", DType::f32, 105) : -1;
    b.loop(LoopKind::parallel, b.extent_argument(), [&](Scalar i) {
      b.loop(LoopKind::sequential, constant(3), [&](Scalar j) {
        const Scalar row = b.load(x, {{}, {{j.id, constant(1)}}});
        b.loop(middle, constant(5), [&](Scalar k) {
          b.loop(LoopKind::sequential, constant(7), [&](Scalar l) {
            const Index to{{},
                           {{i.id, constant(105)},
                            {j.id, constant(strides[0])},
                            {k.id, constant(strides[1])},
                            {l.id, constant(strides[2])}}};
            const Index from{{},
                             {{i.id, constant(105)}, {l.id, constant(15)}, {k.id, constant(3)}, {j.id, constant(1)}}};
            const Scalar v = b.load(reads_output ? y : x, from) + row;
            if (in_scratch) b.store(scratch, {{}, {{l.id, constant(1)}}}, v);
            b.store(y, to, v, {}, accumulates);
          });
        });
      });
    });
    return b.finish();
  }

  std::size_t independent() const {
    const Kernel k = kernel();
    return codegen::cuda::independent_nest(k, std::get<Loop>(k.body[0].node)).size();
  }
};

}  // namespace

TEST_CASE("loops that write different elements are independent") {
  CHECK(Nest{}.independent() == 3);
  CHECK(Nest{.middle = LoopKind::vector}.independent() == 3);
  CHECK(Nest{.strides = {1, 3, 15}}.independent() == 3);
  CHECK(Nest{.strides = {-40, 7, 1}}.independent() == 3);
}

TEST_CASE("loops that meet in memory are not independent") {
  CHECK(Nest{.strides = {34, 7, 1}}.independent() == 0);
  CHECK(Nest{.strides = {35, 7, 0}}.independent() == 0);
  CHECK(Nest{.reads_output = true}.independent() == 0);
  CHECK(Nest{.accumulates = true}.independent() == 0);
  CHECK(Nest{.in_scratch = true}.independent() == 0);
}

TEST_CASE("independent loops are one loop over all threads") {
  const Kernel k = Nest{}.kernel();
  const auto phases = codegen::cuda::phases(k);
  REQUIRE(phases.size() == 1);
  CHECK(phases[0].work == std::vector<Extent>{Extent::argument(0), constant(3), constant(5), constant(7)});
  const std::string text = codegen::cuda::print(k);
  CHECK_THAT(text, contains("for (Walk<105> walk("));
  CHECK_THAT(text, contains("walk.outer < e0; walk.next())"));
  CHECK_THAT(text, contains("const long long i = walk.outer;"));
  CHECK_THAT(text, contains("const int k = rest / 7 % 5;"));
  CHECK_THAT(text, contains("x[i * 105 + (l * 15 + k * 3 + j)]"));
  CHECK_THAT(text, contains("y[at] = "));
}

TEST_CASE("one of the independent loops may have any extent, if the others lie within its stride") {
  const auto loops = [](std::int64_t stride) {
    Builder b("rows");
    const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
    const Extent rows = b.extent_argument(), columns = b.extent_argument(), all = b.extent_argument();
    b.loop(LoopKind::parallel, rows, [&](Scalar i) {
      b.loop(LoopKind::sequential, columns, [&](Scalar j) {
        const Scalar scale = b.load(x, {{}, {{j.id, constant(1)}}});
        b.loop(LoopKind::vector, constant(64), [&](Scalar k) {
          b.store(y, {{}, {{i.id, all}, {j.id, constant(stride)}, {k.id, constant(1)}}}, scale + scale);
        });
      });
    });
    return b.finish();
  };
  const auto independent = [](const Kernel& k) {
    return codegen::cuda::independent_nest(k, std::get<Loop>(k.body[0].node)).size();
  };
  CHECK(independent(loops(64)) == 2);
  CHECK(independent(loops(63)) == 0);
  CHECK(independent(loops(0)) == 0);
  const std::string text = codegen::cuda::print(loops(64));
  CHECK_THAT(text, contains("for (long long at = begin; at < e0 * (64 * e1); at += step)"));
  CHECK_THAT(text, contains("const long long i = at / (64 * e1);"));
  CHECK_THAT(text, contains("const long long j = at / 64 % e1;"));
  CHECK_THAT(text, contains("const int k = at % 64;"));
}

namespace {

using codegen::cuda::Team;

// y[i] = sum over j, and then over k, of x[...], with these strides; or the sum over j of twice that over k.
struct Sums {
  Extent outputs = Extent::constant(40), outer = Extent::constant(50), inner = Extent::constant(3);
  std::int64_t strides[3] = {150, 3, 1};
  bool twice = false, in_place = false;

  Kernel kernel() const {
    Builder b("sums");
    const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
    b.loop(LoopKind::parallel, outputs, [&](Scalar i) {
      const Scalar sum = b.reduce(LoopKind::sequential, outer, [&](Scalar j) {
        const Scalar part = b.reduce(LoopKind::vector, inner, [&](Scalar k) {
          const Index at{{},
                         {{i.id, constant(strides[0])}, {j.id, constant(strides[1])}, {k.id, constant(strides[2])}}};
          return std::vector<Builder::Yield>{{Combiner::sum, {b.load(in_place ? y : x, at)}}};
        })[0];
        return std::vector<Builder::Yield>{{Combiner::sum, {twice ? part + part : part}}};
      })[0];
      b.store(y, {{}, {{i.id, constant(1)}}}, sum);
    });
    return b.finish();
  }
  Team team() const { return codegen::cuda::phases(kernel())[0].team; }
  std::size_t nest() const {
    const Kernel k = kernel();
    return codegen::cuda::reduction_nest(std::get<Loop>(std::get<Loop>(k.body[0].node).body[0].node)).size();
  }
};

}  // namespace

TEST_CASE("reductions that are combined again in the same way are one") {
  CHECK(Sums{}.nest() == 2);
  CHECK(Sums{.twice = true}.nest() == 0);
  const std::string text = codegen::cuda::print(Sums{}.kernel());
  CHECK_THAT(text, contains("step1 = threadIdx.x; step1 < 50 * 3; step1 += blockDim.x"));
  CHECK_THAT(text, contains("const int j = (unsigned)step1 / 3;"));
  CHECK_THAT(text, contains("const int k = (unsigned)step1 % 3;"));
  CHECK(codegen::cuda::phases(Sums{}.kernel())[0].threads == 160);
}

TEST_CASE("who sums: a block along memory, columns of threads across it, a thread what is short") {
  CHECK(Sums{}.team() == Team::block);
  CHECK(Sums{.strides = {1, 120, 40}}.team() == Team::column);
  CHECK(Sums{.outputs = Extent::constant(7), .strides = {1, 21, 7}}.team() == Team::block);
  CHECK(Sums{.outer = Extent::constant(10), .strides = {30, 3, 1}}.team() == Team::thread);
  CHECK(Sums{.outer = Extent::constant(10), .strides = {1, 120, 40}}.team() == Team::thread);
  CHECK(Sums{.twice = true}.team() == Team::thread);
  CHECK(Sums{.in_place = true}.team() == Team::thread);
}
