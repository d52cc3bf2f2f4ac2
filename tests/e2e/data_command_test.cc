// `bitale data` and `bitale bench data`, as a user runs them.

#include <filesystem>

#include "models/data/image_set.h"
#include "models/data/jpeg.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using namespace bitale::models;
using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;

namespace fs = std::filesystem;

namespace {

// Pictures of 40 x 32 pixels, in two classes.
void write_pictures(const TempFolder& folder, int count) {
  for (int i = 0; i < count; ++i) {
    Picture picture{{40, 32}, {}};
    for (int p = 0; p < 40 * 32 * 3; ++p) picture.pixels.push_back(static_cast<std::uint8_t>((p / 3 % 40) * 4 + i));
    folder.write("in/" + std::string(i % 2 ? "cat/" : "ant/") + std::to_string(i) + ".jpg", encode_jpeg(picture));
  }
}

void check_succeeded(const Ran& ran) {
  INFO(ran.out << ran.err);
  CHECK(ran.status == 0);
}

}  // namespace

TEST_CASE("a folder is converted, and looked at") {
  const TempFolder folder;
  write_pictures(folder, 12);
  const std::string in = folder.path() / "in", db = folder.path() / "db";
  const Ran made = run_bitale({"data", "convert", in, db, "--size", "24", "--threads", "2", "--shuffle"});
  check_succeeded(made);
  CHECK_THAT(made.out, contains("db: 12 pictures in ") && contains("mean picture 24 x 24"));
  CHECK(open_images(db)->count() == 12);

  const Ran info = run_bitale({"data", "info", db});
  check_succeeded(info);
  CHECK_THAT(info.out, contains("pictures   12\n") && contains("held as    pixels\n") &&
                           contains("size       24 x 24\n") && contains("classes    2, from 0 to 1\n") &&
                           contains("mean       24 x 24, red "));

  const Ran encoded = run_bitale({"data", "convert", in, db + "2", "--size", "24", "--fit", "shorter", "--encoded"});
  check_succeeded(encoded);
  const Ran info2 = run_bitale({"data", "info", db + "2"});
  check_succeeded(info2);
  CHECK_THAT(info2.out, contains("held as    JPEG\n") && contains("size       30 x 24\n"));
}

TEST_CASE("what cannot be converted") {
  const TempFolder folder;
  write_pictures(folder, 4);
  const std::string in = folder.path() / "in", db = folder.path() / "db";
  const auto failed = [](const std::vector<std::string>& arguments, int status, const std::string& message) {
    const Ran ran = run_bitale(arguments);
    INFO(ran.out << ran.err);
    CHECK(ran.status == status);
    CHECK_THAT(ran.err, contains(message));
  };
  failed({"data"}, 2, "usage: bitale data COMMAND");
  failed({"data", "covnert"}, 2, "bitale data: there is no command 'covnert'; there are: convert, info.");
  failed({"data", "convert", in}, 2, "to is required");
  failed({"data", "convert", in, db, "--fit", "round"}, 2, "round not in {square,shorter}");
  failed({"data", "convert", in, in}, 1, "in' is there already");
  failed({"data", "convert", db, db}, 1, "there is nothing of this name");
  folder.write("in/cat/1.jpg", "no picture");
  failed({"data", "convert", in, db}, 1, "'cat/1.jpg' is no JPEG");
  CHECK_FALSE(fs::exists(db));
  const Ran made = run_bitale({"data", "convert", in, db, "--size", "8", "--skip-damaged"});
  check_succeeded(made);
  CHECK_THAT(made.out, contains("left out: 'cat/1.jpg' is no JPEG") && contains("3 pictures, 1 left out, in"));
}

TEST_CASE("the loading of pictures is measured") {
  const TempFolder folder;
  write_pictures(folder, 6);
  const Ran ran =
      run_bitale({"bench", "data", "--data", folder.path() / "in", "--size", "32", "--crop", "28", "--batch", "4",
                  "--steps", "2", "--rounds", "1", "--threads", "1", "--loader-threads", "1", "2"});
  check_succeeded(ran);
  CHECK_THAT(ran.out, contains("in: 6 pictures; batches of 4, crops of 28") &&
                          contains("a step of small on 1 thread:") && contains("\n1   ") && contains("\n2   "));
  const Ran other = run_bitale({"bench", "data", "--data", folder.path() / "in", "--model", "lenet"});
  CHECK(other.status == 2);
  CHECK_THAT(other.err, contains("lenet does not read pictures"));
}
