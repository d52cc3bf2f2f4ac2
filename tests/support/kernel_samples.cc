#include "tests/support/kernel_samples.h"

#include <limits>

namespace bitale::tests {

using namespace kernel;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Index at(Scalar i) { return {{}, {{i.id, Extent::constant(1)}}}; }
Index at(Scalar i, Extent stride, Scalar j) { return {{}, {{i.id, stride}, {j.id, Extent::constant(1)}}}; }

}  // namespace

Kernel softmax(DType type) {
  Builder b("softmax");
  b.kernel().comments = {"softmax at model.cc:12"};
  const int x = b.buffer("x", type, false);
  const int y = b.buffer("y", type, true);
  const Extent rows = b.extent_argument();
  const Extent columns = b.extent_argument();
  b.loop(LoopKind::parallel, rows, [&](Scalar r) {
    const Scalar highest = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      return std::vector<Builder::Yield>{{Combiner::max, {b.load(x, at(r, columns, c))}}};
    })[0];
    const Scalar total = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      return std::vector<Builder::Yield>{
          {Combiner::sum, {call(ScalarOp::exp, {b.load(x, at(r, columns, c)) - highest})}}};
    })[0];
    b.loop(LoopKind::vector, columns, [&](Scalar c) {
      b.store(y, at(r, columns, c), call(ScalarOp::exp, {b.load(x, at(r, columns, c)) - highest}) / total);
    });
  });
  return b.finish();
}

Kernel bias_gelu() {
  Builder b("bias_gelu");
  b.kernel().comments = {"add at model.cc:20", "gelu at model.cc:21", "mul at model.cc:22"};
  const int x = b.buffer("x", DType::f32, false);
  const int bias = b.buffer("bias", DType::f32, false);
  const int scale = b.buffer("scale", DType::f32, false);
  const int y = b.buffer("y", DType::f32, true);
  const Extent rows = b.extent_argument();
  const Extent columns = b.extent_argument();
  const Scalar by = b.load(scale, {});
  b.loop(LoopKind::parallel, rows, [&](Scalar r) {
    b.loop(LoopKind::vector, columns, [&](Scalar c) {
      const Scalar offset = b.load(bias, at(c));
      const Scalar v = b.load(x, at(r, columns, c)) + offset;
      const Scalar e = call(ScalarOp::erf, {v * b.constant(0.70710678118654752, DType::f32)});
      const Scalar gelu = v * b.constant(0.5, DType::f32) * (e + b.constant(1, DType::f32));
      b.store(y, at(r, columns, c), gelu * by);
    });
  });
  return b.finish();
}

Kernel padded_max() {
  Builder b("padded_max");
  const int x = b.buffer("x", DType::f32, false);
  const int y = b.buffer("y", DType::f32, true);
  const Extent results = b.extent_argument();
  const Extent n = b.extent_argument();
  b.loop(LoopKind::vector, results, [&](Scalar i) {
    const Scalar highest = b.reduce(LoopKind::sequential, Extent::constant(3), [&](Scalar k) {
      const Index from{Extent::constant(-1), {{i.id, Extent::constant(2)}, {k.id, Extent::constant(1)}}};
      return std::vector<Builder::Yield>{
          {Combiner::max, {b.load(x, from, {{from, n}}, b.constant(-infinity, DType::f32))}}};
    })[0];
    b.store(y, at(i), highest);
  });
  return b.finish();
}

Kernel every_combiner() {
  Builder b("every_combiner");
  const int x = b.buffer("x", DType::f32, false);
  std::vector<int> values;
  for (const char* name : {"sum", "prod", "max", "min", "arg_max_value", "arg_min_value"})
    values.push_back(b.buffer(name, DType::f32, true));
  const int any = b.buffer("any", DType::bool_, true);
  const int all = b.buffer("all", DType::bool_, true);
  const int arg_max = b.buffer("arg_max", DType::i64, true);
  const int arg_min = b.buffer("arg_min", DType::i64, true);
  const Extent rows = b.extent_argument();
  const Extent columns = b.extent_argument();
  b.loop(LoopKind::parallel, rows, [&](Scalar r) {
    const std::vector<Scalar> results = b.reduce(LoopKind::vector, columns, [&](Scalar c) {
      const Scalar v = b.load(x, at(r, columns, c));
      const Scalar positive = call(ScalarOp::lt, {b.constant(0, DType::f32), v});
      return std::vector<Builder::Yield>{{Combiner::sum, {v}},        {Combiner::prod, {v}},
                                         {Combiner::max, {v}},        {Combiner::min, {v}},
                                         {Combiner::any, {positive}}, {Combiner::all, {positive}},
                                         {Combiner::arg_max, {v, c}}, {Combiner::arg_min, {v, c}}};
    });
    for (std::size_t i = 0; i < 4; ++i) b.store(values[i], at(r), results[i]);
    b.store(any, at(r), results[4]);
    b.store(all, at(r), results[5]);
    b.store(values[4], at(r), results[6]);
    b.store(arg_max, at(r), results[7]);
    b.store(values[5], at(r), results[8]);
    b.store(arg_min, at(r), results[9]);
  });
  return b.finish();
}

Kernel scatter_add() {
  Builder b("scatter_add");
  const int rows = b.buffer("rows", DType::i64, false);
  const int x = b.buffer("x", DType::f32, false);
  const int table = b.buffer("table", DType::f32, true);
  const Extent n = b.extent_argument();
  const Extent columns = b.extent_argument();
  b.loop(LoopKind::sequential, n, [&](Scalar i) {
    const Scalar row = b.load(rows, at(i));
    b.loop(LoopKind::vector, columns,
           [&](Scalar c) { b.store(table, at(row, columns, c), b.load(x, at(i, columns, c)), {}, true); });
  });
  return b.finish();
}

