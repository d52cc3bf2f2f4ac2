// Reading data files that nobody vouches for, and replacing files whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
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

// Makes `parts`, one after the other, the content of the file: written under a temporary name, flushed to the disk and
// renamed, so that at every moment `path` is the old file or the new one. Error if that fails; then the old file is
// still there.
void replace_file(const std::filesystem::path& path, std::span<const std::string_view> parts);

// The folder of bundled data: ../share/bitale/NAME beside the program if it is installed, else the source tree's.
std::filesystem::path bundled_folder(const std::string& name);

}  // namespace bitale::models
