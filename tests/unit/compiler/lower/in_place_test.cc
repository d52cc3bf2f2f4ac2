// Which updates the compiler writes over the old value.
#include "compiler/lower/in_place.h"

#include "compiler/kernel/builder.h"
#include "compiler/lower/lower.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"

using namespace bitale;
using ir::Dim;
using ir::Tensor;

namespace {

Tensor shared(const std::string& name, std::int64_t key, ir::Shape shape = {4, 3}) {
  return ir::shared(name, key, {DType::f32, std::move(shape)});
}

// Of the updates of these Shareds, which are in place.
std::vector<bool> in_place(const std::vector<Tensor>& shareds, const std::vector<Tensor>& values,
                           const std::vector<Tensor>& outputs = {}, const std::vector<Tensor>& inputs = {}) {
  lower::FunctionGraph g;
  g.name = "step";
  g.inputs = inputs;
  g.shareds = shareds;
  g.outputs = outputs;
  for (std::size_t i = 0; i < values.size(); ++i) g.updates.emplace_back(static_cast<int>(i), values[i]);
  const lower::Lowered l = lower::lower(g);
  std::vector<bool> out(values.size());
  for (const program::Buffer& b : l.program.buffers)
    if (b.role == program::Role::update) out[static_cast<std::size_t>(b.index)] = b.in_place;
  return out;
}

using Bools = std::vector<bool>;

// Of each output, the inputs that it may be written over.
std::vector<std::vector<int>> over(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
  lower::FunctionGraph g;
  g.name = "call";
  g.inputs = inputs;
  g.outputs = outputs;
  const lower::Lowered l = lower::lower(g);
  std::vector<std::vector<int>> out(outputs.size());
  for (const program::Buffer& b : l.program.buffers)
    if (b.role == program::Role::output) out[static_cast<std::size_t>(b.index)] = b.over;
  return out;
}

using Lists = std::vector<std::vector<int>>;

}  // namespace

TEST_CASE("elementwise updates are in place, by kernels and by epilogues") {
  const Tensor w = shared("w", 1), g = ir::input("g", {DType::f32, {4, 3}});
  const Tensor x = ir::input("x", {DType::f32, {Dim::symbol("n"), 4}}),
               dy = ir::input("dy", {DType::f32, {x.dim(0), 3}});
  CHECK(in_place({w}, {w - g}, {}, {g}) == Bools{true});
  const Tensor update = w - ir::dot(ir::transpose(x, {1, 0}), dy);
  CHECK(in_place({w}, {update}, {}, {x, dy}) == Bools{true});
  const Tensor v = shared("v", 2), velocity = v * 0.9 - g;
  CHECK(in_place({w, v}, {w + velocity, velocity}, {}, {g}) == Bools{true, true});
}

TEST_CASE("an update that reads other elements of the old value is not in place") {
  const Tensor w = shared("w", 1, {4, 4});
  CHECK(in_place({w}, {ir::transpose(w, {1, 0}) + 1.0}) == Bools{false});
  CHECK(in_place({w}, {ops::softmax(w)}) == Bools{false});
  CHECK(in_place({w}, {w - ops::sum(w, {0}, true)}) == Bools{true});  // a step before has read them
  CHECK(in_place({w}, {ir::dot(w, w) + w}) == Bools{false});
}

TEST_CASE("of a swap one side is in place at most, and an old value that is returned stays") {
  const Tensor a = shared("a", 1), b = shared("b", 2);
  CHECK(in_place({a, b}, {b, a}) == Bools{false, true});
  CHECK(in_place({a}, {a + 1.0}, {a}) == Bools{false});
}

TEST_CASE("an update is not in place where the kernel that stores it reads the old value afterwards") {
  // One kernel: a's new value is stored before b's is computed from a's old one.
  const Tensor a = shared("a", 1, {4}), b = shared("b", 2, {4});
  CHECK(in_place({a, b}, {ir::flip(b, {0}), b * 0.5 + a * 0.25}) == Bools{false, false});
  CHECK(in_place({a, b}, {b * 2.0, b * 0.5 + a * 0.25}) == Bools{false, true});
}

TEST_CASE("an update is not in place before a step that checks data") {
  const Tensor w = shared("w", 1), at = ir::input("at", {DType::i64, {2}});
  const Tensor table = shared("table", 2, {5});
  CHECK(in_place({table, w}, {table * 2.0, w + 1.0}, {ops::gather(table, at)}, {at}) == Bools{true, true});
  const Tensor scattered = ops::scatter_add(table, at, ir::zeros(DType::f32, {2}));
  // The scatter writes the new table itself, not a copy that would be in place behind it.
  CHECK(in_place({w, table}, {w * 2.0, scattered}, {}, {at}) == Bools{false, false});
}

