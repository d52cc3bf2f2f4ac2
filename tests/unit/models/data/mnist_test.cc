#include "models/data/mnist.h"

#include <algorithm>
#include <array>
#include <map>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/models/data/samples.h"

using bitale::Error;
using bitale::tests::contains;
using bitale::tests::TempFolder;
using namespace bitale::models;
using bitale::models::tests::csv_row;
using bitale::models::tests::DataFlag;
using bitale::models::tests::gzip;
using bitale::models::tests::idx_images;
using bitale::models::tests::idx_labels;
using bitale::models::tests::idx_text;

namespace {

void write_mnist(const TempFolder& folder, const std::string& prefix) {
  folder.write(prefix + "train-images-idx3-ubyte.gz", gzip(idx_images(20)));
  folder.write(prefix + "train-labels-idx1-ubyte.gz", gzip(idx_labels(20)));
  folder.write(prefix + "t10k-images.idx3-ubyte", idx_images(5));
  folder.write(prefix + "t10k-labels.idx1-ubyte", idx_labels(5));
}

}  // namespace

TEST_CASE("MNIST is read from its four files, plain or compressed") {
  for (const std::string prefix : {"", "mnist/"}) {
    const TempFolder folder;
    write_mnist(folder, prefix);
    const Mnist mnist = load_mnist(folder.path().string());
    CHECK(mnist.train.count == 20);
    CHECK(mnist.test.count == 5);
    CHECK(mnist.train.labels[13] == 3);
    CHECK(mnist.train.images[13 * digit_pixels + 2] == Approx(15.0f / 255));
    CHECK(mnist.source == "MNIST in " + folder.path().string() + " (20 digits to train on, 5 held out)");
  }
}

TEST_CASE("a named folder without MNIST is an error, not the bundled digits") {
  const TempFolder folder;
  CHECK_THROWS_WITH(load_mnist(folder.path().string()),
                    contains("there is no MNIST") && contains("train-images-idx3-ubyte.gz"));
  write_mnist(folder, "");
  std::filesystem::remove(folder.path() / "t10k-labels.idx1-ubyte");
  CHECK_THROWS_WITH(load_mnist(folder.path().string()), contains("t10k-labels.idx1-ubyte"));
}

TEST_CASE("BITALE_DATA counts where no folder is named") {
  const TempFolder folder, other;
  write_mnist(folder, "mnist/");
  const DataFlag flag(folder.path().string());
  CHECK(load_mnist().train.count == 20);
  CHECK_THROWS_WITH(load_mnist(other.path().string()), contains("there is no MNIST"));
}

TEST_CASE("IDX files that are no digits are refused") {
  const auto parse = [](const std::string& images, const std::string& labels) {
    return parse_idx_digits(images, "images", labels, "labels");
  };
  CHECK(parse(idx_images(3), idx_labels(3)).count == 3);
  CHECK(parse(idx_images(0), idx_labels(0)).count == 0);
  CHECK_THROWS_WITH(parse(idx_images(3), idx_labels(2)), contains("3 images") && contains("2 labels"));
  CHECK_THROWS_WITH(parse(idx_text({1, 2, 3}, "abcdef"), idx_labels(1)), contains("2 x 3 pixels"));
  CHECK_THROWS_WITH(parse(idx_images(2), idx_text({2}, std::string{1, 10})), contains("digit 1 has the label 10"));
  CHECK_THROWS_AS(parse(idx_labels(3), idx_images(3)), Error);
}

TEST_CASE("CSV rows are pixels and a label") {
  const Digits digits = parse_csv_digits(csv_row(0, 3) + csv_row(255, 9), "x.csv");
  CHECK(digits.count == 2);
  CHECK(digits.labels == std::vector<std::int32_t>{3, 9});
  CHECK(digits.images.front() == 0.0f);
  CHECK(digits.images.back() == 1.0f);
  CHECK(parse_csv_digits("", "x.csv").count == 0);
}

TEST_CASE("a malformed CSV row is named") {
  const std::string good = csv_row(7, 1);
  const auto parse = [&](const std::string& row) { return parse_csv_digits(good + row, "x.csv"); };
  CHECK_THROWS_WITH(parse("1,2,x"), contains("'x.csv', row 2, column 3") && contains("0 to 255"));
  CHECK_THROWS_WITH(parse("1,256,"), contains("row 2, column 2"));
  CHECK_THROWS_WITH(parse("1,-1,"), contains("row 2, column 2"));
  CHECK_THROWS_WITH(parse("1,99999999999999999999,"), contains("row 2, column 2"));
  CHECK_THROWS_WITH(parse("1,2\n"), contains("row 2") && contains("a comma was expected after column 2"));
  CHECK_THROWS_WITH(parse(good.substr(0, good.size() - 1)), contains("the end of the line"));
  CHECK_THROWS_WITH(parse(good.substr(0, good.size() - 1) + ",5\n"), contains("the end of the line"));
  CHECK_THROWS_WITH(parse(csv_row(1, 10)), contains("digit 1 has the label 10"));
}

TEST_CASE("the bundled digits are 4,000 and 1,000 of all classes, always the same") {
  const DataFlag none("");
  const Mnist mnist = load_mnist();
  CHECK(mnist.train.count == 4000);
  CHECK(mnist.test.count == 1000);
  CHECK(mnist.train.images.size() == 4000 * static_cast<std::size_t>(digit_pixels));
  CHECK(mnist.source.starts_with("the bundled subset of MNIST"));

  std::array<int, 10> total{};
  for (const Digits* part : {&mnist.train, &mnist.test}) {
    std::array<int, 10> seen{};
    for (const std::int32_t label : part->labels) ++seen[static_cast<std::size_t>(label)];
    CHECK(*std::min_element(seen.begin(), seen.end()) > part->count / 15);
    for (std::size_t c = 0; c < total.size(); ++c) total[c] += seen[c];
    CHECK(*std::max_element(part->images.begin(), part->images.end()) == 1.0f);
    CHECK(*std::min_element(part->images.begin(), part->images.end()) == 0.0f);
  }
  CHECK(std::all_of(total.begin(), total.end(), [](int n) { return n == 500; }));

  const std::vector<std::int32_t> first(mnist.train.labels.begin(), mnist.train.labels.begin() + 10);
  CHECK(first == std::vector<std::int32_t>{3, 1, 2, 3, 8, 6, 0, 7, 4, 8});
  const Mnist again = load_mnist();
  CHECK(again.train.images == mnist.train.images);
  CHECK(again.test.labels == mnist.test.labels);
}

TEST_CASE("a split keeps every digit with its label") {
  Digits digits;
  for (int i = 0; i < 50; ++i) {
    digits.images.insert(digits.images.end(), digit_pixels, static_cast<float>(i));
    digits.labels.push_back(i);
    ++digits.count;
  }
  const Mnist mnist = split_digits(digits, 40);
  std::map<int, int> seen;
  for (const Digits* part : {&mnist.train, &mnist.test}) {
    for (std::int64_t i = 0; i < part->count; ++i) {
      const auto label = part->labels[static_cast<std::size_t>(i)];
      ++seen[label];
      CHECK(part->images[static_cast<std::size_t>(i * digit_pixels)] == static_cast<float>(label));
    }
  }
  CHECK(seen.size() == 50);
  CHECK(mnist.test.count == 10);
  CHECK(split_digits(digits, 50).test.count == 0);
  CHECK_THROWS_WITH(split_digits(digits, 51), contains("51 digits") && contains("50"));
}
