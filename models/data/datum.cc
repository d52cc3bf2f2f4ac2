#include "models/data/datum.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

enum DatumField : protozero::pbf_tag_type {
  datum_channels = 1,
  datum_height = 2,
  datum_width = 3,
  datum_data = 4,
  datum_label = 5,
  datum_float_data = 6,
  datum_encoded = 7,
};

enum BlobField : protozero::pbf_tag_type {
  blob_num = 1,
  blob_channels = 2,
  blob_height = 3,
  blob_width = 4,
  blob_data = 5,
  blob_shape = 7,
};
constexpr protozero::pbf_tag_type shape_dim = 1;

using protozero::pbf_wire_type;

std::string_view text_of(protozero::data_view view) { return {view.data(), view.size()}; }

// protozero checks a field's wire type in assertions alone, so it is looked at here.
bool is(const protozero::pbf_reader& reader, protozero::pbf_tag_type tag, pbf_wire_type type, const std::string& name) {
  if (reader.tag() != tag) return false;
  if (reader.wire_type() != type)
    throw Error(fmt::format("'{}': field {} has wire type {}; {} was expected.", name, tag,
                            static_cast<int>(reader.wire_type()), static_cast<int>(type)));
  return true;
}

// What protozero throws, as an Error.
template <class F>
void read_message(std::string_view bytes, const std::string& name, const char* what, const F& read_field) {
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) read_field(reader);
  } catch (const protozero::exception& e) {
    throw Error(fmt::format("'{}' is no {}: {}.", name, what, e.what()));
  }
}

void check_pixels(const Datum& d, const std::string& name) {
  if (d.channels < 1 || d.height < 1 || d.width < 1 || d.height > max_picture_pixels || d.width > max_picture_pixels ||
      d.channels > max_picture_pixels || d.height * d.width > max_picture_pixels)
    throw Error(fmt::format(
        "'{}' claims {} channels of {} x {} pixels; pictures have at least one of each, and at most {} pixels.", name,
        d.channels, d.width, d.height, max_picture_pixels));
  const std::int64_t expected = d.channels * d.height * d.width;
  if (static_cast<std::int64_t>(d.data.size()) != expected)
    throw Error(fmt::format("'{}' has {} bytes of pixels; its {} channels of {} x {} pixels take {}.", name,
                            d.data.size(), d.channels, d.width, d.height, expected));
}

void put_extents(protozero::pbf_writer& writer, PictureSize size) {
  writer.add_int32(datum_channels, static_cast<std::int32_t>(picture_channels));
  writer.add_int32(datum_height, static_cast<std::int32_t>(size.height));
  writer.add_int32(datum_width, static_cast<std::int32_t>(size.width));
}

// ---- BlobProto ----

struct Blob {
  std::vector<std::int64_t> shape;  // of the newer form
  std::int64_t num = 0, channels = 0, height = 0, width = 0;
  std::vector<float> values;
};

void read_floats(protozero::pbf_reader& reader, Blob& blob, const std::string& name) {
  if (reader.wire_type() == pbf_wire_type::fixed32) {
    blob.values.push_back(reader.get_float());
    return;
  }
  is(reader, blob_data, pbf_wire_type::length_delimited, name);
  const auto packed = reader.get_packed_float();
  blob.values.insert(blob.values.end(), packed.begin(), packed.end());
}

void read_shape(std::string_view bytes, Blob& blob, const std::string& name) {
  read_message(bytes, name, "BlobProto", [&](protozero::pbf_reader& reader) {
    if (reader.tag() != shape_dim) return reader.skip();
    if (reader.wire_type() == pbf_wire_type::varint) {
      blob.shape.push_back(reader.get_int64());
      return;
    }
    is(reader, shape_dim, pbf_wire_type::length_delimited, name);
    const auto packed = reader.get_packed_int64();
    blob.shape.insert(blob.shape.end(), packed.begin(), packed.end());
  });
}

Blob read_blob(std::string_view bytes, const std::string& name) {
  Blob blob;
  read_message(bytes, name, "BlobProto", [&](protozero::pbf_reader& reader) {
    if (is(reader, blob_num, pbf_wire_type::varint, name))
      blob.num = reader.get_int32();
    else if (is(reader, blob_channels, pbf_wire_type::varint, name))
      blob.channels = reader.get_int32();
    else if (is(reader, blob_height, pbf_wire_type::varint, name))
      blob.height = reader.get_int32();
    else if (is(reader, blob_width, pbf_wire_type::varint, name))
      blob.width = reader.get_int32();
    else if (reader.tag() == blob_data)
      read_floats(reader, blob, name);
    else if (is(reader, blob_shape, pbf_wire_type::length_delimited, name))
      read_shape(text_of(reader.get_view()), blob, name);
    else
      reader.skip();
  });
  if (blob.shape.empty()) blob.shape = {blob.num, blob.channels, blob.height, blob.width};
  if (blob.shape.size() == 3) blob.shape.insert(blob.shape.begin(), 1);
  return blob;
}

