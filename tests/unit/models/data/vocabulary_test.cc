#include "models/data/vocabulary.h"

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using bitale::Error;
using bitale::tests::contains;
using bitale::tests::TempFolder;
using namespace bitale::models;

namespace {

using Words = std::vector<std::string>;
using Ids = std::vector<std::int32_t>;

WordCounts some_counts() {
  WordCounts counts;
  counts.add("b a b c");
  counts.add("B, d a c");
  return counts;
}

}  // namespace

TEST_CASE("ids are by frequency, and of words that are as frequent by their text") {
  const WordCounts counts = some_counts();
  CHECK(counts.total() == 9);
  CHECK(counts.distinct() == 5);
  const Vocabulary all = counts.most_frequent(100);
  CHECK(all.words() == Words{"b", "a", "c", ",", "d"});
  CHECK(all.size() == 7);
  CHECK(all.id("b") == 2);
  CHECK(all.id("d") == 6);
  CHECK(all.word(6) == "d");
}

TEST_CASE("a vocabulary of N ids has N-2 words, and all others are unknown") {
  const Vocabulary vocabulary = some_counts().most_frequent(5);
  CHECK(vocabulary.words() == Words{"b", "a", "c"});
  CHECK(vocabulary.size() == 5);
  CHECK(vocabulary.encode("A b? D") == Ids{3, 2, unknown_id, unknown_id});
  CHECK(vocabulary.encode("").empty());
  CHECK(vocabulary.encode("<br />").empty());
  CHECK(vocabulary.encode("zzz") == Ids{1});
  CHECK(some_counts().most_frequent(2).encode("a b") == Ids{1, 1});
  CHECK(WordCounts().most_frequent(10).size() == 2);
  CHECK_THROWS_WITH(some_counts().most_frequent(1), contains("a vocabulary of 1 ids") && contains("alone are 2"));
}

TEST_CASE("what is the id of no word has none") {
  const Vocabulary vocabulary = some_counts().most_frequent(5);
  for (const std::int32_t id : {-1, padding_id, unknown_id, 5}) {
    CHECK_THROWS_WITH(vocabulary.word(id),
                      contains(std::to_string(id) + " is the id of no word") && contains("2 to 4"));
  }
}

TEST_CASE("a saved vocabulary is read back") {
  const TempFolder folder;
  WordCounts counts;
  counts.add("It's a café -- \"well-made\", 1,000 … times");
  for (const std::int64_t size : {2, 3, 100}) {
    const Vocabulary vocabulary = counts.most_frequent(size);
    save_vocabulary(folder.path() / "words", vocabulary);
    CHECK(load_vocabulary(folder.path() / "words").words() == vocabulary.words());
  }
  CHECK(to_text(some_counts().most_frequent(4)) == "bitale vocabulary 1, words: 2\nb\na\n");
}

TEST_CASE("a malformed vocabulary is named with its line") {
  const auto parse = [](const std::string& text) { return parse_vocabulary(text, "words"); };
  const std::string head = "bitale vocabulary 1, words: 2\n";
  CHECK(parse(head + "b\na\n").id("a") == 3);
  CHECK_THROWS_WITH(parse(""), contains("'words', line 1: the end of the line was expected"));
  CHECK_THROWS_WITH(parse("the\nand\n"), contains("'words', line 1") && contains("this is not a vocabulary"));
  CHECK_THROWS_WITH(parse("bitale vocabulary 1, words: many\n"), contains("this is not a vocabulary"));
  CHECK_THROWS_WITH(parse("bitale vocabulary 1, words: -2\n"), contains("this is not a vocabulary"));
  CHECK_THROWS_WITH(parse("bitale vocabulary 1, words: 2 \n"), contains("this is not a vocabulary"));
  CHECK_THROWS_WITH(parse(head + "b\na"), contains("'words', line 3") && contains("cut off"));
  CHECK_THROWS_WITH(parse(head + "b\n"), contains("'words' has 1 words; its first line says 2"));
  CHECK_THROWS_WITH(parse(head + "b\na\nc\n"), contains("'words' has 3 words; its first line says 2"));
  CHECK_THROWS_WITH(parse(head + "b\n\n"), contains("'words', line 3: a word was expected, and the line is empty"));
  CHECK_THROWS_WITH(parse(head + "b\nb\n"), contains("line 3: the word 'b' is already in line 2"));
  CHECK_THROWS_WITH(parse(head + "b\na c\n"), contains("line 3: a word has no white space"));
  CHECK_THROWS_WITH(parse(head + "b\r\na\r\n"), contains("line 2: a word has no white space"));
  CHECK_THROWS_WITH(parse(head + "b\ncaf\xe9\n"), contains("line 3: the word is not UTF-8"));
}

TEST_CASE("a vocabulary that cannot be read or written is named") {
  const TempFolder folder;
  CHECK_THROWS_WITH(load_vocabulary(folder.path() / "absent"), contains("absent' is not a file"));
  CHECK_THROWS_AS(save_vocabulary(folder.path() / "no" / "words", Vocabulary()), Error);
}
