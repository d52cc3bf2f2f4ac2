#include "bench/study/report/page.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/study/report/page_style.h"
#include "bench/study/report/tables.h"

namespace bitale::bench {
namespace {

const char* class_of(GridRow::Kind kind) {
  switch (kind) {
    case GridRow::Kind::paper:
      return "paper";
    case GridRow::Kind::ours:
      return "ours";
    case GridRow::Kind::cannot:
      return "cannot";
  }
  return "";
}

// Two lines of headers where columns have groups.
std::string head_html(const Grid& grid) {
  std::string groups, titles;
  for (std::size_t c = 0; c < grid.columns.size();) {
    std::size_t end = c + 1;
    while (end < grid.columns.size() && grid.columns[end].group == grid.columns[c].group) ++end;
    groups += fmt::format("<th colspan=\"{}\"{}>{}</th>", end - c,
                          grid.columns[c].group.empty() ? "" : " class=\"group\"", escaped(grid.columns[c].group));
    for (; c < end; ++c)
      titles +=
          fmt::format("<th{}>{}</th>", grid.columns[c].number ? " class=\"n\"" : "", escaped(grid.columns[c].title));
  }
  const bool any = groups.find("class=\"group\"") != std::string::npos;
  return fmt::format("<thead>{}<tr>{}</tr></thead>\n", any ? "<tr>" + groups + "</tr>" : "", titles);
}

std::string row_html(const Grid& grid, const GridRow& row) {
  std::string cells;
  for (std::size_t c = 0; c < grid.columns.size() && (row.rest.empty() || c < row.cells.size()); ++c)
    cells += fmt::format("<td{}>{}</td>", grid.columns[c].number ? " class=\"n\"" : "",
                         c < row.cells.size() ? escaped(row.cells[c]) : "");
  if (!row.rest.empty())
    cells += fmt::format("<td colspan=\"{}\">{}</td>", grid.columns.size() - row.cells.size(), escaped(row.rest));
  return fmt::format("<tr class=\"{}\">{}</tr>\n", class_of(row.kind), cells);
}

std::string grid_html(const Grid& grid, const char* kind) {
  std::string html = fmt::format("<div class=\"scroll\"><table id=\"{}\" class=\"{}\">\n{}<tbody>\n", escaped(grid.id),
                                 kind, head_html(grid));
  for (const GridRow& row : grid.rows) html += row_html(grid, row);
  html += "</tbody></table></div>\n<div class=\"notes\">";
  for (const std::string& note : grid.notes) html += fmt::format("<p>{}</p>", escaped(note));
  return html + "</div>\n";
}

std::string plot_html(const Plot& plot, const std::string& svg, const StudyData& data) {
  return fmt::format(
      "<figure class=\"plot\" id=\"{}\" role=\"img\" aria-label=\"{}\">{}<figcaption><b>{}</b>{} {}; {}. Again: "
      "<code>{}"
      "</code></figcaption></figure>\n",
      escaped(plot.id), escaped(plot.title), svg, escaped(plot.title), escaped(plot.caption), escaped(data.machine.cpu),
      escaped(data.date), escaped(data.command));
}

// The plots whose id begins so.
std::string plots_html(const std::string& begin, std::span<const Plot> plots, std::span<const std::string> drawn,
                       const StudyData& data) {
  std::string html;
  for (std::size_t i = 0; i < plots.size(); ++i)
    if (plots[i].id.starts_with(begin)) html += plot_html(plots[i], drawn[i], data);
  return html;
}

std::string section(const std::string& id, const std::string& title, const std::string& content) {
  return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, escaped(title), content);
}

std::string facts_html(const StudyData& data) {
  std::string peaks;
  for (const int threads : data.measured_threads()) {
    if (data.peak_gflops(threads) <= 0) continue;
    peaks += fmt::format("{}{:.0f} GFLOP/s on {} thread{}", peaks.empty() ? "" : ", ", data.peak_gflops(threads),
                         threads, threads == 1 ? "" : "s");
  }
  std::string html = "<dl>";
  const auto fact = [&](const char* name, const std::string& value) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", name, value);
  };
  fact("machine", escaped(machine_text(data)));
  fact("measured peak", escaped(peaks.empty() ? "not measured" : peaks));
  fact("protocol", escaped(protocol_text(data)));
  fact("versions", escaped(fmt::format("Bitale {}, code generator {}, built with {}", data.bitale, data.code_generator,
                                       data.compiler)));
  fact("date", escaped(data.date));
  fact("again", fmt::format("<code>{}</code>", escaped(data.command)));
  return html + "</dl>\n";
}

