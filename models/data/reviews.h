// Reviews of films and whether they are positive: the Large Movie Review Dataset (IMDB), or the sentences that are
// bundled with Bitale.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::models {

struct Review {
  std::string text;        // UTF-8, not empty
  std::int32_t label = 0;  // 1: positive, 0: negative
  double rating = 0;       // IMDB: 1 to 10 stars; bundled sentences: -4 to 4, never 0
  bool operator==(const Review&) const = default;
};

struct Reviews {
  std::vector<Review> train, test;
  std::string source;  // where they were read from, in words for a person
};

// IMDB's reviews in `dir`, dir/imdb or dir/aclImdb; without `dir`, in $BITALE_DATA; without both, the bundled
// sentences: 9,000 to train on and 1,566 held out. Each part of IMDB is either a table, train.tsv and test.tsv, plain
// or gzip, or the folder that it is distributed as, train/ and test/ with pos/ and neg/ in it. A directory that was
// named and lacks a part is an Error that lists what was looked for.
Reviews load_reviews(const std::optional<std::string>& dir = std::nullopt);

// The steps of load_reviews. `name` is a file's name in messages. What is malformed is an Error that says where: a
// table without rows, a row with another number of columns, a label or rating out of range, an empty text, bytes that
// are no UTF-8. Lines end in "\n" or "\r\n"; the last one may lack it.
std::vector<Review> parse_reviews(std::string_view text, const std::string& name);   // columns label, rating, review
std::vector<Review> parse_snippets(std::string_view text, const std::string& name);  // columns id, rating, snippet

// The files NUMBER_RATING.txt in folder/pos and folder/neg, by number, positive ones first: the order of the tables.
// Files with other endings are not looked at; a .txt with another name is an Error.
std::vector<Review> read_review_folder(const std::filesystem::path& folder);

// Shuffled, in the same order on every machine: `train_count` to train on, the others held out.
Reviews split_reviews(std::vector<Review> reviews, std::int64_t train_count);

}  // namespace bitale::models
