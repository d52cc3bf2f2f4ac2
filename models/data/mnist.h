// Handwritten digits: MNIST, or the 5,000 of its digits that are bundled with Bitale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::models {

inline constexpr std::int64_t digit_pixels = std::int64_t{28} * 28;

struct Digits {
  std::vector<float> images;         // [count, 784], 0 (paper) to 1 (ink)
  std::vector<std::int32_t> labels;  // [count], 0 to 9
  std::int64_t count = 0;
};

struct Mnist {
  Digits train, test;
  std::string source;  // where it was read from, in words for a person
};

// The four IDX files of MNIST, plain or gzip, in `dir` or dir/mnist; without `dir`, in $BITALE_DATA; without both, the
// bundled digits. A directory that was named and lacks a file is an Error that lists what was looked for.
Mnist load_mnist(const std::optional<std::string>& dir = std::nullopt);

// The steps of load_mnist. `name` is a file's name in messages; what is malformed is an Error that says where.
Digits parse_idx_digits(std::string_view images, const std::string& images_name, std::string_view labels,
                        const std::string& labels_name);
Digits parse_csv_digits(std::string_view text, const std::string& name);  // rows of 784 pixels and a label, 0 to 255
Mnist split_digits(const Digits& digits, std::int64_t train_count);  // shuffled, in the same order on every machine

}  // namespace bitale::models
