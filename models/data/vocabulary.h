// Numbers for the words of a text, as an embedding takes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bitale::models {

inline constexpr std::int32_t padding_id = 0, unknown_id = 1, first_word_id = 2;

// A table that is asked with a string_view, without making a string of it.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

class Vocabulary {
 public:
  bool add(const std::string& word);  // gives it the next id, from first_word_id on; false if it has one

  std::int64_t size() const { return static_cast<std::int64_t>(words_.size()) + first_word_id; }  // ids are below it
  std::int32_t id(std::string_view word) const;                     // unknown_id if it has none
  const std::string& word(std::int32_t id) const;                   // Error if it is the id of no word
  const std::vector<std::string>& words() const { return words_; }  // by id, from first_word_id on
  std::vector<std::int32_t> encode(std::string_view text) const;    // the ids of its tokens (models/data/tokens.h)

 private:
  std::vector<std::string> words_;
  TextMap<std::int32_t> ids_;
};

class WordCounts {
 public:
  void add(std::string_view text);  // its tokens

  std::int64_t total() const { return total_; }
  std::int64_t distinct() const { return static_cast<std::int64_t>(counts_.size()); }
  // A vocabulary of `size` ids, or fewer if there are fewer words: the most frequent words, the most frequent one
  // first; of words that are as frequent, the first by their bytes. Error if `size` is below first_word_id.
  Vocabulary most_frequent(std::int64_t size) const;

 private:
  TextMap<std::int64_t> counts_;
  std::int64_t total_ = 0;
};

// A vocabulary as text: the line "bitale vocabulary 1, words: N", and a line for each word in the order of the ids.
// Reading: Error that names the line if a word is empty, there twice, no UTF-8 or has white space in it, and if there
// are not as many as the first line says. `name` is the file's name in messages.
std::string to_text(const Vocabulary& vocabulary);
Vocabulary parse_vocabulary(std::string_view text, const std::string& name);
void save_vocabulary(const std::filesystem::path& path, const Vocabulary& vocabulary);  // as replace_file does
Vocabulary load_vocabulary(const std::filesystem::path& path);

}  // namespace bitale::models
