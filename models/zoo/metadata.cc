#include "models/zoo/metadata.h"

#include <charconv>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace bitale::models {

std::string number_text(std::int64_t value) { return std::to_string(value); }

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class T>
T number(const NamedArrays& checkpoint, const std::string& key, const std::string& file, Sign sign) {
  const std::string& text = checkpoint.text(key, file);
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = failure == std::errc{} && end == text.data() + text.size() && (sign == Sign::any || value >= T{});
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
  if (!good)
    throw Error(fmt::format("'{}': the metadata '{}' is '{}', which is not a usable number.", file, key, text));
  return value;
}
template std::int64_t number(const NamedArrays&, const std::string&, const std::string&, Sign);
template double number(const NamedArrays&, const std::string&, const std::string&, Sign);

void put(NamedArrays& checkpoint, const std::string& prefix, const Score& score) {
  checkpoint.metadata[prefix + ".loss_sum"] = number_text(score.loss_sum);
  checkpoint.metadata[prefix + ".right"] = number_text(score.right);
  checkpoint.metadata[prefix + ".examples"] = number_text(score.examples);
}

Score score_of(const NamedArrays& checkpoint, const std::string& prefix, const std::string& file) {
  return {number<double>(checkpoint, prefix + ".loss_sum", file),
          number<std::int64_t>(checkpoint, prefix + ".right", file),
          number<std::int64_t>(checkpoint, prefix + ".examples", file)};
}

void require_same(std::int64_t ours, const NamedArrays& checkpoint, const std::string& key, const std::string& file) {
  const auto theirs = number<std::int64_t>(checkpoint, key, file);
  if (theirs != ours) {
    throw Error(fmt::format("'{}' was trained with {} {}, and {} is asked for now: it cannot be continued this way.",
                            file, key, theirs, ours));
  }
}

}  // namespace bitale::models
