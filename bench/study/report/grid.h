// A table to be read: as text, and in the report as HTML.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitale::bench {

struct GridColumn {
  std::string title{};
  bool number = true;   // to the right
  std::string group{};  // above the title; neighbours of one group share it
};

struct GridRow {
  enum class Kind : std::uint8_t { paper, ours, cannot };
  Kind kind = Kind::paper;
  std::vector<std::string> cells{};  // of the first columns, or of all
  std::string rest{};                // a sentence in place of the other columns
};

struct Grid {
  std::string id{};     // "table3"
  std::string title{};  // "Table 3. LeNet, batch 64 (ms)"
  std::vector<GridColumn> columns{};
  std::vector<GridRow> rows{};
  std::vector<std::string> notes{};  // below it

  void note(const std::string& text);  // once
};

std::string to_text(const Grid& grid);

std::string short_number(double value);  // three digits that count: "1234", "56.7", "0.0891"

}  // namespace bitale::bench
