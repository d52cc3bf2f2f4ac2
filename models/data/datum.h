// The two messages of Caffe that data sets of pictures are made of, in protobuf's encoding: Datum, a picture with its
// label, and BlobProto, an array, which mean pictures are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/data/picture.h"

namespace bitale::models {

// `data` holds the bytes of a file if `encoded`, else the channels one after the other, in Caffe's order: blue, green,
// red; grey has one.
struct Datum {
  std::int64_t channels = 0, height = 0, width = 0;
  std::string_view data;  // part of the bytes that were parsed
  std::int32_t label = 0;
  bool encoded = false;
};

// `name` is the message's in errors. Error if the bytes are no Datum, hold floats instead of bytes, or are not as many
// pixels as their extents say; the extents are 1 or more and at most max_picture_pixels, or where encoded, anything.
Datum parse_datum(std::string_view bytes, const std::string& name);

std::string datum_of(const Picture& picture, std::int32_t label);  // not encoded
std::string encoded_datum(std::string_view file, PictureSize size, std::int32_t label);

// The pixels of a Datum that is not encoded, where they are. Error unless it has one or three channels.
PictureView view(const Datum& datum, const std::string& name);

// What is subtracted from pictures: a value for each channel, or for each pixel of each channel.
struct MeanPicture {
  PictureSize size;           // 1 x 1: one value for each channel
  std::vector<float> values;  // [3, height, width]; the channels are red, green, blue

  bool per_channel() const { return size == PictureSize{1, 1}; }
};

// As `compute_image_mean` of Caffe writes it: one picture of three channels, blue first. Error if it is not that.
MeanPicture parse_mean(std::string_view bytes, const std::string& name);
std::string to_bytes(const MeanPicture& mean);

}  // namespace bitale::models
