// One broken kernel per rule of kernel.h.
#include "compiler/kernel/builder.h"
#include "tests/support/catch.h"
#include "tests/support/kernel_samples.h"

using namespace bitale;
using namespace bitale::kernel;
using bitale::tests::contains;

namespace {

const Extent one = Extent::constant(1), ten = Extent::constant(10);

Index at(Scalar i) { return {{}, {{i.id, one}}}; }

// A kernel of one loop, y[i] = x[i] + x[i], to be broken by `change`.
struct Small {
  Builder b{"small"};
  int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
  Scalar loaded, sum;

  explicit Small(LoopKind kind = LoopKind::parallel) {
    b.loop(kind, ten, [&](Scalar i) {
      loaded = b.load(x, at(i));
      sum = loaded + loaded;
      b.store(y, at(i), sum);
    });
  }
  Kernel& kernel() { return b.kernel(); }
  Value& value(Scalar s) { return kernel().values[static_cast<std::size_t>(s.id)]; }
  Loop& loop() { return std::get<Loop>(kernel().body[0].node); }
};

void rejects(const Kernel& k, const std::string& reason) { CHECK_THROWS_WITH(verify(k), contains(reason)); }

}  // namespace

TEST_CASE("right kernels pass, and a message carries the kernel's text") {
  for (const Kernel& k : {tests::softmax(), tests::bias_gelu(), tests::padded_max(), tests::every_combiner(),
                          tests::scatter_add(), tests::sum_all(), tests::reverse_rows(), tests::two_phases(),
                          tests::sums_of_four(), tests::integers(DType::u8), tests::floats(DType::f64)})
    CHECK_NOTHROW(verify(k));
  Small s;
  s.value(s.sum).type = DType::f64;
  rejects(s.kernel(), "float64 = add");
}

TEST_CASE("declarations") {
  Small s;
  SECTION("the name") {
    s.kernel().name = "not a name";
    rejects(s.kernel(), "not a C identifier");
  }
  SECTION("arguments first") {
    s.kernel().buffers.insert(s.kernel().buffers.begin(), {"t", DType::f32, DType::f32, true, true, 8});
    rejects(s.kernel(), "comes after scratch");
  }
  SECTION("storage") {
    s.kernel().buffers[0].storage = DType::f64;
    rejects(s.kernel(), "cannot store");
  }
  SECTION("extents exist") {
    s.loop().extent = Extent::argument(3);
    rejects(s.kernel(), "extent e3 does not exist");
  }
  SECTION("buffers exist") {
    s.kernel().accesses[0].buffer = 5;
    rejects(s.kernel(), "buffer 5 does not exist");
  }
  SECTION("accesses exist") {
    s.value(s.loaded).index = 9;
    rejects(s.kernel(), "access 9 does not exist");
  }
  SECTION("only what is declared read is read") {
    s.kernel().buffers[0].read = false;
    rejects(s.kernel(), "not declared read");
  }
  SECTION("only what is declared written is written") {
    s.kernel().buffers[1].written = false;
    rejects(s.kernel(), "not declared written");
  }
}

TEST_CASE("operands and types") {
  Small s;
  SECTION("operands come first") {
    s.value(s.sum).args[1] = s.sum.id;
    rejects(s.kernel(), "does not come before it");
  }
  SECTION("the number of operands") {
    s.value(s.sum).args[1] = no_value;
    rejects(s.kernel(), "wrong number of operands");
  }
  SECTION("the result type") {
    s.value(s.sum).type = DType::i32;
    rejects(s.kernel(), "gives its operand's type");
  }
  SECTION("a comparison gives bool") {
    s.value(s.sum).op = ScalarOp::lt;
    rejects(s.kernel(), "gives bool");
  }
  SECTION("operand types are equal") {
    s.value(s.sum).args[1] = s.loop().var;
    rejects(s.kernel(), "operands of different types");
  }
  SECTION("operand types suit the instruction") {
    s.value(s.sum).op = ScalarOp::bit_and;
    rejects(s.kernel(), "does not take float32");
  }
  SECTION("a load has its buffer's type") {
    s.value(s.loaded).type = DType::f64;
    rejects(s.kernel(), "loads float32 as float64");
  }
  SECTION("a guarded load has a fill value") {
    s.kernel().accesses[0].guard.push_back({{}, ten});
    rejects(s.kernel(), "if and only if it is guarded");
  }
}

