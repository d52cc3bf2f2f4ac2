#include "models/data/reviews.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "models/data/file.h"
#include "models/data/split_mix.h"
#include "models/data/utf8.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr int least_stars = 1, most_stars = 10;
constexpr double strongest = 4;  // the rating of a bundled sentence, either way
constexpr std::size_t max_review_bytes = std::size_t{1} << 20;
constexpr std::uint64_t split_seed = 10566;

// All of `text` as a number, or nothing.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<int> stars_in(std::string_view text) {
  const std::optional<int> stars = number_in<int>(text);
  return stars && *stars >= least_stars && *stars <= most_stars ? stars : std::nullopt;
}

// What is wrong with the text of a review; empty: nothing.
std::string fault_of(std::string_view text) {
  if (text.empty()) return "the review is empty";
  const std::size_t at = find_malformed(text);
  return at == std::string_view::npos ? "" : fmt::format("byte {} of the review is not UTF-8", at + 1);
}

// ---- tables ----

constexpr std::size_t columns = 3;
using Fields = std::array<std::string_view, columns>;

// Rows of tab-separated values under a header.
class Table {
 public:
  Table(std::string_view text, const std::string& name, std::string_view header)
      : text_(text), name_(name), header_(header) {
    const bool has_line = next_line();
    if (!has_line) throw Error(fmt::format("'{}' is empty; a table with the columns {} was expected.", name_, names()));
    if (line_ != header_) reject("the header '{}' was expected, with tabs between the names", names());
  }

  // The fields of the next row; false if there is none.
  bool next(Fields& fields) {
    if (!next_line()) {
      if (number_ == 1) throw Error(fmt::format("'{}' has a header and no reviews.", name_));
      return false;
    }
    const auto tabs = static_cast<std::size_t>(std::count(line_.begin(), line_.end(), '\t'));
    if (tabs + 1 != columns) reject("{} columns ({}) were expected, and there are {}", columns, names(), tabs + 1);
    std::string_view rest = line_;
    for (std::string_view& field : fields) {
      field = rest.substr(0, rest.find('\t'));
      rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    }
    return true;
  }

  // The text of a review in the row under way, checked.
  std::string text(std::string_view field) const {
    if (const std::string fault = fault_of(field); !fault.empty()) reject("{}", fault);
    return std::string(field);
  }

  template <class... Parts>
  [[noreturn]] void reject(fmt::format_string<Parts...> format, Parts&&... parts) const {
    throw Error(fmt::format("'{}', line {}: {}.", name_, number_, fmt::format(format, std::forward<Parts>(parts)...)));
  }

 private:
  bool next_line() {
    if (text_.empty()) return false;
    ++number_;
    const std::size_t end = text_.find('\n');
    line_ = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    return true;
  }

  std::string names() const {
    std::string text(header_);
    std::replace(text.begin(), text.end(), '\t', ' ');
    return text;
  }

  std::string_view text_, line_;
  std::string name_;
  std::string_view header_;
  std::int64_t number_ = 0;
};

// What a message shows of a field that may be anything.
std::string shown(std::string_view field) {
  constexpr std::size_t longest = 20;
  const bool printable = std::all_of(field.begin(), field.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (!printable) return "something else";
  return field.size() > longest ? fmt::format("'{}...'", field.substr(0, longest)) : fmt::format("'{}'", field);
}

// ---- folders ----

struct ReviewFile {
  std::int64_t number = 0;
  int rating = 0;
  std::int32_t label = 0;
  fs::path path;
};

ReviewFile named_file(const fs::path& path, std::int32_t label) {
  const std::string stem = path.stem().string();
  const std::size_t line = std::min(stem.find('_'), stem.size());
  const auto number = number_in<std::int64_t>(std::string_view(stem).substr(0, line));
  const auto stars = stars_in(std::string_view(stem).substr(std::min(line + 1, stem.size())));
  if (!number || *number < 0 || !stars) {
    throw Error(
        fmt::format("'{}': a review was expected to have a name like 12_7.txt: its number, and its rating from {} "
                    "to {}.",
                    path.string(), least_stars, most_stars));
  }
  return {*number, *stars, label, path};
}

void list_reviews(const fs::path& folder, std::int32_t label, std::vector<ReviewFile>& files) {
  std::error_code failure;
  fs::directory_iterator entries(folder, failure);
  if (failure) throw Error(fmt::format("the folder '{}' cannot be read: {}.", folder.string(), failure.message()));
  const std::size_t before = files.size();
  for (; entries != fs::directory_iterator(); entries.increment(failure)) {
    if (entries->path().extension() == ".txt") files.push_back(named_file(entries->path(), label));
    if (failure) break;
  }
  if (failure) throw Error(fmt::format("the folder '{}' cannot be read: {}.", folder.string(), failure.message()));
  if (files.size() == before) throw Error(fmt::format("the folder '{}' has no reviews (*.txt).", folder.string()));
}

// ---- where they are ----

// The table or the folder of one part: "train" or "test".
fs::path find_part(const fs::path& dir, const std::string& part) {
  std::string tried;
  std::error_code failure;
  for (const fs::path& folder : {dir, dir / "imdb", dir / "aclImdb"}) {
    for (const char* ending : {".tsv", ".tsv.gz"}) {
      const fs::path path = folder / (part + ending);
      if (fs::is_regular_file(path, failure)) return path;
      tried += "\n  " + path.string();
    }
    if (fs::is_directory(folder / part / "pos", failure)) return folder / part;
    tried += "\n  " + (folder / part / "pos").string();
  }
  throw Error(fmt::format("there are no IMDB reviews in '{}'; these were looked for:{}", dir.string(), tried));
}

std::vector<Review> load_part(const fs::path& dir, const std::string& part) {
  const fs::path path = find_part(dir, part);
  std::error_code failure;
  if (fs::is_directory(path, failure)) return read_review_folder(path);
  return parse_reviews(read_data_file(path), path.string());
}

Reviews load_bundled() {
  constexpr std::int64_t train_count = 9000;
  const fs::path path = bundled_folder("snippets") / "snippets.tsv.gz";
  Reviews reviews = split_reviews(parse_snippets(read_data_file(path), path.string()), train_count);
  reviews.source = fmt::format("the bundled sentences from reviews ({} to train on, {} held out)", reviews.train.size(),
                               reviews.test.size());
  return reviews;
}

}  // namespace

