#include "models/data/study_lengths.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "models/data/file.h"
#include "models/data/numpy_random.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::int64_t longest = 10000;

}  // namespace

std::vector<std::int64_t> study_lengths() {
  const auto path = bundled_folder("study_lstm") / "seqs_lengths.csv";
  return parse_lengths(read_data_file(path), path.string());
}

std::vector<std::int64_t> parse_lengths(std::string_view text, const std::string& name) {
  std::vector<std::int64_t> lengths;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int64_t length = 0;
    const auto [rest, failure] = std::from_chars(at, end, length);
    const bool ends = rest == end || *rest == '\n';
    if (failure != std::errc{} || !ends || length < 1 || length > longest) {
      throw Error(fmt::format("'{}', line {}: a whole number from 1 to {} was expected, and nothing else.", name,
                              lengths.size() + 1, longest));
    }
    lengths.push_back(length);
    at = rest == end ? end : rest + 1;
  }
  if (lengths.empty()) throw Error(fmt::format("'{}' is empty; a length in each line was expected.", name));
  return lengths;
}

std::vector<std::vector<std::int64_t>> batches_of(std::span<const std::int64_t> lengths, std::int64_t batch,
                                                  bool include_remainder) {
  if (batch < 1) throw Error(fmt::format("batches of {} sequences were asked for.", batch));
  std::vector<std::vector<std::int64_t>> batches;
  while (!lengths.empty()) {
    const auto size = std::min(static_cast<std::size_t>(batch), lengths.size());
    if (size < static_cast<std::size_t>(batch) && !include_remainder) break;
    batches.emplace_back(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(size));
    lengths = lengths.subspan(size);
  }
  return batches;
}

EpochSize epoch_size(std::span<const std::vector<std::int64_t>> batches) {
  EpochSize size;
  for (const std::vector<std::int64_t>& batch : batches) {
    const std::int64_t steps = batch.empty() ? 0 : *std::max_element(batch.begin(), batch.end());
    ++size.batches;
    size.steps += steps;
    size.tokens += steps * static_cast<std::int64_t>(batch.size());
  }
  return size;
}

std::vector<Sequence> random_sequences(std::span<const std::int64_t> lengths, std::uint32_t seed) {
  NumpyRandom random(seed);
  std::vector<Sequence> sequences;
  for (const std::int64_t length : lengths) {
    Sequence& sequence = sequences.emplace_back();
    for (std::int64_t i = 0; i < length; ++i) sequence.ids.push_back(1 + random.below(study_vocabulary - 1));
    sequence.label = random.below(2);
  }
  return sequences;
}

}  // namespace bitale::models
