#include "bench/study/report/plots.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bitale::bench {
namespace {

// Seen on white and on black.
constexpr const char* gradient_colour = "#3b82f6";
constexpr const char* forward_colour = "#e0823d";
constexpr const char* other_colour = "#8a8f98";

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' || c == '\n' ? ' ' : c;
  return out + "\"";
}

std::string threads_text(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

// ---- times against batch sizes ----

// Where something was measured: some threads of the CPU, or a GPU.
struct Place {
  std::string device;
  int threads = 0;
  std::string title;
};

std::vector<Place> places(const StudyData& data) {
  std::vector<Place> all;
  for (const std::string& device : data.plan.devices)
    for (const int threads : data.plan.threads_of(device))
      all.push_back({device, threads, device == "cpu" ? threads_text(threads) : device});
  return all;
}

std::optional<Plot> of_batches(const StudyFigure& figure, const StudyData& data) {
  const StudySubject& subject = find_subject(figure.subject);
  const std::vector<std::int64_t>& sizes = data.plan.batches_of(figure);
  std::string blocks;
  std::vector<std::string> curves;
  const std::vector<Place> all = places(data);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string rows;
    for (const std::int64_t batch : sizes) {
      const auto* outcome = data.find(data.plan.run(subject, subject.steps[0], batch, all[i].threads, all[i].device));
      if (outcome == nullptr || !outcome->figures) continue;
      const RunFigures& f = *outcome->figures->run;
      rows += fmt::format("{} {} {}\n", batch, f.gradient_ms.mean, f.forward_ms.mean);
    }
    if (rows.empty()) continue;
    blocks += fmt::format("$t{} << EOD\n{}EOD\n", i, rows);
    // Filled points and others, one after another, so that numbers of threads can be told apart without colours.
    const std::size_t point = 4 + i % 5 * 2 + 1;
    for (const auto& [column, colour, name] :
         {std::tuple{2, gradient_colour, "gradient"}, std::tuple{3, forward_colour, "forward"}})
      curves.push_back(fmt::format("$t{} using 1:{} with linespoints lw 2 ps 0.7 pt {} dt {} lc rgb \"{}\" title {}", i,
                                   column, point, 1 + i % 5, colour,
                                   quoted(fmt::format("{}, {}", name, all[i].title))));
  }
  if (curves.empty()) return std::nullopt;
  return Plot{.id = fmt::format("plot-figure{}", figure.number),
              .title = fmt::format("Figure {}. {}", figure.number, figure.title),
              .caption = "Mean times of a call, both axes logarithmic. The paper's figure is of a GPU.",
              .commands = fmt::format("set logscale xy\nset xlabel \"examples in a batch\"\nset ylabel \"ms\"\n"
                                      "set xtics ({})\nset xrange [{}:{}]\n{}plot {}",
                                      fmt::join(sizes, ", "), static_cast<double>(sizes.front()) / 1.3,
                                      static_cast<double>(sizes.back()) * 1.3, blocks, fmt::join(curves, ", \\\n  "))};
}

// ---- GFLOP/s against the measured peak ----

std::optional<Plot> of_rates(int threads, const StudyData& data) {
  std::string rows;
  std::vector<std::string> seen;
  for (const int number : data.plan.tables) {
    const StudyTable& table = find_table(number);
    for (const std::string& key : table.subjects) {
      const StudySubject& subject = find_subject(key);
      for (const StudyStep& step : subject.steps) {
        const StudyCell cell = data.plan.run(subject, step, subject.batch, threads, "cpu");
        const auto* outcome = data.find(cell);
        if (outcome == nullptr || !outcome->figures || std::find(seen.begin(), seen.end(), cell.key()) != seen.end())
          continue;
        seen.push_back(cell.key());
        const RunFigures& f = *outcome->figures->run;
        rows += fmt::format("{} {} {}\n",
                            quoted(step.name.empty() ? subject.title : fmt::format("{}, {}", subject.title, step.name)),
                            f.gflops(true), f.gflops(false));
      }
    }
  }
  if (rows.empty()) return std::nullopt;
  const double peak = data.peak_gflops(threads);
  return Plot{
      .id = fmt::format("plot-rates{}", threads),
      .title = fmt::format("GFLOP/s against the measured peak, {}", threads_text(threads)),
      .caption =
          "Multiply-adds of convolutions and matrix products, counted as two each, per second of the mean "
          "time. The line is what fused multiply-adds on registers alone reached.",
      .commands = fmt::format(
          "set grid noxtics\nset style data histograms\nset style histogram clustered gap 1.2\nset style fill solid "
          "0.9 noborder\n"
          "set xtics rotate by 28 right\nset ylabel \"GFLOP/s\"\nset yrange [0:{1}]\nset key top right horizontal\n"
          "$rates << EOD\n{0}EOD\nplot {2} with lines lw 2 dt 2 lc rgb \"{3}\" title \"peak, {2:.0f} GFLOP/s\", "
          "\\\n  $rates using 2:xtic(1) lc rgb \"{4}\" title \"gradient\", '' using 3 lc rgb \"{5}\" title "
          "\"forward\"",
          rows, 1.25 * peak, peak, other_colour, gradient_colour, forward_colour)};
}

