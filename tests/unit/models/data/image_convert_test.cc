#include "models/data/image_convert.h"

#include <cmath>

#include "models/data/file.h"
#include "models/data/image_database.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale;
using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;
using bitale::tests::TempFolder;

namespace fs = std::filesystem;

namespace {

Picture read(const ImageSet& set, std::int64_t index) {
  Picture out;
  set.read(index, {}, [&](const PictureView& picture, std::int32_t) { out = copy(picture); });
  return out;
}

std::string value(const ImageDatabase& database, std::int64_t index) {
  std::string out;
  database.read(index, [&](std::string_view bytes) { out = bytes; });
  return out;
}

// Ten pictures of different sizes, the labels being 0 to 9.
void write_pictures(const TempFolder& folder, const std::string& name = "in") {
  std::string labels = "file\tclass\n";
  for (int i = 0; i < 10; ++i) {
    const std::string file = std::string(1, static_cast<char>('a' + i)) + ".jpg";
    folder.write(name + "/" + file, jpeg_of(gradient({40 + i, 30}, 20 * i)));
    labels += file + "\t" + std::to_string(i) + "\n";
  }
  folder.write(name + "/labels.tsv", labels);
}

void check_mean(const ImageSet& set, const MeanPicture& mean) {
  std::vector<double> sums(mean.values.size(), 0);
  double pixels = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const Picture picture = read(set, i);
    const std::int64_t area = picture.size.width * picture.size.height;
    pixels += mean.per_channel() ? static_cast<double>(area) : 1;
    for (std::int64_t p = 0; p < area; ++p)
      for (std::int64_t c = 0; c < 3; ++c)
        sums[static_cast<std::size_t>(mean.per_channel() ? c : c * area + p)] +=
            picture.pixels[static_cast<std::size_t>(p * 3 + c)];
  }
  double worst = 0;
  for (std::size_t i = 0; i < sums.size(); ++i)
    worst = std::max(worst, std::abs(sums[i] / pixels - static_cast<double>(mean.values[i])));
  CHECK(worst < 1e-4);
}

}  // namespace

TEST_CASE("a folder becomes a database of pixels with its mean picture") {
  const TempFolder folder;
  write_pictures(folder);
  const auto from = open_images(folder.path() / "in");
  std::int64_t last = 0;
  const Converted made =
      convert_images(*from, folder.path() / "db", {.read = {16, Fit::square}}, [&](std::int64_t done) {
        CHECK(done == last + 1);
        last = done;
      });
  CHECK(last == 10);
  CHECK(made.pictures == 10);
  const auto db = open_images(folder.path() / "db");
  REQUIRE(db->count() == 10);
  for (std::int64_t i = 0; i < 10; ++i) {
    CHECK(db->name(i) == from->name(i));
    db->get(i, [&](const Datum& datum) {
      CHECK(datum.label == i);
      CHECK_FALSE(datum.encoded);
      CHECK(datum.width == 16);
      CHECK(datum.height == 16);
    });
    CHECK(difference(read(*db, i), gradient({16, 16}, static_cast<int>(20 * i))) <= 12);
  }
  CHECK(db->mean()->size == PictureSize{16, 16});
  check_mean(*db, *db->mean());
}

TEST_CASE("proportions kept, and files stored as they are where nothing changes") {
  const TempFolder folder;
  write_pictures(folder);
  const auto from = open_images(folder.path() / "in");
  convert_images(*from, folder.path() / "db", {.read = {15, Fit::shorter}, .encoded = true});
  const auto db = open_images(folder.path() / "db");
  db->get(0, [](const Datum& datum) {
    CHECK(datum.encoded);
    CHECK(datum.width == 20);
    CHECK(datum.height == 15);
  });
  CHECK(read(*db, 9).size == PictureSize{25, 15});
  CHECK(db->mean()->per_channel());
  check_mean(*db, *db->mean());

  convert_images(*from, folder.path() / "same", {.read = {30, Fit::shorter}, .encoded = true});
  const auto same = open_images(folder.path() / "same");
  for (std::int64_t i = 0; i < 10; ++i)
    same->get(i,
              [&](const Datum& datum) { CHECK(datum.data == read_data_file(folder.path() / "in" / from->name(i))); });
}

TEST_CASE("a database does not depend on the number of threads, and its order only on the seed") {
  const TempFolder folder;
  write_pictures(folder);
  const auto from = open_images(folder.path() / "in");
  const auto values = [&](const std::string& name, const ConvertOptions& options) {
    convert_images(*from, folder.path() / name, options);
    const ImageDatabase db(folder.path() / name);
    std::vector<std::string> all{read_data_file(folder.path() / name / mean_file_name)};
    for (std::int64_t i = 0; i < db.count(); ++i) all.push_back(db.key(i) + value(db, i));
    return all;
  };
  const auto one = values("1", {.read = {16, Fit::square}, .shuffle = 3, .threads = 1});
  CHECK(values("4", {.read = {16, Fit::square}, .shuffle = 3, .threads = 4}) == one);
  const auto other = values("other", {.read = {16, Fit::square}, .shuffle = 4});
  CHECK(other != one);
  CHECK(other[0] == one[0]);
}

TEST_CASE("pictures that cannot be read") {
  const TempFolder folder;
  write_pictures(folder);
  folder.write("in/c.jpg", "text");
  const auto from = open_images(folder.path() / "in");
  CHECK_THROWS_WITH(convert_images(*from, folder.path() / "db", {}), contains("'c.jpg' is no JPEG"));
  CHECK_FALSE(fs::exists(folder.path() / "db"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
  const Converted made = convert_images(*from, folder.path() / "db", {.read = {16, Fit::square}, .skip_damaged = true});
  CHECK(made.pictures == 9);
  REQUIRE(made.skipped.size() == 1);
  CHECK_THAT(made.skipped[0], contains("'c.jpg' is no JPEG"));
  CHECK(ImageDatabase(folder.path() / "db").key(2) == "00000002_d.jpg");

  folder.write("bad/labels.tsv", "file\tclass\nx.jpg\t1\n");
  CHECK_THROWS_WITH(convert_images(*open_images(folder.path() / "bad"), folder.path() / "no", {.skip_damaged = true}),
                    contains("none of the 1 pictures can be read"));
  CHECK_FALSE(fs::exists(folder.path() / "no"));
}

TEST_CASE("a database becomes a smaller one") {
  const TempFolder folder;
  write_pictures(folder);
  convert_images(*open_images(folder.path() / "in"), folder.path() / "db", {.read = {20, Fit::square}});
  convert_images(*open_images(folder.path() / "db"), folder.path() / "small", {.read = {10, Fit::square}});
  CHECK(open_images(folder.path() / "small")->name(4) == "e.jpg");
  const ImageStatistics found = look_at(*open_images(folder.path() / "small"));
  CHECK(found.pictures == 10);
  CHECK(found.encoded == 0);
  CHECK(found.bytes == 10 * 300);
  CHECK(found.smallest == PictureSize{10, 10});
  CHECK(found.labels == 10);
  CHECK(found.last_label == 9);
}

TEST_CASE("what a folder holds") {
  const TempFolder folder;
  write_pictures(folder);
  const ImageStatistics found = look_at(*open_images(folder.path() / "in"));
  CHECK(found.encoded == 10);
  CHECK(found.smallest == PictureSize{40, 30});
  CHECK(found.largest == PictureSize{49, 30});
}
