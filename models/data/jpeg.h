// JPEG files that nobody vouches for.
#pragma once

#include <string>
#include <string_view>

#include "models/data/picture.h"

namespace bitale::models {

// The size of the picture in these bytes, of which the header is looked at alone. `name` is the file's in messages.
PictureSize jpeg_size(std::string_view bytes, const std::string& name);

// The picture in these bytes. Grey becomes three equal channels; CMYK becomes RGB without colour management. A picture
// that is going to be scaled down to `target` may come out smaller than it is, but not smaller than that: at a half, a
// quarter or an eighth of its size decoding costs less. An orientation that its camera noted is not obeyed, as Caffe
// does not either.
//
// Error if the bytes are no JPEG, are truncated or damaged (where a viewer would show grey), say a size that so few
// bytes cannot hold, or more than max_picture_pixels.
Picture decode_jpeg(std::string_view bytes, const std::string& name, PictureSize target = {});

// `quality` is 1 to 100; colours have half the resolution, as in almost all files.
std::string encode_jpeg(const Picture& picture, int quality = 95);

}  // namespace bitale::models
