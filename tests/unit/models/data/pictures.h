// Small pictures for tests, files of them in every kind that there is, and a set in memory.
#pragma once

#include <string>
#include <vector>

#include "models/data/image_set.h"

namespace bitale::models::tests {

// Colours that change slowly, so that a JPEG keeps them: red grows to the right, green downwards, blue is `blue`.
Picture gradient(PictureSize size, int blue = 128);

enum class JpegKind { colour, grey, progressive, inks, adobe_inks };

// A JPEG of `picture`, made with the library: grey has its red channel; inks are what is left of white, black none.
std::string jpeg_of(const Picture& picture, JpegKind kind = JpegKind::colour);

// The largest difference of two pictures of one size.
int difference(const Picture& a, const Picture& b);

// Picture i is gradient(size, i), with label i.
class MemoryImages : public ImageSet {
 public:
  explicit MemoryImages(std::int64_t count, PictureSize size = {12, 10});

  std::string source() const override { return "memory"; }
  std::int64_t count() const override { return static_cast<std::int64_t>(values_.size()); }
  std::string name(std::int64_t index) const override { return "picture" + std::to_string(index); }
  std::optional<MeanPicture> mean() const override { return {}; }
  bool scaled() const override { return true; }
  void get(std::int64_t index, const std::function<void(const Datum&)>& use) const override;

  std::string& value(std::int64_t index) { return values_[static_cast<std::size_t>(index)]; }

 private:
  std::vector<std::string> values_;
};

}  // namespace bitale::models::tests
