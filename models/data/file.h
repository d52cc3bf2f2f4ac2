// Reading data files that nobody vouches for.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitale::models {

// No data set here has a larger file; what claims to be larger is refused before memory is taken for it.
inline constexpr std::size_t max_data_bytes = std::size_t{256} << 20;

// The bytes of a regular file, decompressed if it is a gzip file. Error if it cannot be read, is damaged, has bytes
// after the end of its gzip stream, or is larger than `limit`, compressed or not.
std::string read_data_file(const std::filesystem::path& path, std::size_t limit = max_data_bytes);

// The decompressed bytes of one gzip stream that fills `bytes`. `name` is the file's name in messages.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t limit = max_data_bytes);

}  // namespace bitale::models
