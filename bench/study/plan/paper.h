// The figures that the study printed, as data: one row for each cell of its tables.
//
// They lie as CSV files in bench/study/paper (installed: share/bitale/study_paper), whose columns are those of
// PaperRow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::bench {

struct PaperRow {
  std::string system{}, device{}, backend{};  // "Theano", "cpu" or "gpu", "OpenBLAS"
  std::optional<std::int64_t> threads{};
  std::string metric{};  // "gradient_time", "ae1_gradient_time", "peak_gpu_memory", "first_compile_time"...
  double value = 0;
  std::string unit{};                // "ms", "s", "GB"
  std::string network{}, variant{};  // as the study calls them
  std::optional<std::int64_t> batch{};
  std::string hardware{};
  bool best = false;           // printed in bold
  std::string flag{}, note{};  // where a cell is doubtful: why
};

// The columns of these files, and of those that the study of this machine writes, separated by commas.
extern const char* const paper_header;

// All rows of table 3, 4, 5, 6, 7 or 8.
std::vector<PaperRow> paper_table(int table);

// `name` is the file's in messages. Error that names the line where a row is not one.
std::vector<PaperRow> parse_paper_table(std::string_view text, const std::string& name);

// The fields of a CSV file's lines; quotes as usual ("" inside them is one). Error if quotes do not end.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& name);
std::string csv_field(std::string_view text);  // quoted if it must be

}  // namespace bitale::bench
