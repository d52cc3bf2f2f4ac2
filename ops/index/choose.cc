// choose and compress: selection that keeps extents known.
#include "compiler/prim/prim.h"
#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

const OpDef choose_op{
    .name = "choose",
    .doc = "choose(index, choices): the element of choices[index]; an index outside is a data error",
    .composite = true,
    .samples =
        [] {
          const auto build = [](std::span<const Tensor> in) {
            return std::vector{choose(in[0], {in[1], in[2], in[3]})};
          };
          const auto index = [](Extents shape) {
            return SampleInput{.shape = std::move(shape), .low = 0, .high = 2, .dtype = DType::i32};
          };
          return std::vector<Sample>{{"same shape", {index({2, 3}), {{2, 3}}, {{2, 3}}, {{2, 3}}}, build},
                                     {"broadcast", {index({4}), {{2, 1}}, {{}}, {{4}}}, build}};
        },
};

Tensor choose(const Tensor& index, const std::vector<Tensor>& choices, SourceLine line) {
  require_integers("choose", index, line);
  if (choices.empty()) fail_at("choose", "there is nothing to choose from", line);
  std::vector<Operand> operands{checked_rows(index, static_cast<std::int64_t>(choices.size()), "choose", line, false)};
  for (const Tensor& c : choices) {
    require_operand("choose", c, line);
    operands.emplace_back(c);
  }
  std::vector<DType> dtypes(operands.size(), common_dtype(std::span(operands).subspan(1)));
  dtypes[0] = DType::i64;
  const std::vector<Tensor> in = broadcast_operands(choose_op, operands, dtypes, line);
  Tensor out = in.back();
  for (std::size_t k = in.size() - 1; k-- > 1;)
    out = where(equal(in[0], static_cast<std::int64_t>(k - 1), line), in[k], out, line);
  return out;
}

void nonzero(const Tensor& x, SourceLine line) {
  require_operand("nonzero", x, line);
  fail_at("nonzero",
          "how many elements of " + describe(x) +
              " are not zero is known only when the program runs; where(condition, a, b) selects and keeps the shape, "
              "compress(condition, x, size) gives a fixed number of rows",
          line);
}

const OpDef compress_op{
    .name = "compress",
    .doc = "compress(condition, x, size, axis, fill): the first size rows of x whose condition holds, then fill",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis, std::int64_t size) {
            return [axis, size](std::span<const Tensor> in) {
              return std::vector{compress(in[0], in[1], size, axis, 0.5)};
            };
          };
          const auto mask = [](std::int64_t n) { return SampleInput{.shape = {n}, .dtype = DType::bool_}; };
          return std::vector<Sample>{{"rows", {mask(5), {{5, 3}}}, build(0, 4)},
                                     {"columns", {mask(4), {{2, 4}}}, build(-1, 2)},
                                     {"vector", {mask(6), {{6}}}, build(0, 6)}};
        },
};

Tensor compress(const Tensor& condition, const Tensor& x, const Dim& size, int axis, const Operand& fill,
                SourceLine line) {
  for (const Tensor* t : {&condition, &x}) require_operand("compress", *t, line);
  const int a = normal_axis("compress", axis, x.rank(), line);
  const Tensor operands[] = {condition, x};
  const TypeArgs args(compress_op, nullptr, operands, line);
  args.require(condition.dtype() == DType::bool_ && condition.rank() == 1, "the condition must be a vector of bools");
  args.require(!condition.dim(0).is_constant() || !x.dim(a).is_constant() || condition.dim(0) == x.dim(a),
               "the condition must have one element for each row of axis " + std::to_string(a));
  // Sorting is stable: the rows whose condition holds come first, in order.
  const Tensor mask = broadcast_to(condition, {x.dim(a)}, line);
  const Tensor order = argsort_first(reshape(logical_not(mask, line), {1, x.dim(a), 1}, line), size, false, line);
  const Tensor there = less(iota(DType::i64, {size}, 0, line), ir::sum(mask, {0}, line), line);
  Shape along(static_cast<std::size_t>(x.rank() - a), Dim(1));
  along[0] = size;
  return where(reshape(there, along, line), gather_rows(x, reshape(order, {size}, line), a, line), fill, line);
}

}  // namespace bitale::ops
