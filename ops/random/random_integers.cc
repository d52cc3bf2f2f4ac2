#include "ops/api/checks.h"
#include "ops/random/random.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require(args.params_as<RandomParams>().dtype == DType::i64, "the result is int64");
  auto type = random_type(args, 2);
  for (int k : {1, 2}) args.require(args.type(k).dtype == DType::i64, "bounds are int64");
  return type;
}

// The upper 64 of the 128 bits of a product of two unsigned numbers, from products of their halves.
Expr high_product(Element& e, Expr a, Expr b) {
  const auto low = [&](Expr v) { return call(ScalarOp::bit_and, {v, e.integer(0xffffffff)}); };
  const auto high = [&](Expr v) { return call(ScalarOp::shr, {v, e.integer(32)}); };
  const Expr middle = high(a) * low(b) + high(low(a) * low(b));
  const Expr other = low(a) * high(b) + low(middle);
  return high(a) * high(b) + high(middle) + high(other);
}

Expr element(Element& e) {
  const Expr low = e.input(1), high = e.input(2), offset = high_product(e, random_bits(e), high - low);
  return low + select(call(ScalarOp::lt, {low, high}), offset, e.integer(0));
}

void reference(const Reference& r) {
  __extension__ using Wide = unsigned __int128;
  const auto low = r.inputs[1].view<std::int64_t>(), high = r.inputs[2].view<std::int64_t>();
  visit_bits(r, [&](std::size_t i, std::uint64_t bits) {
    const auto range = static_cast<std::uint64_t>(high[i]) - static_cast<std::uint64_t>(low[i]);
    const auto offset = low[i] < high[i] ? static_cast<std::uint64_t>(Wide{bits} * range >> 64) : 0;
    r.outputs[0].view<std::int64_t>()[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low[i]) + offset);
  });
}

std::vector<Sample> samples() {
  const auto bound = [](Extents shape, double low, double high) {
    return SampleInput{.shape = std::move(shape), .low = low, .high = high, .dtype = DType::i64};
  };
  const auto build = [](Shape shape) {
    return [shape](std::span<const Tensor> in) {
      return std::vector{random_integers(in[0], 4, in[1], in[2], shape, DType::i64)};
    };
  };
  return {
      {"small ranges", {state_input({2}), bound({3, 4}, -5, 5), bound({3, 4}, -4, 20)}, build({3, 4})},
      {"large ranges", {state_input({2}), bound({7}, -9e18, 0), bound({7}, 0, 9e18)}, build({7})},
      {"broadcast", {state_input({2}), bound({}, -5, 0), bound({4}, 1, 9)}, build({3, 4})},
      {"two states", {state_input({2, 2}), bound({}, -5, 0), bound({3}, 1, 9)}, build({3})},
      {"unsigned bytes",
       {state_input({2})},
       [](std::span<const Tensor> in) { return std::vector{random_integers(in[0], 4, 3, 200, {5}, DType::u8)}; }},
  };
}

}  // namespace

// random_integers(state, int64 low, high; draw_id, shape) -> int64 shape: floor of a 64-bit uniform number times the
// range. Every number's probability is 1 / range to within 2^-64. A range that is empty gives low.
const OpDef random_integers_op{
    .name = "random_integers",
    .doc = "RandomStream::integers(low, high, shape, dtype): uniform in [low, high); low if that is empty",
    .type = type_rule,
    .element = element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .dtypes = {DType::i64},
    .default_params = [] { return make_params(RandomParams{0, DType::i64, {}, 0}); },
};

Tensor random_integers(const Tensor& state, std::int64_t draw_id, const Operand& low, const Operand& high, Shape shape,
                       DType dtype, SourceLine line) {
  if (!is_integer(dtype))
    throw Error("random_integers: the dtype must be an integer's, got " + std::string(name_of(dtype)) +
                (line ? ", at " + to_string(line) : ""));
  const auto bound = [&](const Operand& b) { return parameter(random_integers_op, state, shape, b, DType::i64, line); };
  const Tensor lower = bound(low), upper = bound(high);
  return cast(apply1(random_integers_op, make_params(RandomParams{draw_id, DType::i64, std::move(shape)}),
                     {state, lower, upper}, line),
              dtype, line);
}

}  // namespace bitale::ops
