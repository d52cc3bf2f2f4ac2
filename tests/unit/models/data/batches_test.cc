#include "models/data/batches.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/models/data/samples.h"

using bitale::Array;
using bitale::DType;
using bitale::Extents;
using bitale::tests::contains;
using namespace bitale::models;
using bitale::models::tests::DataFlag;

namespace {

using Order = std::vector<std::int64_t>;

// One sequence per length; the ids of sequence i are 100 i + 2, 100 i + 3..., its label is i.
std::vector<Sequence> of_lengths(const std::vector<int>& lengths) {
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    Sequence& sequence = sequences.emplace_back();
    sequence.label = static_cast<std::int32_t>(i);
    for (int t = 0; t < lengths[i]; ++t) sequence.ids.push_back(static_cast<std::int32_t>(100 * i) + 2 + t);
  }
  return sequences;
}

std::vector<Batch> all(Batches& batches) {
  std::vector<Batch> list;
  while (std::optional<Batch> batch = batches.next()) list.push_back(std::move(*batch));
  CHECK(static_cast<std::int64_t>(list.size()) == batches.count());
  return list;
}

// Which sequences the batches of an epoch hold.
std::vector<Order> orders(Batches& batches, std::int64_t epoch = 0) {
  batches.start(epoch);
  std::vector<Order> list;
  for (Batch& batch : all(batches)) list.push_back(std::move(batch.sequences));
  return list;
}

std::multiset<std::int64_t> members(const std::vector<Order>& batches) {
  std::multiset<std::int64_t> seen;
  for (const Order& batch : batches) seen.insert(batch.begin(), batch.end());
  return seen;
}

template <class T>
std::vector<T> values(const Array& array) {
  const auto view = array.view<T>();
  return {view.begin(), view.end()};
}

std::vector<Sequence> many(int count) {
  std::vector<int> lengths;
  for (int i = 0; i < count; ++i) lengths.push_back(1 + (i * 37) % 50);
  return of_lengths(lengths);
}

}  // namespace

TEST_CASE("a batch is time first, padded at the end to its longest sequence, with a mask") {
  const auto sequences = of_lengths({2, 3, 1});
  Batches batches(sequences, {.batch = 2});
  const std::vector<Batch> list = all(batches);
  REQUIRE(list.size() == 2);
  CHECK(list[0].ids.shape() == Extents{3, 2});
  CHECK(list[0].ids.dtype() == DType::i64);
  CHECK(values<std::int64_t>(list[0].ids) == Order{2, 102, 3, 103, 0, 104});
  CHECK(values<float>(list[0].mask) == std::vector<float>{1, 1, 1, 1, 0, 1});
  CHECK(list[0].mask.shape() == Extents{3, 2});
  CHECK(values<std::int64_t>(list[0].labels) == Order{0, 1});
  CHECK(list[0].sequences == Order{0, 1});
  CHECK(list[1].ids.shape() == Extents{1, 1});
  CHECK(values<std::int64_t>(list[1].ids) == Order{202});
  CHECK(values<std::int64_t>(list[1].labels) == Order{2});
}

TEST_CASE("an epoch ends, and starts again where it is told to") {
  const auto sequences = of_lengths({1, 1, 1, 1, 1});
  Batches batches(sequences, {.batch = 2});
  CHECK(batches.count() == 3);
  all(batches);
  CHECK(!batches.next());
  CHECK(!batches.next());
  batches.start(1, 2);
  CHECK(batches.next()->sequences == Order{4});
  CHECK(!batches.next());
  batches.start(0, 3);
  CHECK(!batches.next());
  CHECK_THROWS_WITH(batches.start(0, 4), contains("batch 4 of epoch 0 was asked for; epochs have 3 batches"));
  CHECK_THROWS_WITH(batches.start(-1), contains("epoch -1"));
}

TEST_CASE("a batch can be larger than the data") {
  const auto sequences = of_lengths({2, 1});
  Batches batches(sequences, {.batch = 16});
  CHECK(orders(batches) == std::vector<Order>{{0, 1}});
  Batches huge(sequences, {.batch = INT64_MAX, .seed = 1, .window = INT64_MAX});
  CHECK(members(orders(huge)).size() == 2);
  CHECK_THROWS_WITH(Batches(sequences, {.batch = 16, .partial = false}), contains("2 sequences make no batch of 16"));
}

TEST_CASE("a last batch that is not full is kept or left out") {
  const auto sequences = of_lengths({1, 2, 3, 4, 5});
  Batches kept(sequences, {.batch = 2}), left_out(sequences, {.batch = 2, .partial = false});
  CHECK(orders(kept) == std::vector<Order>{{0, 1}, {2, 3}, {4}});
  CHECK(orders(left_out) == std::vector<Order>{{0, 1}, {2, 3}});
  Batches exact(std::span<const Sequence>(sequences).first(4), {.batch = 2});
  CHECK(exact.count() == 2);
}

TEST_CASE("sequences of the limit or more are dropped, as in the tutorial") {
  const auto sequences = of_lengths({99, 100, 101, 1});
  Batches batches(sequences, {.batch = 4, .max_length = 100});
  CHECK(orders(batches) == std::vector<Order>{{0, 3}});
  CHECK(batches.used() == 2);
  CHECK(batches.too_long() == 2);
  CHECK_THROWS_WITH(Batches(sequences, {.max_length = 1}), contains("4 are too long and 0 are empty"));
}

TEST_CASE("sequences beyond the limit are cut, at the limit they are whole") {
  const auto sequences = of_lengths({2, 3, 4});
  Batches batches(sequences, {.batch = 3, .long_ones = BatchOptions::Long::cut, .max_length = 3});
  const std::vector<Batch> list = all(batches);
  CHECK(values<std::int64_t>(list[0].ids) == Order{2, 102, 202, 3, 103, 203, 0, 104, 204});
  CHECK(batches.too_long() == 0);
}

