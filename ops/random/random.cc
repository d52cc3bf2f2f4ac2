#include "ops/random/random.h"

#include "compiler/kernel/philox.h"
#include "ops/api/checks.h"

namespace bitale::ops {

using namespace ir;

std::vector<TensorType> random_type(const TypeArgs& args, int operands, int ids) {
  args.require_count(1 + operands);
  const auto& p = args.params_as<RandomParams>();
  const Shape& state = args.type(0).shape;
  args.require(args.type(0).dtype == DType::i64 && !state.empty(), "a state is int64 [2]");
  args.unify(state.back(), 2, "a state is int64 [2]");
  args.require(p.draw_id >= 0 && p.draw_id + ids <= (std::int64_t{1} << draw_id_bits), "draw ids are in [0, 2^24)");
  const Dim count = product(p.shape);
  args.require(!count.is_constant() || count.value() <= (std::int64_t{1} << draw_id_shift),
               "a draw has at most 2^40 elements");
  Shape out(state.begin(), state.end() - 1);
  out.insert(out.end(), p.shape.begin(), p.shape.end());
  for (int k = 1; k <= operands; ++k) {
    const Shape& shape = args.type(k).shape;
    args.require(shape.size() == out.size(), "parameters must have the shape of the result");
    for (std::size_t a = 0; a < out.size(); ++a)
      args.unify(shape[a], out[a], "parameters must have the shape of the result");
  }
  return {{p.dtype, out}};
}

Tensor parameter(const OpDef& op, const Tensor& state, const Shape& shape, const Operand& value, DType dtype,
                 SourceLine line) {
  require_operand(op.name.c_str(), state, line);
  Shape whole(state.shape().begin(), state.shape().end() - (state.rank() > 0 ? 1 : 0));
  whole.insert(whole.end(), shape.begin(), shape.end());
  const Operand operands[] = {value, zeros(dtype, whole)};
  const DType dtypes[] = {dtype, dtype};
  return broadcast_operands(op, operands, dtypes, line)[0];
}

Expr random_bits(Element& e, const Index& id) {
  const auto& p = e.node().params_as<RandomParams>();
  const std::size_t lead = e.index().size() - p.shape.size();
  const auto word = [&](int i) {
    std::vector<Index> at(e.index().begin(), e.index().begin() + static_cast<std::ptrdiff_t>(lead));
    at.emplace_back(i);
    return e.input(0, at);
  };
  Index position = 0;
  for (std::size_t a = 0; a < p.shape.size(); ++a) position = position * p.shape[a] + e.index()[lead + a];
  // The block's number uses all 64 bits: its constant part wraps.
  const auto first = static_cast<std::uint64_t>(p.draw_id + id.constant.value());
  const Index base = Dim(static_cast<std::int64_t>(first << draw_id_shift));
  const Index tries = (id - Index(id.constant)) * Dim(std::int64_t{1} << draw_id_shift);
  return call(ScalarOp::philox, {word(0), word(1), e.value(position + tries + base)});
}

std::uint64_t reference_bits(const Reference& r, std::size_t position, int id) {
  const auto state = r.inputs[0].view<std::int64_t>();
  const std::size_t draws = state.size() / 2, count = static_cast<std::size_t>(r.outputs[0].size()) / draws,
                    draw = position / count;
  const auto key = static_cast<std::uint64_t>(state[2 * draw]),
             counter = static_cast<std::uint64_t>(state[2 * draw + 1]);
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto draw_id = static_cast<std::uint64_t>(r.node.params_as<RandomParams>().draw_id + id);
  const std::uint64_t index = position % count + draw_id * 1099511627776u;
  const auto words =
      kernel::philox4x32({low(index), low(index >> 32), low(counter), low(counter >> 32)}, {low(key), low(key >> 32)});
  return words[0] + (std::uint64_t{words[1]} << 32);
}

void visit_bits(const Reference& r, const std::function<void(std::size_t, std::uint64_t)>& f) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(r.outputs[0].size()); ++i) f(i, reference_bits(r, i));
}

void store(Array& out, std::size_t position, double value) {
  if (out.dtype() == DType::f32)
    out.view<float>()[position] = static_cast<float>(value);
  else
    out.view<double>()[position] = value;
}

Expr bit_field(Element& e, Expr bits, int first, int count, DType dtype) {
  Expr v = first == 0 ? bits : call(ScalarOp::shr, {bits, e.integer(first)});
  if (first + count < 64) v = call(ScalarOp::bit_and, {v, e.integer((std::int64_t{1} << count) - 1)});
  return cast(v, dtype);
}

std::vector<TensorType> random_float_type(const TypeArgs& args) {
  args.require(is_floating(args.params_as<RandomParams>().dtype), "the result must be float");
  return random_type(args);
}

OpDef standard_draw(StandardDraw draw) {
  return {
      .name = std::move(draw.name),
      .doc = std::move(draw.doc),
      .type = random_float_type,
      .element = [body = std::move(draw.body)](Element& e) { return body(e, random_bits(e), e.node().type().dtype); },
      .vjp = zero_vjp,
      .jvp = zero_jvp,
      .batch = batch_elementwise,
      .reference =
          [f = draw.reference](const Reference& r) {
            visit_bits(r, [&](std::size_t i, std::uint64_t bits) { store(r.outputs[0], i, f(bits)); });
          },
      .samples = std::move(draw.samples),
      .dtypes = {DType::f32},
      .default_params = [] { return make_params(RandomParams{}); }};
}

SampleInput state_input(Extents shape) {
  return {.shape = std::move(shape), .low = -1e15, .high = 1e15, .dtype = DType::i64};
}

std::vector<Sample> random_samples(const RandomDraw& draw) {
  const auto build = [draw](std::int64_t id, Shape shape, DType dtype) {
    return [=](std::span<const Tensor> in) { return std::vector{draw(in[0], id, shape, dtype)}; };
  };
  return {
      {"matrix", {state_input({2})}, build(0, {3, 5}, DType::f32)},
      {"float64", {state_input({2})}, build(3, {17}, DType::f64)},
      {"last id", {state_input({2})}, build((1 << draw_id_bits) - 1, {4}, DType::f32)},
      {"scalar", {state_input({2})}, build(1, {}, DType::f32)},
      {"no elements", {state_input({2})}, build(1, {0, 3}, DType::f32)},
      {"two states", {state_input({2, 2})}, build(1, {3, 2}, DType::f64)},
  };
}

}  // namespace bitale::ops
