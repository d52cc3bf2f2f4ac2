#include "models/data/mnist.h"

#include <charconv>
#include <numeric>

#include <fmt/format.h>

#include "models/data/file.h"
#include "models/data/idx.h"
#include "models/data/split_mix.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr int classes = 10;
constexpr int brightest = 255;
constexpr std::uint64_t split_seed = 5000;

// The digit's label is checked, its pixels cannot be wrong: every byte is one.
void append_label(Digits& digits, int label, const std::string& name) {
  if (label < 0 || label >= classes) {
    throw Error(fmt::format("'{}': digit {} has the label {}; labels are 0 to 9.", name, digits.count, label));
  }
  digits.labels.push_back(label);
  ++digits.count;
}

float ink(int pixel) { return static_cast<float>(pixel) / brightest; }

void append_row(Digits& to, const Digits& from, std::int64_t row) {
  const auto first = from.images.begin() + row * digit_pixels;
  to.images.insert(to.images.end(), first, first + digit_pixels);
  to.labels.push_back(from.labels[static_cast<std::size_t>(row)]);
  ++to.count;
}

// One of MNIST's four files under the names it is distributed under: `stem` is "train-images", `rank` 3.
fs::path find_idx_file(const fs::path& dir, const std::string& stem, int rank) {
  std::string tried;
  for (const fs::path& folder : {dir, dir / "mnist"}) {
    for (const char separator : {'-', '.'}) {
      for (const char* suffix : {"", ".gz"}) {
        const fs::path path = folder / fmt::format("{}{}idx{}-ubyte{}", stem, separator, rank, suffix);
        std::error_code failure;
        if (fs::is_regular_file(path, failure)) return path;
        tried += "\n  " + path.string();
      }
    }
  }
  throw Error(fmt::format("there is no MNIST in '{}'; these were looked for:{}", dir.string(), tried));
}

Digits load_idx_digits(const fs::path& dir, const std::string& part) {
  const fs::path images = find_idx_file(dir, part + "-images", 3);
  const fs::path labels = find_idx_file(dir, part + "-labels", 1);
  return parse_idx_digits(read_data_file(images), images.string(), read_data_file(labels), labels.string());
}

Mnist load_bundled() {
  constexpr std::int64_t train_count = 4000;
  const fs::path path = bundled_folder("mnist_5k") / "mnist_5k.csv.gz";
  Mnist mnist = split_digits(parse_csv_digits(read_data_file(path), path.string()), train_count);
  mnist.source = fmt::format("the bundled subset of MNIST ({} digits to train on, {} held out)", mnist.train.count,
                             mnist.test.count);
  return mnist;
}

}  // namespace

Digits parse_idx_digits(std::string_view images, const std::string& images_name, std::string_view labels,
                        const std::string& labels_name) {
  const Idx pixels = parse_idx(images, 3, images_name);
  if (pixels.extents[1] != 28 || pixels.extents[2] != 28) {
    throw Error(fmt::format("'{}' has images of {} x {} pixels; MNIST's have 28 x 28.", images_name, pixels.extents[1],
                            pixels.extents[2]));
  }
  const Idx answers = parse_idx(labels, 1, labels_name);
  if (pixels.extents[0] != answers.extents[0]) {
    throw Error(fmt::format("'{}' has {} images and '{}' {} labels; there must be as many.", images_name,
                            pixels.extents[0], labels_name, answers.extents[0]));
  }

  Digits digits;
  digits.images.reserve(pixels.bytes.size());
  digits.labels.reserve(answers.bytes.size());
  for (const char pixel : pixels.bytes) digits.images.push_back(ink(static_cast<unsigned char>(pixel)));
  for (const char label : answers.bytes) append_label(digits, static_cast<unsigned char>(label), labels_name);
  return digits;
}

Digits parse_csv_digits(std::string_view text, const std::string& name) {
  Digits digits;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::int64_t row = 1; at != end; ++row) {
    for (std::int64_t column = 1; column <= digit_pixels + 1; ++column) {
      const bool is_label = column == digit_pixels + 1;
      int value = -1;
      const auto [rest, failure] = std::from_chars(at, end, value);
      if (failure != std::errc{} || value < 0 || value > brightest) {
        throw Error(fmt::format("'{}', row {}, column {}: a number from 0 to 255 was expected.", name, row, column));
      }
      at = rest;
      const char separator = is_label ? '\n' : ',';
      if (at == end || *at != separator) {
        throw Error(fmt::format("'{}', row {}: {} was expected after column {}; a row is 784 pixels and a label.", name,
                                row, is_label ? "the end of the line" : "a comma", column));
      }
      ++at;
      if (is_label) {
        append_label(digits, value, name);
      } else {
        digits.images.push_back(ink(value));
      }
    }
  }
  return digits;
}

Mnist split_digits(const Digits& digits, std::int64_t train_count) {
  if (train_count < 0 || train_count > digits.count) {
    throw Error(fmt::format("{} digits to train on were asked for, and there are {}.", train_count, digits.count));
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(digits.count));
  std::iota(order.begin(), order.end(), 0);
  SplitMix(split_seed).shuffle(order);

  Mnist mnist;
  for (const std::int64_t row : order)
    append_row(mnist.train.count < train_count ? mnist.train : mnist.test, digits, row);
  return mnist;
}

Mnist load_mnist(const std::optional<std::string>& dir) {
  const std::string where = dir ? *dir : flags().data;
  if (!dir && where.empty()) return load_bundled();
  Mnist mnist;
  mnist.train = load_idx_digits(where, "train");
  mnist.test = load_idx_digits(where, "t10k");
  mnist.source =
      fmt::format("MNIST in {} ({} digits to train on, {} held out)", where, mnist.train.count, mnist.test.count);
  return mnist;
}

}  // namespace bitale::models
