// A convolution computed for a few images at a time, by a scan in blocks: for algorithms whose intermediate tensors are
// several times as large as the images. What pads the image is done inside, to the images of a block.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "compiler/scan/loop.h"
#include "ops/conv/algorithm.h"

namespace bitale::ops {

class ImageBlocks {
 public:
  static constexpr std::int64_t cache_bytes = 4 << 20;  // of intermediate tensors, in the caches of two cores

  // `suited` images in a block or one more, so that two threads can share them, unless the call says how many. The name
  // is the loop's.
  ImageBlocks(const ConvCall& call, std::string name, std::int64_t suited);

  // What f gives for the images [n, ..]: the same number of rows, one after the other.
  Tensor each(const std::function<Tensor(const Tensor& images)>& f) const;
  // The sum of what f gives for images and the rows of the call's result that belong to them. It has to be linear in
  // the latter: where the last block shares images with the one before, their rows are zero.
  Tensor sum(const std::function<Tensor(const Tensor& images, const Tensor& results)>& f) const;

 private:
  Tensor padded(const Tensor& images) const;
  bool is_one() const;
  loops::Loop loop() const;

  const ConvCall& call_;
  const std::string name_;
  const std::int64_t most_;
  Dim images_;
  Tensor image_;                          // before it was padded
  std::optional<ir::PadParams> padding_;  // of axes other than the images'
};

}  // namespace bitale::ops
