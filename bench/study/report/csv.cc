#include <fmt/format.h>

#include "bench/study/report/tables.h"

namespace bitale::bench {
namespace {

std::string line(const PaperRow& r) {
  const auto number = [](std::optional<std::int64_t> n) { return n ? std::to_string(*n) : ""; };
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(r.system), r.device, csv_field(r.backend),
                     number(r.threads), r.metric, r.value, r.unit, csv_field(r.network), csv_field(r.variant),
                     number(r.batch), csv_field(r.hardware), r.best ? "1" : "", csv_field(r.flag), csv_field(r.note));
}

// Ours, without a figure.
PaperRow row_of(const StudyOutcome& outcome, const StudyData& data) {
  const StudyCell& cell = outcome.cell;
  const StudySubject& subject = find_subject(cell.subject);
  PaperRow row{.system = "Bitale",
               .device = cell.on_gpu() ? "gpu" : cell.device,
               .backend = cell.device == "cpu" ? "generated, isa " + data.isa
                                               : "generated, " + cell.device + (cell.tf32 ? ", TF32" : ""),
               .threads = cell.threads,
               .network = subject.paper_network,
               .variant = subject.paper_variant,
               .hardware = cell.on_gpu() ? data.gpu_name(cell.device) : data.machine.cpu};
  if (cell.batch > 0) row.batch = cell.batch;
  return row;
}

std::string cannot_line(const StudyOutcome& outcome, const StudyData& data) {
  const PaperRow r = row_of(outcome, data);
  const bool played = outcome.cannot.empty();
  return fmt::format("Bitale,{},,{},,,,{},{},{},{},,{},{}\n", r.device, *r.threads, csv_field(r.network),
                     csv_field(r.variant), r.batch ? std::to_string(*r.batch) : "", csv_field(r.hardware),
                     played ? "not_timed" : "cannot_run", csv_field(played ? outcome.played : outcome.cannot));
}

std::string lines(const StudyOutcome& outcome, const StudyData& data) {
  if (!outcome.figures) return cannot_line(outcome, data);
  PaperRow row = row_of(outcome, data);
  std::string text;
  const auto add = [&](const std::string& metric, double value, const char* unit) {
    row.metric = metric;
    row.value = value;
    row.unit = unit;
    text += line(row);
  };
  if (outcome.figures->compile) {
    add("first_compile_time", outcome.figures->compile->first.seconds, "s");
    add("recompile_time", outcome.figures->compile->again.seconds, "s");
    return text;
  }
  const RunFigures& f = *outcome.figures->run;
  const std::string step = outcome.cell.step.empty() ? "" : outcome.cell.step + "_";
  for (const bool gradient : {true, false}) {
    const std::string name = step + (gradient ? "gradient_" : "forward_");
    const Statistics& ms = f.ms(gradient);
    add(name + "time", ms.mean, "ms");
    add(name + "time_std", ms.std, "ms");
    add(name + "time_min", ms.min, "ms");
    add(name + "time_median", ms.median, "ms");
    add(name + "rate", f.gflops(gradient), "GFLOP/s");
  }
  add(step + "planned_memory", static_cast<double>(f.all_planned_bytes()) * 1e-9, "GB");
  add(step + (outcome.cell.device == "cpu" ? "peak_memory" : "host_peak_memory"),
      static_cast<double>(f.peak_rss_bytes) * 1e-9, "GB");
  return text;
}

// Sums over several measurements, which no single one of them has.
std::string sums(const StudyTable& table, const StudySubject& subject, const StudyData& data) {
  std::string text;
  for (const StudyColumn& column : table.columns) {
    if (column.steps.size() < 2) continue;
    for (const std::string& device : data.plan.devices)
      for (const int threads : data.plan.threads_of(device)) {
        const auto value = data.value(column, subject, threads, device);
        const auto* outcome = data.find(data.plan.run(subject, subject.steps[0], subject.batch, threads, device));
        if (!value || outcome == nullptr) continue;
        PaperRow row = row_of(*outcome, data);
        row.metric = column.metric;
        row.value = *value;
        row.unit = "ms";
        text += line(row);
      }
  }
  return text;
}

}  // namespace

std::string table_csv(const StudyTable& table, const StudyData& data) {
  std::string text = std::string(paper_header) + "\n";
  for (const PaperRow& row : data.paper.at(table.number)) text += line(row);
  for (const std::string& key : table.subjects) {
    const StudySubject& subject = find_subject(key);
    for (const std::string& device : data.plan.devices) {
      if (table.compiles) {
        if (const auto* outcome = data.find(data.plan.compilation(subject, device))) text += lines(*outcome, data);
        continue;
      }
      for (const int threads : data.plan.threads_of(device))
        for (const StudyStep& step : subject.steps)
          if (const auto* outcome = data.find(data.plan.run(subject, step, subject.batch, threads, device)))
            text += lines(*outcome, data);
    }
    text += sums(table, subject, data);
  }
  return text;
}

std::string figure_csv(const StudyFigure& figure, const StudyData& data) {
  std::string text = std::string(paper_header) + "\n";
  const StudySubject& subject = find_subject(figure.subject);
  for (const std::string& device : data.plan.devices)
    for (const int threads : data.plan.threads_of(device))
      for (const std::int64_t batch : data.plan.batches_of(figure))
        if (const auto* outcome = data.find(data.plan.run(subject, subject.steps[0], batch, threads, device)))
          text += lines(*outcome, data);
  return text;
}

}  // namespace bitale::bench