Kernel sum_all() {
  Builder b("sum_all");
  const int x = b.buffer("x", DType::f64, false);
  const int y = b.buffer("y", DType::f64, true);
  const Extent n = b.extent_argument();
  const Scalar total = b.reduce(LoopKind::vector, n, [&](Scalar i) {
    return std::vector<Builder::Yield>{{Combiner::sum, {b.load(x, at(i))}}};
  })[0];
  b.store(y, {}, total);
  return b.finish();
}

Kernel reverse_rows() {
  Builder b("reverse_rows");
  const Extent columns = Extent::constant(48);
  const int x = b.buffer("x", DType::i32, false);
  const int y = b.buffer("y", DType::i32, true);
  const int row = b.scratch("row", DType::i32, columns.value);
  b.loop(LoopKind::parallel, b.extent_argument(), [&](Scalar r) {
    b.loop(LoopKind::vector, columns, [&](Scalar c) { b.store(row, at(c), b.load(x, at(r, columns, c))); });
    b.loop(LoopKind::vector, columns, [&](Scalar c) {
      const Index back{Extent::constant(47), {{c.id, Extent::constant(-1)}}};
      b.store(y, at(r, columns, c), b.load(row, back));
    });
  });
  return b.finish();
}

Kernel two_phases() {
  Builder b("two_phases");
  const int x = b.buffer("x", DType::f32, false);
  const int t = b.buffer("t", DType::f32, true);
  const int y = b.buffer("y", DType::f32, true);
  const Extent n = b.extent_argument();
  const Scalar last = b.extent(n) - b.integer(1);
  b.loop(LoopKind::parallel, n, [&](Scalar i) {
    const Scalar v = b.load(x, at(i));
    b.store(t, at(i), v * v);
  });
  b.loop(LoopKind::parallel, n, [&](Scalar i) { b.store(y, at(i), b.load(t, at(last - i))); });
  return b.finish();
}

Kernel sums_of_four() {
  Builder b("sums_of_four");
  const Extent four = Extent::constant(4);
  const int x = b.buffer("x", DType::f32, false);
  const int y = b.buffer("y", DType::f32, true);
  b.loop(LoopKind::parallel, b.extent_argument(), [&](Scalar i) {
    const Scalar total = b.reduce(LoopKind::vector, four, [&](Scalar j) {
      return std::vector<Builder::Yield>{{Combiner::sum, {b.load(x, at(i, four, j))}}};
    })[0];
    b.store(y, at(i), total);
  });
  return b.finish();
}

namespace {

// One buffer of results per instruction of one type, as name and operands.
Kernel instructions(std::string name, DType type, const std::vector<ScalarOp>& unary,
                    const std::vector<ScalarOp>& binary, const std::vector<DType>& casts) {
  Builder b(std::move(name));
  const int x = b.buffer("a", type, false), y = b.buffer("b", type, false);
  std::vector<int> outputs;
  outputs.reserve(unary.size() + binary.size() + casts.size());
  for (const ScalarOp op : unary) outputs.push_back(b.buffer(std::string(name_of(op)), type, true));
  for (const ScalarOp op : binary)
    outputs.push_back(b.buffer(std::string(name_of(op)), rule_of(op) == TypeRule::boolean ? DType::bool_ : type, true));
  for (const DType to : casts) outputs.push_back(b.buffer("to_" + std::string(name_of(to)), to, true));
  b.loop(LoopKind::parallel, b.extent_argument(), [&](Scalar i) {
    const Scalar u = b.load(x, at(i)), v = b.load(y, at(i));
    std::size_t next = 0;
    for (const ScalarOp op : unary) b.store(outputs[next++], at(i), call(op, {u}));
    for (const ScalarOp op : binary) b.store(outputs[next++], at(i), call(op, {u, v}));
    for (const DType to : casts) b.store(outputs[next++], at(i), call(ScalarOp::cast, to, {u}));
  });
  return b.finish();
}

}  // namespace

Kernel integers(DType type) {
  using enum ScalarOp;
  return instructions(
      "integers", type, {neg, abs, bit_not},
      {add, sub, mul, strong_mul, floordiv, mod, min, max, lt, le, eq, ne, bit_and, bit_or, bit_xor, shl, shr},
      {DType::bool_, DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::f32, DType::f64});
}

Kernel floats(DType type) {
  using enum ScalarOp;
  return instructions(
      "floats", type,
      {neg, abs, floor, ceil, trunc, round, sigmoid, softplus, exp2, log2, log10, erfc, lgamma, digamma, tan, atan},
      {add, sub, mul, div, strong_mul, min, max, atan2, lt, le, eq, ne},
      {DType::bool_, DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::f64});
}

Kernel sums_in_16_bits() {
  Builder b("sums_in_16_bits");
  const int x = b.buffer("a", DType::f16, false), y = b.buffer("b", DType::bf16, false),
            half = b.buffer("half", DType::f16, true), brain = b.buffer("brain", DType::bf16, true);
  b.loop(LoopKind::parallel, b.extent_argument(), [&](Scalar i) {
    const auto wide = [&](int buffer) { return call(ScalarOp::cast, DType::f32, {b.load(buffer, at(i))}); };
    const Scalar sum = wide(x) + wide(y);
    b.store(half, at(i), call(ScalarOp::cast, DType::f16, {sum}));
    b.store(brain, at(i), call(ScalarOp::cast, DType::bf16, {sum}));
  });
  return b.finish();
}

}  // namespace bitale::tests
