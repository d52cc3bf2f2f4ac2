// Checkpoints in the safetensors format: named arrays and text metadata in one file that many programs read.
//
// A file is the length of its header (64 bits, little-endian), the header (JSON: per array dtype, shape and the range
// of its bytes), and the bytes of the arrays without gaps.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/memory/array.h"

namespace bitale::models {

struct NamedArrays {
  std::vector<std::pair<std::string, Array>> arrays;
  std::map<std::string, std::string> metadata;

  // The array of this name; Error if it is missing or of another type. `file` is the file's name in messages.
  const Array& array(const std::string& name, DType dtype, const Extents& shape, const std::string& file) const;
  const std::string& text(const std::string& key, const std::string& file) const;  // Error if it is missing
};

// By replace_file (models/data/file.h): at every moment `path` is the old file or the new one. Error if that fails;
// then the old file is still there.
void write_safetensors(const std::filesystem::path& path, const NamedArrays& content);

// Every length and offset is checked before it is used; what is not a well-formed file is an Error that says why.
NamedArrays read_safetensors(const std::filesystem::path& path);

}  // namespace bitale::models
