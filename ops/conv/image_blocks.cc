#include "ops/conv/image_blocks.h"

#include <algorithm>
#include <limits>

namespace bitale::ops {

using namespace ir;

namespace {

// What pads the other axes of a tensor than its first, and nothing else.
std::optional<PadParams> padding_of_rows(const Tensor& t) {
  if (t.node().op().name != "pad") return {};
  const auto& p = t.node().params_as<PadParams>();
  const bool side_by_side = std::all_of(p.steps.begin(), p.steps.end(), [](std::int64_t s) { return s == 1; });
  if (!side_by_side || p.starts[0] != Dim(0) || t.node().input(0).dim(0) != t.dim(0)) return {};
  return p;
}

Tensor block_of(loops::Loop& loop, const Tensor& rows) {
  TensorType type = rows.type();
  type.shape[0] = loop.block;
  const Tensor block = loops::Loop::placeholder("block", type);
  loop.sequences.push_back({rows, block, false});
  return block;
}

// Rows with zeros in place of those before `done`, where they begin with row `first`.
Tensor without_done(const Tensor& rows, const Tensor& first, const Tensor& done) {
  const Shape& shape = rows.shape();
  const Tensor row = add(iota(DType::i64, shape, 0), broadcast_to(first, shape));
  return where(less(row, broadcast_to(done, shape)), zeros_like(rows), rows);
}

}  // namespace

ImageBlocks::ImageBlocks(const ConvCall& call, std::string name, std::int64_t suited)
    : call_(call),
      name_(std::move(name)),
      most_(call.block > 0 ? call.block : std::max<std::int64_t>((suited + 1) / 2 * 2, 2)),
      images_(call.image_shape[0]),
      image_(call.image),
      padding_(padding_of_rows(call.image)) {
  if (padding_) image_ = call.image.node().input(0);
}

Tensor ImageBlocks::each(const std::function<Tensor(const Tensor&)>& f) const {
  if (is_one()) return f(call_.image);
  loops::Loop blocks = loop();
  const Tensor images = block_of(blocks, image_);
  blocks.stacked.push_back({f(padded(images)), false});
  return blocks.build().stacked[0];
}

Tensor ImageBlocks::sum(const std::function<Tensor(const Tensor&, const Tensor&)>& f) const {
  if (is_one()) return f(call_.image, call_.result);
  loops::Loop blocks = loop();
  const Tensor images = block_of(blocks, image_), results = block_of(blocks, call_.result);
  const Tensor done = loops::Loop::placeholder("done", {DType::i64, {}});
  const Tensor first = minimum(done, extent(images_ - blocks.block));
  const Tensor made = f(padded(images), without_done(results, first, done));
  const Tensor before = loops::Loop::placeholder("sum", made.type());
  blocks.carries.push_back({zeros(call_.dtype, made.shape()), before, add(before, made)});
  blocks.carries.push_back({zeros(DType::i64, {}), done, add(first, extent(blocks.block))});
  return blocks.build().last[0];
}

Tensor ImageBlocks::padded(const Tensor& images) const {
  if (!padding_) return images;
  Shape shape = padding_->shape;
  shape[0] = images.dim(0);
  return pad(images, padding_->starts, shape, padding_->steps);
}

bool ImageBlocks::is_one() const {
  return most_ == std::numeric_limits<std::int64_t>::max() || (images_.is_constant() && images_.value() <= most_);
}

loops::Loop ImageBlocks::loop() const {
  loops::Loop loop{};
  loop.name = name_;
  loop.rows = images_;
  loop.block = max(Dim(1), min(images_, Dim(most_)));
  loop.trips = floordiv(images_ + loop.block - 1, loop.block);
  return loop;
}

}  // namespace bitale::ops
