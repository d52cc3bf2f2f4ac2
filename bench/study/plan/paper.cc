#include "bench/study/plan/paper.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "models/data/file.h"
#include "runtime/base/error.h"

namespace bitale::bench {
namespace {

constexpr std::size_t max_bytes = std::size_t{1} << 20;  // of a table
constexpr std::size_t columns = 14;

// Where installed data lie, or in the source tree.
std::filesystem::path folder() {
  const std::filesystem::path installed = models::bundled_folder("study_paper");
  return std::filesystem::is_directory(installed) ? installed : std::filesystem::path(BITALE_STUDY_PAPER);
}

template <class T>
T number(const std::string& text, const char* what, const std::string& where) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw Error(fmt::format("{}: '{}' is no {}.", where, text, what));
  return value;
}

std::optional<std::int64_t> count(const std::string& text, const char* what, const std::string& where) {
  if (text.empty()) return std::nullopt;
  const auto value = number<std::int64_t>(text, what, where);
  if (value < 1) throw Error(fmt::format("{}: '{}' is no {}.", where, text, what));
  return value;
}

PaperRow row_of(const std::vector<std::string>& f, const std::string& where) {
  if (f.size() != columns) throw Error(fmt::format("{}: {} fields; {} were expected.", where, f.size(), columns));
  PaperRow row{.system = f[0],
               .device = f[1],
               .backend = f[2],
               .threads = count(f[3], "number of threads", where),
               .metric = f[4],
               .value = number<double>(f[5], "number", where),
               .unit = f[6],
               .network = f[7],
               .variant = f[8],
               .batch = count(f[9], "number of examples", where),
               .hardware = f[10],
               .best = f[11] == "1",
               .flag = f[12],
               .note = f[13]};
  if (row.device != "cpu" && row.device != "gpu")
    throw Error(fmt::format("{}: device '{}'; cpu or gpu was expected.", where, row.device));
  if (!std::isfinite(row.value) || row.value <= 0)
    throw Error(fmt::format("{}: '{}' is no positive number.", where, f[5]));
  return row;
}

}  // namespace

const char* const paper_header =
    "system,device,backend,threads,metric,value,unit,network,variant,batch_size,hardware,best_in_source,flag,note";

std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& name) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += c;
      ++i;
    } else if (c == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      fields.emplace_back();
    } else if (!quoted && c == '\n') {
      lines.push_back(std::move(fields));
      fields.assign(1, "");
    } else if (quoted || c != '\r') {
      fields.back() += c;
    }
  }
  if (quoted) throw Error(fmt::format("'{}' ends inside quotes.", name));
  if (fields.size() > 1 || !fields[0].empty()) lines.push_back(std::move(fields));
  return lines;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::vector<PaperRow> parse_paper_table(std::string_view text, const std::string& name) {
  std::vector<PaperRow> rows;
  const std::vector<std::vector<std::string>> lines = parse_csv(text, name);
  const std::vector<std::vector<std::string>> header = parse_csv(paper_header, name);
  if (lines.empty() || lines[0] != header[0])
    throw Error(fmt::format("'{}' does not begin with the line '{}'.", name, paper_header));
  for (std::size_t i = 1; i < lines.size(); ++i) rows.push_back(row_of(lines[i], fmt::format("'{}', row {}", name, i)));
  return rows;
}

std::vector<PaperRow> paper_table(int table) {
  const auto path = folder() / fmt::format("table{}.csv", table);
  return parse_paper_table(models::read_data_file(path, max_bytes), path.string());
}

}  // namespace bitale::bench
