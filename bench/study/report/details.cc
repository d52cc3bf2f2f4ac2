#include <algorithm>

#include <fmt/format.h>

#include "bench/study/report/tables.h"

namespace bitale::bench {
namespace {

std::string mib(std::int64_t bytes) { return short_number(static_cast<double>(bytes) / (1 << 20)); }

std::string place(const StudyCell& cell) {
  return cell.device == "cpu" ? std::to_string(cell.threads) : cell.device + (cell.tf32 ? ", TF32" : "");
}

GridRow cannot(std::vector<std::string> lead, const StudyOutcome& outcome) {
  return {GridRow::Kind::cannot, std::move(lead),
          outcome.cannot.empty() ? "not timed: " + outcome.played : "cannot run: " + outcome.cannot};
}

void add_run(Grid& grid, const std::string& title, const StudyOutcome& outcome) {
  if (!outcome.figures) return grid.rows.push_back(cannot({title, place(outcome.cell)}, outcome));
  const RunFigures& f = *outcome.figures->run;
  for (const bool gradient : {true, false}) {
    const Statistics& ms = f.ms(gradient);
    grid.rows.push_back(
        {GridRow::Kind::ours,
         {title, place(outcome.cell), gradient ? "gradient" : "forward", short_number(ms.mean), short_number(ms.std),
          short_number(ms.min), short_number(ms.median), std::to_string(f.iterations), short_number(f.gflop(gradient)),
          short_number(f.gflops(gradient)),
          f.peak_gflops > 0 ? fmt::format("{:.0f} %", f.gflops(gradient) / f.peak_gflops * 100) : "",
          mib(f.all_planned_bytes()), mib(f.peak_rss_bytes)}});
  }
}

Grid run_details(const StudyTable& table, const StudyData& data) {
  Grid grid{.columns = {{"network", false},
                        {"threads"},
                        {"function", false},
                        {"mean", true, "ms"},
                        {"std", true, "ms"},
                        {"min", true, "ms"},
                        {"median", true, "ms"},
                        {"timed"},
                        {"GFLOP"},
                        {"GFLOP/s"},
                        {"of peak"},
                        {"planned", true, "memory, MiB"},
                        {"measured", true, "memory, MiB"}}};
  for (const std::string& key : table.subjects) {
    const StudySubject& subject = find_subject(key);
    for (const StudyStep& step : subject.steps)
      for (const std::string& device : data.plan.devices)
        for (const int threads : data.plan.threads_of(device))
          if (const auto* outcome = data.find(data.plan.run(subject, step, subject.batch, threads, device)))
            add_run(grid, step.name.empty() ? subject.title : fmt::format("{}, {}", subject.title, step.name),
                    *outcome);
  }
  grid.notes = {
      "Forward ends at the loss; gradient is forward and backward, for all parameters and not for the input, without "
      "an "
      "update. timed: calls, of the LSTM epochs, whose figures are of a call on average.",
      "planned: what the plans of both functions say they will take, parameters and batches; measured: the largest "
      "resident memory of the process, code generator included, on the host also where a GPU is measured."};
  return grid;
}

// All phases that some compilation has, in the order in which they come.
std::vector<std::string> phases_of(const std::vector<const StudyOutcome*>& outcomes) {
  std::vector<std::string> names;
  for (const StudyOutcome* outcome : outcomes) {
    if (!outcome->figures) continue;
    for (const CompileFigures::Side* side : {&outcome->figures->compile->first, &outcome->figures->compile->again})
      for (const auto& [name, ms] : side->phases_ms)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

void add_compilation(Grid& grid, const StudyOutcome& outcome, const std::vector<std::string>& phases) {
  const std::string& title = find_subject(outcome.cell.subject).title;
  const std::string place = outcome.cell.device + (outcome.cell.tf32 ? ", TF32" : "");
  if (!outcome.figures) return grid.rows.push_back(cannot({title, place}, outcome));
  const CompileFigures& f = *outcome.figures->compile;
  for (const auto& [cache, side] : {std::pair{"empty", &f.first}, std::pair{"filled", &f.again}}) {
    GridRow row{GridRow::Kind::ours,
                {title, place, std::to_string(side->functions), cache, short_number(side->seconds * 1e3)}};
    for (const std::string& phase : phases) {
      const auto at = std::find_if(side->phases_ms.begin(), side->phases_ms.end(),
                                   [&](const auto& one) { return one.first == phase; });
      row.cells.push_back(at == side->phases_ms.end() ? "" : fmt::format("{:.2f}", at->second));
    }
    row.cells.push_back(fmt::format("{:.2f}", side->start_ms));
    grid.rows.push_back(std::move(row));
  }
}

Grid compile_details(const StudyTable& table, const StudyData& data) {
  std::vector<const StudyOutcome*> outcomes;
  for (const std::string& key : table.subjects)
    for (const std::string& device : data.plan.devices)
      if (const auto* outcome = data.find(data.plan.compilation(find_subject(key), device)))
        outcomes.push_back(outcome);
  const std::vector<std::string> phases = phases_of(outcomes);
  Grid grid{.columns = {{"network", false}, {"device", false}, {"functions"}, {"cache", false}, {"all", true, "ms"}}};
  for (const std::string& phase : phases) grid.columns.push_back({phase, true, "ms"});
  grid.columns.push_back({"process start", true, "ms"});
  for (const StudyOutcome* outcome : outcomes) add_compilation(grid, *outcome, phases);
  grid.notes = {fmt::format(
      "From the built model to functions that can be called, one after another in one process: medians of {} processes "
      "with an empty cache, and of as many with the cache that the first left. The first call is not part of it.",
      data.plan.repetitions)};
  return grid;
}

}  // namespace

Grid details(const StudyTable& table, const StudyData& data) {
  Grid grid = table.compiles ? compile_details(table, data) : run_details(table, data);
  grid.id = fmt::format("table{}-details", table.number);
  grid.title = fmt::format("Table {}, Bitale's rows in full", table.number);
  return grid;
}

Grid batches(const StudyFigure& figure, const StudyData& data) {
  Grid grid{.id = fmt::format("figure{}", figure.number),
            .title = fmt::format("Figure {}. {}", figure.number, figure.title),
            .columns = {{"batch"},
                        {"threads"},
                        {"gradient", true, "ms"},
                        {"forward", true, "ms"},
                        {"gradient", true, "us per example"},
                        {"forward", true, "us per example"},
                        {"gradient", true, "GFLOP/s"},
                        {"forward", true, "GFLOP/s"}}};
  const StudySubject& subject = find_subject(figure.subject);
  for (const std::int64_t batch : data.plan.batches_of(figure))
    for (const std::string& device : data.plan.devices)
      for (const int threads : data.plan.threads_of(device)) {
        const auto* outcome = data.find(data.plan.run(subject, subject.steps[0], batch, threads, device));
        if (outcome == nullptr) continue;
        const std::vector<std::string> lead = {std::to_string(batch), place(outcome->cell)};
        if (!outcome->figures) {
          grid.rows.push_back(cannot(lead, *outcome));
          continue;
        }
        const RunFigures& f = *outcome->figures->run;
        GridRow row{GridRow::Kind::ours, lead};
        for (const bool gradient : {true, false}) row.cells.push_back(short_number(f.ms(gradient).mean));
        for (const bool gradient : {true, false})
          row.cells.push_back(short_number(f.ms(gradient).mean * 1e3 / static_cast<double>(batch)));
        for (const bool gradient : {true, false}) row.cells.push_back(short_number(f.gflops(gradient)));
        grid.rows.push_back(std::move(row));
      }
  grid.notes = {"The paper draws this for a GPU and names no batch sizes; the batch sizes are ours."};
  return grid;
}

}  // namespace bitale::bench
