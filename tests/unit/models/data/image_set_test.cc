#include "models/data/image_set.h"

#include "models/data/image_database.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale;
using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;
using bitale::tests::message_of;
using bitale::tests::TempFolder;

namespace {

struct Seen {
  Picture picture;
  std::int32_t label = -1;
};

Seen read(const ImageSet& set, std::int64_t index, const ReadOptions& options = {}) {
  Seen out;
  set.read(index, options, [&](const PictureView& picture, std::int32_t label) { out = {copy(picture), label}; });
  return out;
}

std::string labels_said(const std::string& text) {
  return message_of([&] { parse_labels(text, "l.tsv"); });
}

}  // namespace

TEST_CASE("a folder with labels") {
  const TempFolder folder;
  folder.write("b.jpg", jpeg_of(gradient({20, 10}, 40)));
  folder.write("sub/a.jpg", jpeg_of(gradient({8, 8}, 200)));
  folder.write("labels.tsv", "file\tclass\tname\nb.jpg\t7\ta bee\nsub/a.jpg\t0\tan ape\n");
  const auto set = open_images(folder.path());
  REQUIRE(set->count() == 2);
  CHECK(set->name(1) == "sub/a.jpg");
  CHECK_FALSE(set->mean());
  CHECK(read(*set, 0).label == 7);
  CHECK(difference(read(*set, 0).picture, gradient({20, 10}, 40)) <= 6);
  CHECK(read(*set, 1).label == 0);
  CHECK(read(*set, 0, {5, Fit::shorter}).picture.size == PictureSize{10, 5});
  CHECK(read(*set, 0, {5, Fit::square}).picture.size == PictureSize{5, 5});
}

TEST_CASE("a folder whose subfolders are classes") {
  const TempFolder folder;
  const std::string bytes = jpeg_of(gradient({4, 4}));
  for (const char* name : {"dog/2.jpg", "dog/1.JPEG", "ape/x.jpeg", "none/readme.txt", "loose.jpg", "yak/y.jpg"})
    folder.write(name, bytes);
  const auto set = open_images(folder.path());
  REQUIRE(set->count() == 4);
  const char* names[] = {"ape/x.jpeg", "dog/1.JPEG", "dog/2.jpg", "yak/y.jpg"};
  const std::int32_t labels[] = {0, 1, 1, 2};
  for (std::int64_t i = 0; i < 4; ++i) {
    CHECK(set->name(i) == names[i]);
    CHECK(read(*set, i).label == labels[i]);
  }
}

TEST_CASE("a database of pixels and of files") {
  const TempFolder folder;
  {
    ImageDatabaseWriter writer(folder.path() / "db");
    writer.add("a_b.jpg", datum_of(gradient({6, 4}), 3));
    writer.add("c.jpg", encoded_datum(jpeg_of(gradient({10, 20})), {10, 20}, 4));
    writer.finish(to_bytes({{1, 1}, {1, 2, 3}}));
  }
  const auto set = open_images(folder.path() / "db");
  REQUIRE(set->count() == 2);
  CHECK(set->name(0) == "a_b.jpg");
  CHECK(read(*set, 0).picture.pixels == gradient({6, 4}).pixels);
  CHECK(read(*set, 0).label == 3);
  CHECK(read(*set, 0, {8, Fit::square}).picture.size == PictureSize{8, 8});
  CHECK(difference(read(*set, 1).picture, gradient({10, 20})) <= 6);
  CHECK(set->mean()->values == std::vector<float>{1, 2, 3});
}

TEST_CASE("pictures that cannot be read are named") {
  const TempFolder folder;
  folder.write("bad.jpg", jpeg_of(gradient({30, 30})).substr(0, 300));
  folder.write("text.jpg", "hello");
  folder.write("labels.tsv", "class\tfile\n1\tbad.jpg\n1\ttext.jpg\n1\tgone.jpg\n");
  const auto set = open_images(folder.path());
  CHECK_THROWS_WITH(read(*set, 0), contains("'bad.jpg' is a damaged JPEG of 300 bytes"));
  CHECK_THROWS_WITH(read(*set, 1), contains("'text.jpg' is no JPEG"));
  CHECK_THROWS_WITH(read(*set, 2), contains("gone.jpg' is not a file"));
}

TEST_CASE("folders without pictures") {
  const TempFolder folder;
  CHECK_THROWS_WITH(open_images(folder.path()), contains("there are no pictures in"));
  CHECK_THROWS_WITH(open_images(folder.path() / "gone"), contains("there is nothing of this name"));
  CHECK_THROWS_WITH(open_images(folder.write("file", "x")), contains("there is a file of this name"));
}

TEST_CASE("tables of labels") {
  const auto rows = parse_labels("class\tother\tfile\r\n3\t\ta.jpg\r\n0\tx\tb c.jpg", "l.tsv");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].file == "a.jpg");
  CHECK(rows[0].label == 3);
  CHECK(rows[1].file == "b c.jpg");
  CHECK_THAT(labels_said(""), contains("names no pictures"));
  CHECK_THAT(labels_said("name\tclass\nx\t1\n"), contains("'l.tsv', line 1: columns 'file' and 'class'"));
  CHECK_THAT(labels_said("file\tclass\n"), contains("names no pictures"));
  CHECK_THAT(labels_said("file\tclass\na.jpg\n"), contains("'l.tsv', line 2: 1 columns; 2 were expected"));
  CHECK_THAT(labels_said("file\tclass\na.jpg\tcat\n"), contains("line 2: the class is 'cat'; a number from 0"));
  CHECK_THAT(labels_said("file\tclass\na.jpg\t-1\n"), contains("'-1'"));
  CHECK_THAT(labels_said("file\tclass\na.jpg\t99999999999\n"), contains("'99999999999'"));
  CHECK_THAT(labels_said("file\tclass\n/etc/passwd\t1\n"), contains("not the name of a file in this folder"));
  CHECK_THAT(labels_said("file\tclass\nx/../../y\t1\n"), contains("not the name of a file in this folder"));
  CHECK_THAT(labels_said("file\tclass\n\t1\n"), contains("line 2: '' is not the name"));
}
