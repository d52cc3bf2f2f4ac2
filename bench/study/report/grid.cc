#include "bench/study/report/grid.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace bitale::bench {
namespace {

// Bytes of UTF-8 that begin a character.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t to, bool right) {
  const std::string blanks(to - std::min(to, width(text)), ' ');
  return right ? blanks + text : text + blanks;
}

std::vector<std::size_t> widths_of(const Grid& grid) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < grid.columns.size(); ++c) {
    std::size_t widest = width(grid.columns[c].title);
    for (const GridRow& row : grid.rows)
      if (c < row.cells.size()) widest = std::max(widest, width(row.cells[c]));
    widths.push_back(widest);
  }
  return widths;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// The groups over their columns; empty if there are none.
std::string group_line(const Grid& grid, const std::vector<std::size_t>& widths) {
  std::string line;
  std::size_t at = 0;
  for (std::size_t c = 0; c < grid.columns.size(); ++c) {
    const std::string& group = grid.columns[c].group;
    const bool begins = !group.empty() && (c == 0 || grid.columns[c - 1].group != group);
    if (begins) line = padded(line, std::max(at, width(line)), false) + group + " ";
    at += widths[c] + 2;
  }
  return line.empty() ? "" : trimmed(line);
}

}  // namespace

void Grid::note(const std::string& text) {
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
}

std::string to_text(const Grid& grid) {
  const std::vector<std::size_t> widths = widths_of(grid);
  std::string text = grid.title + "\n\n" + group_line(grid, widths);
  std::string line;
  for (std::size_t c = 0; c < grid.columns.size(); ++c)
    line += padded(grid.columns[c].title, widths[c], grid.columns[c].number) + "  ";
  text += trimmed(line);
  for (const GridRow& row : grid.rows) {
    line.clear();
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      line += padded(row.cells[c], widths[c], grid.columns[c].number) + "  ";
    text += trimmed(line + row.rest);
  }
  if (!grid.notes.empty()) text += "\n";
  for (const std::string& note : grid.notes) text += note + "\n";
  return text;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size == 0 || !std::isfinite(value)) return fmt::format("{}", value);
  const int digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 5);
  return fmt::format("{:.{}f}", value, digits);
}

}  // namespace bitale::bench