TEST_CASE("more types") {
  Builder b("types");
  const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
  const Scalar v = b.load(x, {});
  SECTION("bitcast keeps the size") {
    call(ScalarOp::bitcast, DType::i64, {v});
    rejects(b.kernel(), "bitcast between float32 and int64");
  }
  SECTION("select needs a bool") {
    call(ScalarOp::select, {v, v, v});
    rejects(b.kernel(), "needs a bool first");
  }
  SECTION("a fill value has the buffer's type") {
    b.load(x, {}, {{{}, ten}}, b.constant(0, DType::f64));
    rejects(b.kernel(), "fill value of another type");
  }
  SECTION("a stored value has the buffer's type") {
    b.store(y, {}, b.constant(0, DType::f64));
    rejects(b.kernel(), "the store to y is of float64");
  }
  SECTION("indices are int64") {
    b.store(y, {{}, {{v.id, one}}}, v);
    rejects(b.kernel(), "not int64");
  }
  SECTION("bool does not accumulate") {
    Builder c("flags");
    const int flags = c.buffer("flags", DType::bool_, true);
    c.store(flags, {}, c.integer(1, DType::bool_), {}, true);
    rejects(c.kernel(), "accumulates bool");
  }
}

TEST_CASE("scopes") {
  SECTION("a value of a loop's body is not known after it") {
    Small s;
    s.b.loop(LoopKind::parallel, ten, [&](Scalar i) { s.b.store(s.y, at(i), s.sum); });
    rejects(s.kernel(), "out of its scope");
  }
  SECTION("nor is its variable") {
    Small s;
    const Scalar var{&s.b, s.loop().var};
    s.b.loop(LoopKind::parallel, ten,
             [&](Scalar i) { s.b.store(s.y, {{}, {{i.id, one}, {var.id, one}}}, s.b.constant(0, DType::f32)); });
    rejects(s.kernel(), "out of its scope");
  }
  SECTION("a value is computed before it is used") {
    Small s;
    std::swap(s.loop().body[1], s.loop().body[2]);
    rejects(s.kernel(), "out of its scope");
  }
  SECTION("and once") {
    Small s;
    s.loop().body.insert(s.loop().body.begin() + 1, s.loop().body[1]);
    rejects(s.kernel(), "is computed twice");
  }
  SECTION("constants need no Let") {
    Small s;
    s.loop().body.insert(s.loop().body.begin(), {Let{s.b.constant(1, DType::f32).id}});
    rejects(s.kernel(), "which is a constant");
  }
  SECTION("loops have their own variables") {
    Small s;
    s.kernel().body.push_back(s.kernel().body[0]);
    rejects(s.kernel(), "two loops share");
  }
}

TEST_CASE("loops") {
  Small s(LoopKind::vector);
  const auto nest = [&](LoopKind outer) {
    Builder b("nest");
    const int y = b.buffer("y", DType::f32, true);
    b.loop(outer, ten, [&](Scalar i) {
      b.loop(s.loop().kind, ten,
             [&](Scalar j) { b.store(y, {{}, {{i.id, ten}, {j.id, one}}}, b.constant(0, DType::f32)); });
    });
    return b.finish();
  };
  SECTION("parallel is outermost") {
    s.loop().kind = LoopKind::parallel;
    rejects(nest(LoopKind::sequential), "a parallel loop inside a loop");
  }
  SECTION("vector is not nested") { rejects(nest(LoopKind::vector), "a vector loop inside a vector loop"); }
  SECTION("iterations of a parallel or vector loop store to their own elements") {
    s.kernel().accesses[1].index = {};
    rejects(s.kernel(), "does not depend on the variable");
    s.loop().extent = one;
    CHECK_NOTHROW(verify(s.kernel()));
  }
  SECTION("scratch is private to a parallel iteration") {
    Builder b("private");
    const int t = b.scratch("t", DType::f32, 1);
    b.loop(LoopKind::parallel, ten, [&](Scalar) { b.store(t, {}, b.constant(0, DType::f32)); });
    CHECK_NOTHROW(verify(b.kernel()));
  }
}

