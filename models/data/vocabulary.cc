#include "models/data/vocabulary.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "models/data/file.h"
#include "models/data/tokens.h"
#include "models/data/utf8.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::string_view first_words = "bitale vocabulary 1, words: ";

// What is wrong with a word from outside; empty: nothing.
std::string fault_of(std::string_view word) {
  if (word.empty()) return "a word was expected, and the line is empty";
  const auto separates = [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; };
  if (std::any_of(word.begin(), word.end(), separates)) return "a word has no white space or control character in it";
  if (find_malformed(word) != std::string_view::npos) return "the word is not UTF-8";
  return {};
}

// The text up to the next end of line, which must be there; `text` becomes what follows it.
std::string_view take_line(std::string_view& text, std::int64_t line, const std::string& name) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos)
    throw Error(fmt::format("'{}', line {}: the end of the line was expected; the file is cut off.", name, line));
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

std::int64_t count_in(std::string_view line, const std::string& name) {
  std::int64_t count = -1;
  if (line.starts_with(first_words)) {
    const std::string_view number = line.substr(first_words.size());
    const auto [rest, failure] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (failure != std::errc{} || rest != number.data() + number.size()) count = -1;
  }
  if (count < 0) {
    throw Error(fmt::format("'{}', line 1: '{}' and the number of words were expected; this is not a vocabulary.", name,
                            first_words));
  }
  return count;
}

}  // namespace

bool Vocabulary::add(const std::string& word) {
  const auto id = static_cast<std::int32_t>(size());
  if (!ids_.try_emplace(word, id).second) return false;
  words_.push_back(word);
  return true;
}

std::int32_t Vocabulary::id(std::string_view word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? unknown_id : found->second;
}

const std::string& Vocabulary::word(std::int32_t id) const {
  if (id < first_word_id || id >= size()) {
    throw Error(fmt::format("{} is the id of no word; the words of this vocabulary have the ids {} to {}.", id,
                            first_word_id, size() - 1));
  }
  return words_[static_cast<std::size_t>(id - first_word_id)];
}

std::vector<std::int32_t> Vocabulary::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  for (const std::string& token : tokenize(text)) ids.push_back(id(token));
  return ids;
}

void WordCounts::add(std::string_view text) {
  for (std::string& token : tokenize(text)) {
    ++counts_[std::move(token)];
    ++total_;
  }
}

Vocabulary WordCounts::most_frequent(std::int64_t size) const {
  if (size < first_word_id) {
    throw Error(
        fmt::format("a vocabulary of {} ids was asked for; the ids of padding and of unknown words alone are {}.", size,
                    first_word_id));
  }
  std::vector<std::pair<std::int64_t, std::string_view>> order;
  order.reserve(counts_.size());
  for (const auto& [word, count] : counts_) order.emplace_back(-count, word);
  const auto kept = static_cast<std::size_t>(std::min(size - first_word_id, distinct()));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end());

  Vocabulary vocabulary;
  for (std::size_t i = 0; i < kept; ++i) vocabulary.add(std::string(order[i].second));
  return vocabulary;
}

std::string to_text(const Vocabulary& vocabulary) {
  std::string text = fmt::format("{}{}\n", first_words, vocabulary.words().size());
  for (const std::string& word : vocabulary.words()) text.append(word).append("\n");
  return text;
}

Vocabulary parse_vocabulary(std::string_view text, const std::string& name) {
  const std::int64_t count = count_in(take_line(text, 1, name), name);
  Vocabulary vocabulary;
  std::int64_t line = 1;
  while (!text.empty()) {
    const std::string word(take_line(text, ++line, name));
    if (const std::string fault = fault_of(word); !fault.empty())
      throw Error(fmt::format("'{}', line {}: {}.", name, line, fault));
    if (!vocabulary.add(word)) {
      throw Error(fmt::format("'{}', line {}: the word '{}' is already in line {}.", name, line, word,
                              vocabulary.id(word) - first_word_id + 2));
    }
  }
  if (line - 1 != count) throw Error(fmt::format("'{}' has {} words; its first line says {}.", name, line - 1, count));
  return vocabulary;
}

void save_vocabulary(const std::filesystem::path& path, const Vocabulary& vocabulary) {
  const std::string text = to_text(vocabulary);
  replace_file(path, std::vector<std::string_view>{text});
}

Vocabulary load_vocabulary(const std::filesystem::path& path) {
  return parse_vocabulary(read_data_file(path), path.string());
}

}  // namespace bitale::models