struct Section {
  std::string id, link, html;
};

std::vector<Section> sections_of(const StudyData& data, std::span<const Plot> plots,
                                 std::span<const std::string> drawn) {
  std::vector<Section> sections;
  const auto add = [&](const std::string& id, const std::string& link, const std::string& title,
                       const std::string& content) { sections.push_back({id, link, section(id, title, content)}); };
  for (const int number : data.plan.tables) {
    const StudyTable& table = find_table(number);
    const Grid rows = comparison(table, data);
    std::string html =
        grid_html(rows, "comparison") + "<h3>Bitale's rows in full</h3>\n" + grid_html(details(table, data), "details");
    if (table.compiles) html += plots_html("plot-compile", plots, drawn, data);
    add(fmt::format("section-table{}", number), fmt::format("Table {}", number), rows.title, html);
  }
  for (const int number : data.plan.figures) {
    const StudyFigure& figure = find_figure(number);
    const Grid rows = batches(figure, data);
    add(fmt::format("section-figure{}", number), fmt::format("Figure {}", number), rows.title,
        plots_html(fmt::format("plot-figure{}", number), plots, drawn, data) + grid_html(rows, "details"));
  }
  if (const std::string rates = plots_html("plot-rates", plots, drawn, data); !rates.empty())
    add("section-rates", "Rates", "Rates against the peak", rates);
  return sections;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string machine_text(const StudyData& data) {
  const Machine& m = data.machine;
  std::string gpus;
  for (const Gpu& gpu : m.gpus.all) gpus += (gpus.empty() ? "" : ", ") + gpu.name;
  return fmt::format("{}, {} core{} with {} hardware thread{}, code for {}; {}", m.cpu, m.cores,
                     m.cores == 1 ? "" : "s", m.cpus, m.cpus == 1 ? "" : "s", data.isa, gpus.empty() ? "no GPU" : gpus);
}

std::string protocol_text(const StudyData& data) {
  std::string text =
      "Forward to the loss, and gradient of all parameters without an update, compiled once; one batch in memory (of "
      "the "
      "LSTM an epoch of 124), both called in turn, each call timed alone; means.";
  text +=
      data.plan.quick
          ? " Quick: at most 2 calls to warm up and 5 timed (of the LSTM 1 epoch and 2)."
          : " Warming up and timed: LeNet 200 and 200 calls, AlexNet 20 and 20, autoencoders 400 and 800, LSTM 1 and 5 "
            "epochs.";
  if (data.plan.budget_s > 0)
    text += fmt::format(" A measurement ends after {} s, but not before its third timed call.", data.plan.budget_s);
  const auto& devices = data.plan.devices;
  const auto any = [&](auto&& wanted) { return std::any_of(devices.begin(), devices.end(), wanted); };
  if (any([](const std::string& d) { return d.starts_with("cuda"); }))
    text += fmt::format(" On GPUs at least 3 calls (epochs) to warm up, batches in the GPU's memory{}.",
                        data.plan.tf32 ? ", products by cuBLASLt in TF32" : "");
  if (any([](const std::string& d) { return d == "emulated"; })) text += std::string(" ") + about_played;
  return any([](const std::string& d) { return d == "cpu"; })
             ? text + fmt::format(" Threads: {}.", fmt::join(data.plan.threads, ", "))
             : text;
}

std::string report_html(const StudyData& data, std::span<const Plot> plots, std::span<const std::string> drawn) {
  const std::vector<Section> sections = sections_of(data, plots, drawn);
  std::string links, content;
  for (const Section& s : sections) {
    links += fmt::format("<a href=\"#{}\">{}</a>", s.id, escaped(s.link));
    content += s.html;
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Bitale beside the 2015 study</title>\n<style>{}</style>\n</head>\n<body><main>\n"
      "<h1>Bitale beside the 2015 study</h1>\n"
      "<p class=\"lead\">The networks of “Comparative Study of Caffe, Neon, Theano, and Torch for Deep "
      "Learning” (arXiv 1511.06435), by its protocol, on this machine.</p>\n"
      "<nav>{}</nav>\n{}{}</main></body>\n</html>\n",
      page_style, links, facts_html(data), content);
}

}  // namespace bitale::bench