TEST_CASE("the verifier on reductions") {
  Builder b("total");
  const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, true);
  Combiner combiner = Combiner::sum;
  const auto total = [&](bool pair) {
    const auto results = b.reduce(LoopKind::vector, ten, [&](Scalar i) {
      std::vector<Scalar> values{b.load(x, at(i))};
      if (pair) values.push_back(values[0]);
      return std::vector<Builder::Yield>{{combiner, values}};
    });
    b.store(y, {}, results[0]);
    return &std::get<Loop>(b.kernel().body[0].node).reductions[0];
  };
  SECTION("logical combiners take bool") {
    combiner = Combiner::any;
    total(false);
    rejects(b.kernel(), "the reduction any of float32");
  }
  SECTION("pairs for arg_max") {
    combiner = Combiner::arg_max;
    total(false);
    rejects(b.kernel(), "wrong number of values");
  }
  SECTION("with an int64 index") {
    combiner = Combiner::arg_max;
    total(true);
    rejects(b.kernel(), "index that is not int64");
  }
  SECTION("a result has the type of what is yielded") {
    const Reduction* r = total(false);
    b.kernel().values[static_cast<std::size_t>(r->results[0])].type = DType::f64;
    rejects(b.kernel(), "another type than it yields");
  }
  SECTION("results are result values") {
    Reduction* r = total(false);
    r->results[0] = b.constant(0, DType::f32).id;
    rejects(b.kernel(), "which is a constant");
  }
  SECTION("results are known after the loop only") {
    const Reduction* r = total(false);
    Loop& loop = std::get<Loop>(b.kernel().body[0].node);
    loop.body.push_back({Store{1, r->results[0], false}});
    rejects(b.kernel(), "out of its scope");
  }
}

TEST_CASE("what stands beside a parallel loop") {
  Small s;
  SECTION("no store") {
    s.b.store(s.y, {}, s.b.constant(0, DType::f32));
    rejects(s.kernel(), "a store beside a parallel loop");
  }
  SECTION("no reduction") {
    s.b.reduce(LoopKind::vector, ten,
               [&](Scalar i) { return std::vector<Builder::Yield>{{Combiner::sum, {s.b.load(s.x, at(i))}}}; });
    rejects(s.kernel(), "a reduction beside a parallel loop");
  }
  SECTION("no load from what is written") {
    s.b.load(s.y, {});
    rejects(s.kernel(), "is loaded beside a parallel loop");
  }
}

TEST_CASE("of 16-bit floats are only casts from and to float32, selects, loads, stores and constants") {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Builder b("stored");
    const int x = b.buffer("x", dtype, false), y = b.buffer("y", dtype, true);
    Scalar loaded, wide, narrowed;
    b.loop(LoopKind::vector, ten, [&](Scalar i) {
      loaded = b.load(x, at(i));
      wide = call(ScalarOp::cast, DType::f32, {loaded});
      narrowed = call(ScalarOp::cast, dtype, {wide + wide});
      const Scalar less = call(ScalarOp::lt, {wide, b.constant(1, DType::f32)});
      b.store(y, at(i), call(ScalarOp::select, {less, narrowed, b.constant(0, dtype)}));
    });
    CHECK_NOTHROW(verify(b.kernel()));
    const auto value = [&](Scalar s) -> Value& { return b.kernel().values[static_cast<std::size_t>(s.id)]; };
    SECTION("arithmetic on " + std::string(name_of(dtype))) {
      value(narrowed) = {.op = ScalarOp::neg, .type = dtype, .args = {loaded.id, no_value, no_value}};
      rejects(b.kernel(), "neg does not take " + std::string(name_of(dtype)));
    }
    SECTION("a cast from " + std::string(name_of(dtype))) {
      value(wide).type = DType::f64;
      rejects(b.kernel(), "cast between " + std::string(name_of(dtype)) + " and float64");
    }
    SECTION("a cast to " + std::string(name_of(dtype))) {
      value(narrowed).args[0] = b.kernel().values.empty() ? no_value : 0;
      rejects(b.kernel(), "cast between " + std::string(name_of(dtype)) + " and int64");
    }
  }
}