TEST_CASE("sequences without ids are left out") {
  const auto sequences = of_lengths({0, 2, 0});
  Batches batches(sequences, {.batch = 2});
  CHECK(orders(batches) == std::vector<Order>{{1}});
  CHECK(batches.empty() == 2);
  CHECK_THROWS_WITH(Batches(std::span<const Sequence>(sequences).first(1), {}),
                    contains("0 are too long and 1 are empty"));
  CHECK_THROWS_WITH(Batches({}, {}), contains("0 sequences make no batch of 16"));
}

TEST_CASE("options out of range are refused") {
  const auto sequences = of_lengths({1});
  CHECK_THROWS_WITH(Batches(sequences, {.batch = 0}), contains("batches of 0 sequences"));
  CHECK_THROWS_WITH(Batches(sequences, {.max_length = -1}), contains("max_length is -1"));
  CHECK_THROWS_WITH(Batches(sequences, {.window = -1}), contains("window -1"));
}

TEST_CASE("seed and epoch decide the order, and every sequence comes once") {
  const auto sequences = many(103);
  for (const std::int64_t window : {0, 3}) {
    Batches a(sequences, {.batch = 10, .seed = 7, .window = window});
    Batches b(sequences, {.batch = 10, .seed = 7, .window = window});
    Batches c(sequences, {.batch = 10, .seed = 8, .window = window});
    const std::vector<Order> first = orders(a, 0), second = orders(a, 1);
    CHECK(members(first).size() == 103);
    CHECK(std::set<std::int64_t>(first[0].begin(), first[0].end()).size() == 10);
    CHECK(members(first) == members(second));
    CHECK(first != second);
    CHECK(first.back().size() == 3);
    CHECK(orders(b, 1) == second);
    CHECK(orders(b, 0) == first);
    CHECK(orders(c, 0) != first);
    b.start(1, 4);
    CHECK(b.next()->sequences == second[4]);
  }
  const auto four = of_lengths({1, 1, 1, 1});
  Batches fixed(four, {.batch = 4, .seed = 1});
  CHECK(orders(fixed) == std::vector<Order>{{2, 1, 3, 0}});
}

TEST_CASE("without a seed a window is sorted by length, and equals stay in order") {
  const auto sequences = of_lengths({3, 1, 2, 1, 9, 8, 7, 6, 5});
  Batches batches(sequences, {.batch = 2, .window = 2});
  CHECK(orders(batches) == std::vector<Order>{{1, 3}, {2, 0}, {7, 6}, {5, 4}, {8}});
  CHECK(orders(batches, 5) == orders(batches, 0));
  Batches one(sequences, {.batch = 2, .window = 1}), none(sequences, {.batch = 2});
  CHECK(orders(one) == orders(none));

  const auto more = many(1000);
  Batches sorted(more, {.batch = 1000, .window = 2});
  const Order order = orders(sorted).front();
  CHECK(std::is_sorted(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const auto key = [&](std::int64_t i) { return std::pair(more[static_cast<std::size_t>(i)].ids.size(), i); };
    return key(a) < key(b);
  }));
}

TEST_CASE("windows save padding and mix the lengths of batches") {
  const auto sequences = many(1000);
  const auto padding = [&](std::int64_t window) {
    Batches batches(sequences, {.batch = 10, .seed = 1, .window = window, .partial = false});
    std::int64_t padded = 0;
    std::vector<std::int64_t> steps;
    for (const Batch& batch : all(batches)) {
      steps.push_back(batch.ids.shape()[0]);
      for (const float m : values<float>(batch.mask)) padded += m == 0;
    }
    CHECK(!std::is_sorted(steps.begin(), steps.end()));
    return padded;
  };
  CHECK(padding(10) < padding(0) / 4);
  CHECK(padding(100) < padding(10) / 2);
}

TEST_CASE("the bundled sentences become batches") {
  const DataFlag none("");
  const Reviews reviews = load_reviews();
  WordCounts counts;
  for (const Review& review : reviews.train) counts.add(review.text);
  const Vocabulary vocabulary = counts.most_frequent(10000);
  CHECK(vocabulary.size() == 10000);
  CHECK(counts.distinct() > 10000);
  const std::vector<Sequence> sequences = encode(reviews.train, vocabulary);
  Batches batches(sequences, {.max_length = 100, .seed = 1, .window = 20});
  CHECK(batches.count() == 563);
  CHECK(batches.empty() == 0);
  double words = 0, unknown = 0;
  while (const std::optional<Batch> batch = batches.next()) {
    const auto ids = batch->ids.view<std::int64_t>();
    unknown += static_cast<double>(std::count(ids.begin(), ids.end(), unknown_id));
    CHECK(*std::max_element(ids.begin(), ids.end()) < vocabulary.size());
    for (const float m : values<float>(batch->mask)) words += m;
  }
  CHECK(words == static_cast<double>(counts.total()));
  CHECK(unknown / words < 0.05);
}

TEST_CASE("reviews become sequences of ids with their labels") {
  WordCounts counts;
  counts.add("good good bad");
  const std::vector<Review> reviews{{"Good film", 1, 8}, {"<br />", 0, 2}};
  const std::vector<Sequence> sequences = encode(reviews, counts.most_frequent(4));
  REQUIRE(sequences.size() == 2);
  CHECK(sequences[0].ids == std::vector<std::int32_t>{2, unknown_id});
  CHECK(sequences[0].label == 1);
  CHECK(sequences[1].ids.empty());
}
