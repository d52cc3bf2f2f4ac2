#include "bench/study/plan/results.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/data/file.h"
#include "runtime/base/error.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int max_depth = 16;  // of a line's nesting; results have four

// Null unless it is JSON of no more than this depth.
Json parse(std::string_view text) {
  int depth = 0, deepest = 0;
  for (const char c : text) {
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    deepest = std::max(deepest, depth);
  }
  if (deepest > max_depth) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return nullptr;
  return json;
}

}  // namespace

bool StudyResults::read_line(std::string_view text, Line& line) {
  const Json json = parse(text);
  if (!json.is_object()) return false;
  for (const char* name : {"key", "version"})
    if (!json.contains(name) || !json[name].is_string()) return false;
  if (!json.contains("result") || !json["result"].is_object()) return false;
  line = {json["key"].get<std::string>(), json["version"].get<std::string>(), json["result"].dump()};
  return true;
}

StudyResults::StudyResults(std::filesystem::path file, std::string version, bool fresh)
    : file_(std::move(file)), version_(std::move(version)) {
  std::error_code failure;
  if (fresh) std::filesystem::remove(file_, failure);
  if (!std::filesystem::exists(file_, failure)) return;
  const std::string text = models::read_data_file(file_);
  ends_line_ = text.empty() || text.back() == '\n';
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    ++number;
    Line line;
    if (!read_line(std::string_view(text).substr(at, end - at), line)) {
      skipped_.push_back(fmt::format("'{}', line {}: no result, and skipped", file_.string(), number));
    } else if (line.version == version_) {
      results_[line.key] = std::move(line.json);
    }
    at = end + 1;
  }
}

const std::string* StudyResults::find(const std::string& key) const {
  const auto at = results_.find(key);
  return at == results_.end() ? nullptr : &at->second;
}

void StudyResults::add(const std::string& key, const std::string& json) {
  const Json line = {{"key", key}, {"version", version_}, {"result", Json::parse(json)}};
  std::ofstream out(file_, std::ios::binary | std::ios::app);
  out << (ends_line_ ? "" : "\n") + line.dump() + "\n";
  out.close();
  if (!out)
    throw Error(fmt::format("'{}' cannot be written: {}.", file_.string(), std::generic_category().message(errno)));
  ends_line_ = true;
  results_[key] = json;
}

}  // namespace bitale::bench
