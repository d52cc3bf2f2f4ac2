// Which loops of a kernel are spread over threads together.
#include "compiler/codegen/cuda/nest.h"
#include "compiler/codegen/cuda/print.h"
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
  CHECK_THAT(text, contains("for (long long at = begin; at < e0 * 105; at += step)"));
  CHECK_THAT(text, contains("const int rest = (int)(at % 105);"));
  CHECK_THAT(text, contains("const long long i = at / 105;"));
  CHECK_THAT(text, contains("const long long k = rest / 7 % 5;"));
  CHECK_THAT(text, contains("y[at] = "));
}