TEST_CASE("a result behind a reshape is computed where it has to be, and what a call may write over lies there, too") {
  const Tensor x = ir::input("x", {DType::f32, {4, 4}}), at = ir::input("at", {DType::i64, {2}});
  const Tensor rows = ir::input("rows", {DType::f32, {2, 4}});
  const auto count = [&](const Tensor& out, bool copies) {
    lower::FunctionGraph g;
    g.inputs = {x, at, rows};
    g.outputs = {out};
    const program::Program p = lower::lower(g).program;
    std::int64_t found = 0;
    for (const program::Step& s : p.steps) found += std::holds_alternative<program::CopyStep>(s.node) ? 1 : 0;
    std::int64_t memories = 0;
    for (const program::Buffer& b : p.buffers)
      memories += b.role == program::Role::temporary && b.alias_of < 0 && b.storage == DType::f32 ? 1 : 0;
    return copies ? found : memories;
  };
  const Tensor squares = x * x, scattered = ops::scatter_add(squares, at, rows);
  CHECK(count(ir::reshape(ops::exp(ir::dot(x, x)), {16}), true) == 0);
  CHECK(count(scattered, true) == 0);
  CHECK(count(scattered, false) == 0);                             // the squares lie in the output
  CHECK(count(scattered + ir::sum(squares, {0, 1}), false) == 3);  // the squares are read again
  CHECK(count(ir::reshape(x, {16}), true) == 1);
}

TEST_CASE("an output may be over inputs that it reads element by element, and over those that earlier steps read") {
  const Tensor x = ir::input("x", {DType::f32, {4, 4}}), y = ir::input("y", {DType::f32, {4, 4}});
  CHECK(over({x, y}, {x + y}) == Lists{{0, 1}});
  CHECK(over({x, y}, {ir::transpose(x, {1, 0}) + y}) == Lists{{1}});
  CHECK(over({x, y}, {ops::softmax(x) * y}) == Lists{{1}});
  CHECK(over({x, y}, {ir::dot(x, y)}) == Lists{{}});
  CHECK(over({x, y}, {ir::dot(x, x) + y}) == Lists{{1}});
  CHECK(over({x, y}, {ops::softmax(ir::dot(x, y))}) == Lists{{0, 1}});
  CHECK(over({x, y}, {x, x + y}) == Lists{{0, 1}, {1}});  // the first is copied last
  const Tensor z = ir::input("z", {DType::f32, {4, 5}});
  CHECK(over({x, z}, {ir::dot(ops::tanh(x), z)}) == Lists{{}});  // x is of another size
}

TEST_CASE("an output of another width is not over an input that the same step reads") {
  const Tensor x = ir::input("x", {DType::f32, {4}}), at = ir::input("at", {DType::i32, {4}});
  CHECK(over({x}, {ir::cast(x, DType::i32)}) == Lists{{0}});
  CHECK(over({x}, {ir::cast(x, DType::f64)}) == Lists{{}});
  CHECK(over({x, at}, {ops::gather(x, at)}) == Lists{{1}});  // indices have been checked in a step before
}

TEST_CASE("a kernel that reads an element again after the store does not read what it stores") {
  const auto kernel = [](bool again) {
    kernel::Builder b("k");
    const int from = b.buffer("from", DType::f32, false), to = b.buffer("to", DType::f32, true);
    const int other = b.buffer("other", DType::f32, true);
    b.loop(kernel::LoopKind::vector, b.extent_argument(), [&](kernel::Scalar i) {
      const kernel::Index here{kernel::Extent::constant(0), {{i.id, kernel::Extent::constant(1)}}};
      const kernel::Scalar v = b.load(from, here);
      b.store(to, here, v);
      b.store(other, here, again ? b.load(from, here) : v);
    });
    return b.finish();
  };
  CHECK(lower::reads_what_it_stores(kernel(false), 0, 1));
  CHECK_FALSE(lower::reads_what_it_stores(kernel(true), 0, 1));
  CHECK(lower::reads_what_it_stores(kernel(true), 0, 2));
}

TEST_CASE("a kernel reads what it stores") {
  const auto kernel = [](bool shifted, bool again = false) {
    kernel::Builder b("k");
    const int from = b.buffer("from", DType::f32, false), to = b.buffer("to", DType::f32, true),
              other = b.buffer("other", DType::f32, true);
    const kernel::Extent n = b.extent_argument();
    b.loop(kernel::LoopKind::vector, n, [&](kernel::Scalar i) {
      const kernel::Index here{kernel::Extent::constant(0), {{i.id, kernel::Extent::constant(1)}}};
      const kernel::Index next{kernel::Extent::constant(1), {{i.id, kernel::Extent::constant(1)}}};
      b.store(to, here, b.load(from, shifted ? next : here));
      if (again) b.store(other, here, b.load(from, here));
    });
    return b.finish();
  };
  CHECK(lower::reads_what_it_stores(kernel(false), 0, 1));
  CHECK_FALSE(lower::reads_what_it_stores(kernel(true), 0, 1));
  CHECK_FALSE(lower::reads_what_it_stores(kernel(false, true), 0, 1));
}
