#include "models/data/reviews.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/models/data/samples.h"

using bitale::Error;
using bitale::tests::contains;
using bitale::tests::TempFolder;
using namespace bitale::models;
using bitale::models::tests::DataFlag;
using bitale::models::tests::gzip;

namespace {

const std::string header = "label\trating\treview\n";

std::vector<Review> parse(const std::string& rows) { return parse_reviews(header + rows, "x.tsv"); }

void write_tables(const TempFolder& folder, const std::string& prefix) {
  folder.write(prefix + "train.tsv.gz", gzip(header + "1\t9\tGood.\n0\t2\tBad.\n1\t7\tFine.\n"));
  folder.write(prefix + "test.tsv", header + "0\t1\tAwful.\n");
}

void write_folders(const TempFolder& folder, const std::string& prefix) {
  folder.write(prefix + "train/pos/10_7.txt", "Fine.");
  folder.write(prefix + "train/pos/2_9.txt", "Good.");
  folder.write(prefix + "train/neg/2_2.txt", "Bad.");
  folder.write(prefix + "train/unsup/0_0.txt", "Not looked at.");
  folder.write(prefix + "train/neg/notes", "Not looked at.");
  folder.write(prefix + "test/pos/0_10.txt", "Best.");
  folder.write(prefix + "test/neg/0_1.txt", "Awful.");
}

}  // namespace

TEST_CASE("reviews are rows of label, rating and text") {
  CHECK(parse("1\t10\tA \"fine\" film\n0\t1\tcafé\n") ==
        std::vector<Review>{{"A \"fine\" film", 1, 10}, {"café", 0, 1}});
  CHECK(parse("1\t7\tlast line without end") == std::vector<Review>{{"last line without end", 1, 7}});
  CHECK(parse_reviews("label\trating\treview\r\n1\t7\tof Windows\r\n", "x.tsv").front().text == "of Windows");
}

TEST_CASE("a malformed row of reviews is named") {
  const std::string good = "1\t7\tgood\n";
  CHECK_THROWS_WITH(parse(good + "1\t7\n"),
                    contains("'x.tsv', line 3: 3 columns (label rating review) were expected, and there are 2."));
  CHECK_THROWS_WITH(parse(good + "1\t7\ta\tb\n"), contains("line 3") && contains("there are 4"));
  CHECK_THROWS_WITH(parse(good + "\n" + good), contains("line 3") && contains("there are 1"));
  CHECK_THROWS_WITH(parse(good + "2\t7\ta\n"), contains("line 3: the label is 0 (negative) or 1") && contains("'2'"));
  CHECK_THROWS_WITH(parse("pos\t7\ta\n"), contains("line 2: the label is 0 (negative) or 1") && contains("'pos'"));
  CHECK_THROWS_WITH(parse("1\t11\ta\n"), contains("the rating is a whole number from 1 to 10") && contains("'11'"));
  CHECK_THROWS_WITH(parse("1\t0\ta\n"), contains("the rating is a whole number from 1 to 10"));
  CHECK_THROWS_WITH(parse("1\t7.5\ta\n"), contains("'7.5'"));
  CHECK_THROWS_WITH(parse("1\t99999999999999999999\ta\n"), contains("'99999999999999999999'"));
  CHECK_THROWS_WITH(parse("1\tx\x01\ta\n"), contains("here it is something else"));
  CHECK_THROWS_WITH(parse("1\t7\t\n"), contains("'x.tsv', line 2: the review is empty."));
  CHECK_THROWS_WITH(parse("1\t7\tcaf\xe9\n"), contains("'x.tsv', line 2: byte 4 of the review is not UTF-8."));
}

TEST_CASE("a table without its header or without rows is refused") {
  CHECK_THROWS_WITH(parse_reviews("", "x.tsv"), contains("'x.tsv' is empty") && contains("label rating review"));
  CHECK_THROWS_WITH(parse_reviews(header, "x.tsv"), contains("'x.tsv' has a header and no reviews"));
  CHECK_THROWS_WITH(parse_reviews("1\t7\tgood\n", "x.tsv"), contains("'x.tsv', line 1: the header"));
  CHECK_THROWS_WITH(parse_snippets(header + "1\t7\tgood\n", "x.tsv"), contains("'id rating snippet' was expected"));
}

TEST_CASE("a sentence's label is the sign of its rating") {
  const auto parse = [](const std::string& rows) { return parse_snippets("id\trating\tsnippet\n" + rows, "s.tsv"); };
  CHECK(parse("7\t0.05\tfair\n9\t-4\tworst\n") == std::vector<Review>{{"fair", 1, 0.05}, {"worst", 0, -4}});
  for (const std::string rating : {"0", "-0.00", "4.01", "-5", "nan", "inf", "", "1x", "0x1"}) {
    INFO(rating);
    CHECK_THROWS_WITH(parse("1\t" + rating + "\ta\n"),
                      contains("'s.tsv', line 2: the rating is a number from -4 to 4"));
  }
  CHECK_THROWS_WITH(parse("x\t1\ta\n"), contains("'s.tsv', line 2: the id is a whole number"));
}

TEST_CASE("tables are read, plain or compressed, in the folder and in imdb/") {
  for (const std::string prefix : {"", "imdb/"}) {
    const TempFolder folder;
    write_tables(folder, prefix);
    const Reviews reviews = load_reviews(folder.path().string());
    CHECK(reviews.train == std::vector<Review>{{"Good.", 1, 9}, {"Bad.", 0, 2}, {"Fine.", 1, 7}});
    CHECK(reviews.test == std::vector<Review>{{"Awful.", 0, 1}});
    CHECK(reviews.source == "IMDB's reviews in " + folder.path().string() + " (3 to train on, 1 held out)");
  }
}

