#include "models/data/study_lengths.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using bitale::tests::contains;
using namespace bitale::models;

namespace {

using Lengths = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("the study's lengths are 1,989 in ascending order") {
  const Lengths lengths = study_lengths();
  CHECK(lengths.size() == 1989);
  CHECK(std::is_sorted(lengths.begin(), lengths.end()));
  CHECK(lengths.front() == 12);
  CHECK(lengths.back() == 99);
  CHECK(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) == 141083);
}

TEST_CASE("an epoch of the study has the steps and words that the study's files give") {
  const Lengths lengths = study_lengths();
  const auto batches = batches_of(lengths, study_batch);
  CHECK(epoch_size(batches) == EpochSize{124, 8829, 141264});
  CHECK(batches.front().back() == 27);
  const auto all = batches_of(lengths, study_batch, true);
  CHECK(epoch_size(all) == EpochSize{125, 8928, 141759});
  CHECK(all.back().size() == 5);
}

TEST_CASE("lengths fall into batches in their order") {
  const Lengths lengths{3, 1, 2, 5, 4};
  CHECK(batches_of(lengths, 2) == std::vector<Lengths>{{3, 1}, {2, 5}});
  CHECK(batches_of(lengths, 2, true) == std::vector<Lengths>{{3, 1}, {2, 5}, {4}});
  CHECK(batches_of(lengths, 5) == batches_of(lengths, 5, true));
  CHECK(batches_of(lengths, 6).empty());
  CHECK(batches_of({}, 6, true).empty());
  CHECK(epoch_size(batches_of(lengths, 2, true)) == EpochSize{3, 12, 20});
  CHECK_THROWS_WITH(batches_of(lengths, 0), contains("batches of 0 sequences"));
}

TEST_CASE("a malformed line of lengths is named") {
  CHECK(parse_lengths("1\n10000\n7", "x.csv") == Lengths{1, 10000, 7});
  CHECK_THROWS_WITH(parse_lengths("", "x.csv"), contains("'x.csv' is empty"));
  for (const std::string line : {"0", "10001", "-1", "x", "", "7,8", "7\r", " 7", "99999999999999999999"}) {
    INFO(line);
    CHECK_THROWS_WITH(parse_lengths("5\n" + line + "\n6\n", "x.csv"),
                      contains("'x.csv', line 2: a whole number from 1 to 10000 was expected"));
  }
}

TEST_CASE("random sequences have the lengths, and ids of words") {
  const Lengths lengths = study_lengths();
  const std::vector<Sequence> sequences = random_sequences(lengths, 123);
  REQUIRE(sequences.size() == lengths.size());
  std::int32_t least = study_vocabulary, most = 0;
  std::int64_t positive = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    CHECK(static_cast<std::int64_t>(sequences[i].ids.size()) == lengths[i]);
    const auto [low, high] = std::minmax_element(sequences[i].ids.begin(), sequences[i].ids.end());
    least = std::min(least, *low);
    most = std::max(most, *high);
    positive += sequences[i].label;
  }
  CHECK(least == 1);
  CHECK(most == study_vocabulary - 1);
  CHECK(std::abs(positive - 995) < 100);
  CHECK(random_sequences(lengths, 123)[9].ids == sequences[9].ids);
  CHECK(random_sequences(lengths, 124)[9].ids != sequences[9].ids);

  for (const bool partial : {false, true}) {
    Batches batches(sequences, {.batch = study_batch, .partial = partial});
    EpochSize size;
    while (const auto batch = batches.next()) {
      ++size.batches;
      size.steps += batch->ids.shape()[0];
      size.tokens += batch->ids.size();
    }
    CHECK(size == epoch_size(batches_of(lengths, study_batch, partial)));
  }
}