// ---- compile time against run time ----

struct CompilePoint {
  double run_ms = 0, first_ms = 0, again_ms = 0;
  std::string name;
};

// A call of each of the functions that were compiled, one after another.
std::optional<double> ours_run_ms(const StudySubject& subject, int threads, const StudyData& data) {
  double sum = 0;
  for (const StudyStep& step : subject.steps) {
    const auto* outcome = data.find(data.plan.run(subject, step, subject.batch, threads, "cpu"));
    if (outcome == nullptr || !outcome->figures) return std::nullopt;
    sum += outcome->figures->run->forward_ms.mean + outcome->figures->run->gradient_ms.mean;
  }
  return sum;
}

std::vector<CompilePoint> ours_of(const StudyTable& table, const StudyData& data) {
  std::vector<CompilePoint> points;
  for (const std::string& key : table.subjects) {
    const StudySubject& subject = find_subject(key);
    const StudyCell cell = data.plan.compilation(subject, "cpu");
    const auto* outcome = data.find(cell);
    const auto run_ms = ours_run_ms(subject, cell.threads, data);
    if (outcome == nullptr || !outcome->figures || !run_ms) continue;
    const CompileFigures& f = *outcome->figures->compile;
    points.push_back({*run_ms, f.first.seconds * 1e3, f.again.seconds * 1e3, subject.title});
  }
  return points;
}

std::optional<Plot> of_compilations(const StudyTable& table, const StudyData& data) {
  const std::vector<CompilePoint> points = ours_of(table, data);
  if (points.empty()) return std::nullopt;
  std::string rows;
  double low = points[0].run_ms, high = low;
  for (const CompilePoint& p : points) {
    rows += fmt::format("{} {} {} {}\n", quoted(p.name), p.first_ms, p.again_ms, p.run_ms);
    low = std::min({low, p.run_ms, p.again_ms});
    high = std::max({high, p.run_ms, p.first_ms});
  }
  const int threads = data.plan.compilation(find_subject(table.subjects[0]), "cpu").threads;
  return Plot{
      .id = "plot-compile",
      .title = "Compile time against run time",
      .caption = fmt::format("Compiling all functions of a network, and calling each of them once ({}); the axis is "
                             "logarithmic.",
                             threads_text(threads)),
      .commands = fmt::format(
          "set grid noxtics\nset style data histograms\nset style histogram clustered gap 1.2\nset style fill solid "
          "0.9 noborder\n"
          "set logscale y\nset ylabel \"ms\"\nset yrange [{1}:{2}]\nset key top right horizontal\n"
          "set xtics rotate by 18 right\n$compile << EOD\n{0}EOD\nplot $compile using 2:xtic(1) lc rgb \"{3}\" title "
          "\"compile, empty cache\", "
          "\\\n  '' using 3 lc rgb \"{4}\" title \"compile, filled cache\", '' using 4 lc rgb \"{5}\" title "
          "\"a call of each function\"",
          rows, low / 3, high * 8, gradient_colour, forward_colour, other_colour)};
}

}  // namespace

std::vector<Plot> plots(const StudyData& data) {
  std::vector<Plot> all;
  const auto add = [&](std::optional<Plot> plot) {
    if (plot) all.push_back(std::move(*plot));
  };
  for (const int number : data.plan.figures) add(of_batches(find_figure(number), data));
  for (const int threads : data.plan.threads) add(of_rates(threads, data));
  for (const int number : data.plan.tables)
    if (find_table(number).compiles) add(of_compilations(find_table(number), data));
  return all;
}

}  // namespace bitale::bench