TEST_CASE("the folders of the distribution are read by number, positive reviews first") {
  for (const std::string prefix : {"", "aclImdb/"}) {
    const TempFolder folder;
    write_folders(folder, prefix);
    const Reviews reviews = load_reviews(folder.path().string());
    CHECK(reviews.train == std::vector<Review>{{"Good.", 1, 9}, {"Bad.", 0, 2}, {"Fine.", 1, 7}});
    CHECK(reviews.test == std::vector<Review>{{"Best.", 1, 10}, {"Awful.", 0, 1}});
  }
}

TEST_CASE("a file of the distribution that is no review is named") {
  const auto message = [](const std::string& name, const std::string& text) {
    const TempFolder folder;
    write_folders(folder, "");
    folder.write(name, text);
    try {
      load_reviews(folder.path().string());
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  for (const std::string name : {"x_1", "3", "3_", "_3", "3_11", "3_0", "-3_1", "3_1_2", "3 _1"}) {
    INFO(name);
    CHECK_THAT(message("test/neg/" + name + ".txt", "text"),
               contains("test/neg/" + name + ".txt': a review was expected to have a name like 12_7.txt"));
  }
  CHECK_THAT(message("train/pos/3_8.txt", ""), contains("train/pos/3_8.txt': the review is empty."));
  CHECK_THAT(message("train/pos/3_8.txt", "caf\xe9"), contains("3_8.txt': byte 4 of the review is not UTF-8."));
  CHECK_THAT(message("train/pos/3_8.txt", std::string((1 << 20) + 1, 'x')), contains("1048577 bytes"));
}

TEST_CASE("a folder of the distribution without reviews is named") {
  const TempFolder folder;
  write_folders(folder, "");
  std::filesystem::remove(folder.path() / "test/neg/0_1.txt");
  CHECK_THROWS_WITH(load_reviews(folder.path().string()), contains("test/neg' has no reviews"));
  std::filesystem::remove(folder.path() / "test/neg");
  CHECK_THROWS_WITH(load_reviews(folder.path().string()), contains("test/neg' cannot be read"));
}

TEST_CASE("a named folder without reviews is an error, not the bundled sentences") {
  const TempFolder folder;
  CHECK_THROWS_WITH(load_reviews(folder.path().string()), contains("there are no IMDB reviews in") &&
                                                              contains("imdb/train.tsv.gz") &&
                                                              contains("aclImdb/train/pos"));
  write_tables(folder, "");
  std::filesystem::remove(folder.path() / "test.tsv");
  CHECK_THROWS_WITH(load_reviews(folder.path().string()), contains("test.tsv.gz"));
}

TEST_CASE("a truncated table is refused") {
  const TempFolder folder;
  write_tables(folder, "");
  const std::string packed = gzip(header + "1\t9\tGood.\n");
  folder.write("train.tsv.gz", packed.substr(0, packed.size() - 9));
  CHECK_THROWS_WITH(load_reviews(folder.path().string()), contains("train.tsv.gz' is a truncated gzip file"));
}

TEST_CASE("BITALE_DATA counts where no folder of reviews is named") {
  const TempFolder folder, other;
  write_tables(folder, "imdb/");
  const DataFlag flag(folder.path().string());
  CHECK(load_reviews().train.size() == 3);
  CHECK_THROWS_WITH(load_reviews(other.path().string()), contains("there are no IMDB reviews"));
}

TEST_CASE("a split keeps every review") {
  std::vector<Review> reviews;
  for (int i = 0; i < 50; ++i) reviews.push_back({std::to_string(i), i % 2, 1.0 + i});
  const Reviews parts = split_reviews(reviews, 40);
  CHECK(parts.train.size() == 40);
  CHECK(parts.test.size() == 10);
  std::set<std::string> seen;
  for (const std::vector<Review>* part : {&parts.train, &parts.test}) {
    for (const Review& review : *part) {
      seen.insert(review.text);
      CHECK(review == reviews[static_cast<std::size_t>(std::stoi(review.text))]);
    }
  }
  CHECK(seen.size() == 50);
  CHECK(split_reviews(reviews, 40).train == parts.train);
  CHECK(split_reviews(reviews, 50).test.empty());
  CHECK(split_reviews({}, 0).train.empty());
  CHECK_THROWS_WITH(split_reviews(reviews, 51), contains("51 reviews") && contains("50"));
}

TEST_CASE("the bundled sentences are 9,000 and 1,566, half of them positive, always the same") {
  const DataFlag none("");
  const Reviews reviews = load_reviews();
  CHECK(reviews.train.size() == 9000);
  CHECK(reviews.test.size() == 1566);
  CHECK(reviews.source == "the bundled sentences from reviews (9000 to train on, 1566 held out)");
  std::set<std::string> texts;
  for (const std::vector<Review>* part : {&reviews.train, &reviews.test}) {
    const auto positive = std::count_if(part->begin(), part->end(), [](const Review& r) { return r.label == 1; });
    CHECK(std::abs(2.0 * static_cast<double>(positive) / static_cast<double>(part->size()) - 1) < 0.03);
    for (const Review& review : *part) texts.insert(review.text);
  }
  CHECK(texts.size() == 10566);
  CHECK(reviews.train.front().text.starts_with("The film gets close to the chimps"));
  CHECK(load_reviews().train == reviews.train);
}
