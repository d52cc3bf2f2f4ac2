#include "compiler/kernel/kernel.h"

#include "tests/support/catch.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;
using namespace bitale::kernel;

TEST_CASE("a kernel prints as text") {
  Kernel k = tests::softmax();
  verify(k);
  CHECK(k.arguments() == 2);
  CHECK(to_string(k) == R"(kernel softmax extents 2
  # softmax at model.cc:12
  buffer x float32 read
  buffer y float32 written
  parallel i0 < e0
    vector i1 < e1
      v2: float32 = x[i0*e1 + i1]
      yield max v2 -> v3
    vector i2 < e1
      v5: float32 = x[i0*e1 + i2]
      v6: float32 = sub v5, v3
      v7: float32 = exp v6
      yield sum v7 -> v8
    vector i3 < e1
      v10: float32 = x[i0*e1 + i3]
      v11: float32 = sub v10, v3
      v12: float32 = exp v11
      v13: float32 = div v12, v8
      y[i0*e1 + i3] = v13
)");
}

TEST_CASE("guards, gathers and constants print as text") {
  Builder b("pick");
  const int x = b.buffer("x", DType::f32, false);
  const int rows = b.buffer("rows", DType::i64, false);
  const int y = b.buffer("y", DType::bool_, true);
  b.loop(LoopKind::sequential, Extent::constant(4), [&](Scalar i) {
    const Scalar row = b.load(rows, {{}, {{i.id, Extent::constant(1)}}});
    const Index at{Extent::constant(-3), {{row.id, Extent::constant(8)}}};
    const Scalar v = b.load(x, at, {{at, Extent::constant(64)}}, b.constant(0.5, DType::f32));
    b.store(y, {{}, {{i.id, Extent::constant(1)}}}, call(ScalarOp::lt, {v, b.constant(-0.0, DType::f32)}));
  });
  verify(b.kernel());
  CHECK(to_string(b.kernel()) == R"(kernel pick extents 0
  buffer x float32 read
  buffer rows int64 read
  buffer y bool as uint8 written
  loop i0 < 4
    v1: int64 = rows[i0]
    v3: float32 = x[v1*8 + -3] if 0 <= v1*8 + -3 < 64 else 0.5
    v5: bool = lt v3, -0
    y[i0] = v5
)");
}

TEST_CASE("the structure leaves names out and nothing else") {
  const auto shifted = [](std::string name, double by) {
    Builder b(std::move(name));
    const int x = b.buffer("in_" + b.kernel().name, DType::f32, false);
    const int y = b.buffer("out", DType::f32, true);
    b.constant(7, DType::f64);  // unused: values are numbered as they appear
    b.loop(LoopKind::parallel, Extent::constant(16), [&](Scalar i) {
      const Index at{{}, {{i.id, Extent::constant(1)}}};
      b.store(y, at, b.load(x, at) + b.constant(by, DType::f32));
    });
    return b.finish();
  };
  CHECK(structure_of(shifted("a", 1)) == structure_of(shifted("b", 1)));
  CHECK(structure_of(shifted("a", 1)) != structure_of(shifted("a", 2)));
  CHECK(structure_of(shifted("a", 0.0)) != structure_of(shifted("a", -0.0)));
}

TEST_CASE("broken kernels still print") {
  Kernel k;
  k.name = "broken";
  k.body.push_back({Let{7}});
  k.body.push_back({Store{3, 9, false}});
  CHECK_NOTHROW(to_string(k));
}
