#include <regex>

#include <fmt/format.h>

#include "bench/harness/process.h"
#include "bench/study/report/plots.h"
#include "runtime/base/error.h"

namespace bitale::bench {
namespace {

constexpr const char* begin_of_svg = "<svg";
constexpr const char* end_of_svg = "</svg>";

constexpr const char* style = R"(set encoding utf8
set terminal svg noenhanced size 760,420 name "bitale" font "sans-serif,13"
set border 3 lc rgb "#8a8f98"
set grid lc rgb "#8a8f98" lw 0.4 dt 3
set tics nomirror
set key top left Left reverse samplen 2 spacing 1.2
)";

// One plot's element out of a document. Ids are made those of this plot, since the page has other plots with the same.
std::string for_html(const std::string& document, const Plot& plot) {
  const std::size_t begin = document.find(begin_of_svg), end = document.find(end_of_svg);
  if (begin == std::string::npos || end == std::string::npos)
    throw Error(fmt::format("gnuplot drew no '{}'.", plot.id));
  std::string svg = document.substr(begin, end - begin) + end_of_svg;
  svg = std::regex_replace(svg, std::regex("<(title|desc)>[^<]*</(title|desc)>\\s*"), "");
  svg = std::regex_replace(svg, std::regex("\\bid=(['\"])"), fmt::format("id=$1{}-", plot.id));
  svg = std::regex_replace(svg, std::regex("href='#"), fmt::format("href='#{}-", plot.id));
  svg = std::regex_replace(svg, std::regex("font-family=\"[^\"]*\""), "");
  return svg;
}

}  // namespace

void require_gnuplot() {
  try {
    run_program({"gnuplot", "--version"}, "");
  } catch (const Error&) {
    throw Error(
        "the report's plots are drawn by gnuplot, which was not found; install it (Debian, Ubuntu: gnuplot-nox), or "
        "ask "
        "for no report (--no-report).");
  }
}

std::vector<std::string> draw(std::span<const Plot> plots) {
  std::string commands;
  for (const Plot& plot : plots)
    commands += std::string("reset session\n") + style + plot.commands + "\nunset output\n";
  const std::string documents = plots.empty() ? "" : run_program({"gnuplot"}, commands);
  std::vector<std::string> svgs;
  std::size_t at = documents.find(begin_of_svg);
  for (const Plot& plot : plots) {
    if (at == std::string::npos) throw Error(fmt::format("gnuplot drew no '{}'.", plot.id));
    const std::size_t next = documents.find(begin_of_svg, at + 1);
    svgs.push_back(for_html(documents.substr(at, next == std::string::npos ? next : next - at), plot));
    at = next;
  }
  if (at != std::string::npos) throw Error("gnuplot drew more plots than were asked for.");
  return svgs;
}

}  // namespace bitale::bench
