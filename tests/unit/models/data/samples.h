// Small well-formed data files for tests to damage, and where data is looked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/flags.h"

namespace bitale::models::tests {

// An IDX file of bytes.
std::string idx_text(const std::vector<std::uint32_t>& extents, std::string_view elements);

// `count` images, pixel p of image i being (i + p) mod 256, and their labels i mod 10.
std::string idx_images(std::uint32_t count);
std::string idx_labels(std::uint32_t count);

std::string gzip(std::string_view bytes);

// One CSV row: 784 times `pixel` and then `label`.
std::string csv_row(int pixel, int label);

// BITALE_DATA for as long as the object lives.
class DataFlag {
 public:
  explicit DataFlag(const std::string& value) : before_(std::exchange(flags().data, value)) {}
  ~DataFlag() { flags().data = before_; }
  DataFlag(const DataFlag&) = delete;
  DataFlag& operator=(const DataFlag&) = delete;

 private:
  std::string before_;
};

}  // namespace bitale::models::tests