std::vector<Review> parse_reviews(std::string_view text, const std::string& name) {
  Table table(text, name, "label\trating\treview");
  std::vector<Review> reviews;
  for (Fields fields; table.next(fields);) {
    if (fields[0] != "0" && fields[0] != "1")
      table.reject("the label is 0 (negative) or 1 (positive), and here it is {}", shown(fields[0]));
    const std::optional<int> stars = stars_in(fields[1]);
    if (!stars) {
      table.reject("the rating is a whole number from {} to {}, and here it is {}", least_stars, most_stars,
                   shown(fields[1]));
    }
    reviews.push_back({table.text(fields[2]), fields[0] == "1" ? 1 : 0, static_cast<double>(*stars)});
  }
  return reviews;
}

std::vector<Review> parse_snippets(std::string_view text, const std::string& name) {
  Table table(text, name, "id\trating\tsnippet");
  std::vector<Review> reviews;
  for (Fields fields; table.next(fields);) {
    if (!number_in<std::int64_t>(fields[0]))
      table.reject("the id is a whole number, and here it is {}", shown(fields[0]));
    const double rating = number_in<double>(fields[1]).value_or(0);
    if (!(std::abs(rating) <= strongest) || rating == 0) {
      table.reject("the rating is a number from {} to {} that is not 0, and here it is {}", -strongest, strongest,
                   shown(fields[1]));
    }
    reviews.push_back({table.text(fields[2]), rating > 0 ? 1 : 0, rating});
  }
  return reviews;
}

std::vector<Review> read_review_folder(const fs::path& folder) {
  std::vector<ReviewFile> files;
  list_reviews(folder / "pos", 1, files);
  list_reviews(folder / "neg", 0, files);
  std::sort(files.begin(), files.end(), [](const ReviewFile& a, const ReviewFile& b) {
    return std::tie(a.number, b.label, a.rating, a.path) < std::tie(b.number, a.label, b.rating, b.path);
  });
  std::vector<Review> reviews;
  reviews.reserve(files.size());
  for (const ReviewFile& file : files) {
    std::string text = read_data_file(file.path, max_review_bytes);
    if (const std::string fault = fault_of(text); !fault.empty())
      throw Error(fmt::format("'{}': {}.", file.path.string(), fault));
    reviews.push_back({std::move(text), file.label, static_cast<double>(file.rating)});
  }
  return reviews;
}

Reviews split_reviews(std::vector<Review> reviews, std::int64_t train_count) {
  const auto count = static_cast<std::int64_t>(reviews.size());
  if (train_count < 0 || train_count > count)
    throw Error(fmt::format("{} reviews to train on were asked for, and there are {}.", train_count, count));
  SplitMix(split_seed).shuffle(reviews);
  Reviews parts;
  const auto first_held_out = reviews.begin() + train_count;
  parts.test.assign(std::move_iterator(first_held_out), std::move_iterator(reviews.end()));
  reviews.erase(first_held_out, reviews.end());
  parts.train = std::move(reviews);
  return parts;
}

Reviews load_reviews(const std::optional<std::string>& dir) {
  const std::string where = dir ? *dir : flags().data;
  if (!dir && where.empty()) return load_bundled();
  Reviews reviews;
  reviews.train = load_part(where, "train");
  reviews.test = load_part(where, "test");
  reviews.source = fmt::format("IMDB's reviews in {} ({} to train on, {} held out)", where, reviews.train.size(),
                               reviews.test.size());
  return reviews;
}

}  // namespace bitale::models