// Blue, green, red to red, green, blue, and back.
std::vector<float> channels_reversed(const std::vector<float>& values) {
  const auto plane = static_cast<std::ptrdiff_t>(values.size()) / picture_channels;
  std::vector<float> out;
  out.reserve(values.size());
  for (std::int64_t c = picture_channels - 1; c >= 0; --c)
    out.insert(out.end(), values.begin() + c * plane, values.begin() + (c + 1) * plane);
  return out;
}

}  // namespace

Datum parse_datum(std::string_view bytes, const std::string& name) {
  Datum d;
  bool floats = false;
  read_message(bytes, name, "Datum", [&](protozero::pbf_reader& reader) {
    if (is(reader, datum_channels, pbf_wire_type::varint, name))
      d.channels = reader.get_int32();
    else if (is(reader, datum_height, pbf_wire_type::varint, name))
      d.height = reader.get_int32();
    else if (is(reader, datum_width, pbf_wire_type::varint, name))
      d.width = reader.get_int32();
    else if (is(reader, datum_data, pbf_wire_type::length_delimited, name))
      d.data = text_of(reader.get_view());
    else if (is(reader, datum_label, pbf_wire_type::varint, name))
      d.label = reader.get_int32();
    else if (is(reader, datum_encoded, pbf_wire_type::varint, name))
      d.encoded = reader.get_uint64() != 0;  // get_bool() reads a byte before it looks whether there is one
    else {
      floats = floats || reader.tag() == datum_float_data;
      reader.skip();
    }
  });
  if (floats) throw Error(fmt::format("'{}' holds numbers (float_data); pictures of bytes are read.", name));
  if (d.encoded && d.data.empty()) throw Error(fmt::format("'{}' is said to hold a file, and holds no bytes.", name));
  if (!d.encoded) check_pixels(d, name);
  return d;
}

std::string datum_of(const Picture& picture, std::int32_t label) {
  const auto plane = static_cast<std::size_t>(picture.size.width * picture.size.height);
  std::string pixels(plane * picture_channels, '\0');
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t c = 0; c < picture_channels; ++c)
      pixels[(picture_channels - 1 - c) * plane + i] = static_cast<char>(picture.pixels[i * picture_channels + c]);
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  put_extents(writer, picture.size);
  writer.add_bytes(datum_data, pixels);
  writer.add_int32(datum_label, label);
  return bytes;
}

std::string encoded_datum(std::string_view file, PictureSize size, std::int32_t label) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  put_extents(writer, size);
  writer.add_bytes(datum_data, file.data(), file.size());
  writer.add_int32(datum_label, label);
  writer.add_bool(datum_encoded, true);
  return bytes;
}

PictureView view(const Datum& datum, const std::string& name) {
  if (datum.channels != 1 && datum.channels != picture_channels)
    throw Error(fmt::format("'{}' has {} channels; pictures have 3, or 1 if they are grey.", name, datum.channels));
  const auto* first = reinterpret_cast<const std::uint8_t*>(datum.data.data());
  const std::ptrdiff_t plane = datum.channels == 1 ? 0 : datum.height * datum.width;
  return {{datum.width, datum.height}, {first + 2 * plane, first + plane, first}, datum.width, 1};
}

MeanPicture parse_mean(std::string_view bytes, const std::string& name) {
  const Blob blob = read_blob(bytes, name);
  const auto good = [](std::int64_t extent) { return extent >= 1 && extent <= max_picture_pixels; };
  if (blob.shape.size() != 4 || blob.shape[0] != 1 || blob.shape[1] != picture_channels || !good(blob.shape[2]) ||
      !good(blob.shape[3]) || blob.shape[2] * blob.shape[3] > max_picture_pixels)
    throw Error(fmt::format("'{}' is an array of extents [{}]; a mean picture has [1, 3, height, width].", name,
                            fmt::join(blob.shape, ", ")));
  const std::int64_t expected = picture_channels * blob.shape[2] * blob.shape[3];
  if (static_cast<std::int64_t>(blob.values.size()) != expected)
    throw Error(fmt::format("'{}' has {} values; its extents [{}] say {}.", name, blob.values.size(),
                            fmt::join(blob.shape, ", "), expected));
  if (!std::all_of(blob.values.begin(), blob.values.end(), [](float v) { return std::isfinite(v); }))
    throw Error(fmt::format("'{}' has values that are no numbers.", name));
  return {{blob.shape[3], blob.shape[2]}, channels_reversed(blob.values)};
}

std::string to_bytes(const MeanPicture& mean) {
  const std::vector<float> values = channels_reversed(mean.values);
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_int32(blob_num, 1);
  writer.add_int32(blob_channels, static_cast<std::int32_t>(picture_channels));
  writer.add_int32(blob_height, static_cast<std::int32_t>(mean.size.height));
  writer.add_int32(blob_width, static_cast<std::int32_t>(mean.size.width));
  writer.add_packed_float(blob_data, values.begin(), values.end());
  return bytes;
}

}  // namespace bitale::models
