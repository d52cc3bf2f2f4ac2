#include <algorithm>
#include <regex>

#include "bench/study/report/page.h"
#include "bench/study/report/plots.h"
#include "bench/study/report/tables.h"
#include "tests/support/catch.h"
#include "tests/unit/bench/study/study_fixture.h"

using namespace bitale;
using namespace bitale::bench;
using bitale::tests::contains;
using bitale::tests::study_of;

namespace {

// The row of this kind that has this text in its first cells.
const GridRow* find_row(const Grid& grid, GridRow::Kind kind, const std::vector<std::string>& lead) {
  for (const GridRow& row : grid.rows)
    if (row.kind == kind && row.cells.size() >= lead.size() && std::equal(lead.begin(), lead.end(), row.cells.begin()))
      return &row;
  return nullptr;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("table 3: the paper's rows with what they are times ours, ours, and why there is none of a GPU") {
  const StudyData data = study_of({3}, {});
  const Grid grid = comparison(find_table(3), data);
  CHECK(grid.rows.size() == 15 + 2 + 1);
  const GridRow* one = find_row(grid, GridRow::Kind::paper, {"cpu", "Torch", "1"});
  REQUIRE(one != nullptr);  // ours with one thread: 5 and 2 ms
  CHECK(one->cells == std::vector<std::string>{"cpu", "Torch", "1", "46.1", "18.1", "9.22", "9.05"});
  const GridRow* twelve = find_row(grid, GridRow::Kind::paper, {"cpu", "Torch", "12"});
  REQUIRE(twelve != nullptr);  // ours with both hardware threads: 2.5 and 1 ms
  CHECK(twelve->cells == std::vector<std::string>{"cpu", "Torch", "12", "16.5", "4.6", "6.60", "4.60"});
  const GridRow* ours = find_row(grid, GridRow::Kind::ours, {"cpu", "Bitale", "2"});
  REQUIRE(ours != nullptr);
  CHECK(ours->cells == std::vector<std::string>{"cpu", "Bitale", "2", "2.50", "1.00"});
  const GridRow* gpu = find_row(grid, GridRow::Kind::paper, {"gpu", "Theano, cuDNN v3"});
  REQUIRE(gpu != nullptr);
  CHECK(gpu->cells[5].empty());
  const GridRow* none = find_row(grid, GridRow::Kind::cannot, {"cuda", "Bitale"});
  REQUIRE(none != nullptr);
  CHECK(none->rest == "cannot run: no GPU <here>");
}

TEST_CASE("a GPU's figures stand below the paper's, which are divided by them; what was played has no time") {
  StudyData data = study_of({3, 4}, {1});
  data.plan.devices = {"cpu", "cuda", "emulated"};
  data.plan.tf32 = true;
  data.machine.gpus = {.all = {{.name = "A GPU", .memory_bytes = 1}}, .cuda = "13.0"};
  data.outcomes.clear();
  for (const StudyCell& cell : data.plan.cells()) {
    StudyOutcome outcome{.cell = cell};
    if (cell.played()) {
      outcome.played = "loss 1.5";
    } else {
      auto json = tests::run_json(0.02, 0.05);
      if (cell.on_gpu()) json["peak_gflops"] = 0.0;
      outcome.figures = figures_from_json(cell.kind, cell.title(), json.dump());
    }
    data.outcomes.push_back(std::move(outcome));
  }
  const Grid grid = comparison(find_table(3), data);
  const GridRow* theano = find_row(grid, GridRow::Kind::paper, {"gpu", "Theano, cuDNN v3"});
  REQUIRE(theano != nullptr);
  CHECK(theano->cells == std::vector<std::string>{"gpu", "Theano, cuDNN v3", "", "1.4", "0.5", "28.0", "25.0"});
  const GridRow* ours = find_row(grid, GridRow::Kind::ours, {"cuda", "Bitale, TF32"});
  REQUIRE(ours != nullptr);
  CHECK(ours->cells == std::vector<std::string>{"cuda", "Bitale, TF32", "", "0.0500", "0.0200"});
  const GridRow* played = find_row(grid, GridRow::Kind::cannot, {"emulated", "Bitale"});
  REQUIRE(played != nullptr);
  CHECK(played->rest == "not timed, computes what the CPU does: loss 1.5");
  CHECK_THAT(to_text(grid), contains("Bitale's on cuda of one A GPU, products in TF32."));
  const Grid four = comparison(find_table(4), data), full_rows = details(find_table(3), data);
  const GridRow* memory = find_row(four, GridRow::Kind::ours, {"AlexNet, exact", "cuda", "Bitale, TF32"});
  REQUIRE(memory != nullptr);
  CHECK(memory->cells.back() == "0.0105");  // GB that is planned: 10 MiB
  const GridRow* full = find_row(full_rows, GridRow::Kind::ours, {"LeNet", "cuda, TF32", "forward"});
  REQUIRE(full != nullptr);
  CHECK(full->cells[10].empty());  // no peak was measured
  CHECK_THAT(table_csv(find_table(3), data), contains("not_timed,loss 1.5"));
  CHECK_THAT(table_csv(find_table(3), data), contains("Bitale,gpu,\"generated, cuda, TF32\",1,gradient_time,0.05,ms"));
  const auto json = nlohmann::json::parse(study_json(data));
  CHECK(json["machine"]["gpus"][0]["name"] == "A GPU");
  CHECK(json["versions"]["cuda_driver"] == "13.0");
  const std::vector<Plot> all = plots(data);
  REQUIRE(all[0].id == "plot-figure1");
  CHECK_THAT(all[0].commands, contains("\"gradient, cuda\""));
  CHECK_THAT(protocol_text(data), contains("nothing is timed"));
}

TEST_CASE("table 5: steps are added up, doubtful figures marked") {
  const Grid grid = comparison(find_table(5), study_of({5}, {}));
  const GridRow* neon = find_row(grid, GridRow::Kind::paper, {"cpu", "Neon", "1"});
  REQUIRE(neon != nullptr);
  // Ours: three gradients of 5 ms for the pretraining, 5 and 2 ms for the last step.
  CHECK(neon->cells == std::vector<std::string>{"cpu", "Neon", "1", "14.6 ?", "11.5 ?", "10.5 ?", "35.6 ?", "9.7",
                                                "4.8", "2.37", "1.94", "2.40"});
  CHECK_THAT(to_text(grid), contains("? Neon: AE1+AE2+AE3 = 36.6"));
}

TEST_CASE("table 4 has memory and three variants; table 8 both caches, phase by phase") {
  const StudyData data = study_of({4, 8}, {});
  const Grid four = comparison(find_table(4), data);
  const GridRow* ours = find_row(four, GridRow::Kind::ours, {"AlexNet without LRN", "cpu", "Bitale", "1"});
  REQUIRE(ours != nullptr);
  CHECK(ours->cells[6] == "0.0629");  // GB
  const Grid eight = comparison(find_table(8), data);
  const GridRow* theano = find_row(eight, GridRow::Kind::paper, {"LSTM", "cpu", "Theano"});
  REQUIRE(theano != nullptr);
  CHECK(theano->cells == std::vector<std::string>{"LSTM", "cpu", "Theano", "", "80.1", "12.7", "400", "3175"});
  const Grid phases = details(find_table(8), data);
  const GridRow* filled = find_row(phases, GridRow::Kind::ours, {"LeNet", "cpu", "2", "filled"});
  REQUIRE(filled != nullptr);
  CHECK(filled->cells == std::vector<std::string>{"LeNet", "cpu", "2", "filled", "4.00", "", "4.00", "3.00"});
}

TEST_CASE("rows in full: statistics, rates against the peak, memory planned and measured") {
  const Grid grid = details(find_table(3), study_of({3}, {}));
  const GridRow* row = find_row(grid, GridRow::Kind::ours, {"LeNet", "1", "gradient"});
  REQUIRE(row != nullptr);
  CHECK(row->cells == std::vector<std::string>{"LeNet", "1", "gradient", "5.00", "0.500", "2.50", "5.00", "5", "0.750",
                                               "150", "150 %", "10.0", "60.0"});
  CHECK(find_row(grid, GridRow::Kind::cannot, {"LeNet", "cuda"}) != nullptr);
}

TEST_CASE("tables as text have their columns below each other") {
  const Grid grid{.id = "t",
                  .title = "Title",
                  .columns = {{"name", false}, {"ms", true, "times"}, {"s", true, "times"}},
                  .rows = {{GridRow::Kind::ours, {"längst", "10.5", "2"}}, {GridRow::Kind::cannot, {"b"}, "cannot"}},
                  .notes = {"Note."}};
  CHECK(to_text(grid) == "Title\n\n        times\nname      ms  s\nlängst  10.5  2\nb       cannot\n\nNote.\n");
  CHECK(short_number(1234.4) == "1234");
  CHECK(short_number(56.72) == "56.7");
  CHECK(short_number(0.08912) == "0.0891");
  CHECK(short_number(0) == "0");
}

TEST_CASE("CSV files are read back as the paper's are") {
  const StudyData data = study_of({3, 5, 8}, {1});
  for (const int table : {3, 5, 8}) {
    const std::vector<PaperRow> paper = paper_table(table);
    std::string text = table_csv(find_table(table), data);
    CHECK_THAT(text, contains("cannot_run,no GPU <here>"));
    text = std::regex_replace(text, std::regex("[^\n]*cannot_run[^\n]*\n"), "");  // has no figure
    const std::vector<PaperRow> rows = parse_paper_table(text, "ours");
    CHECK(rows.size() > paper.size());
    for (std::size_t i = 0; i < paper.size(); ++i) {
      CHECK(rows[i].value == paper[i].value);
      CHECK(rows[i].note == paper[i].note);
    }
    CHECK(rows.back().system == "Bitale");
  }
  const auto five = table_csv(find_table(5), data);
  CHECK_THAT(five, contains("pretraining_total_gradient_time,15,ms"));
  CHECK(count(figure_csv(find_figure(1), data), ",gradient_time,") == 12);
}

TEST_CASE("the report has every table and plot once, escaped, with no two ids alike") {
  const StudyData data = study_of({3, 5, 6, 8}, {1});
  const std::vector<Plot> all = plots(data);
  std::vector<std::string> ids, svgs;
  for (const Plot& plot : all) {
    ids.push_back(plot.id);
    svgs.push_back("<svg></svg>");
  }
  CHECK(ids == std::vector<std::string>{"plot-figure1", "plot-rates1", "plot-rates2", "plot-compile"});
  const std::string html = report_html(data, all, svgs);
  for (const std::string& id : ids) CHECK(count(html, "id=\"" + id + "\"") == 1);
  for (const char* id : {"table3", "table5", "table6", "table8", "table3-details", "figure1"})
    CHECK(count(html, std::string("id=\"") + id + "\"") == 1);
  CHECK_THAT(html, contains("A &lt;CPU&gt; &amp; more"));
  CHECK_THAT(html, contains("no GPU &lt;here&gt;"));
  CHECK(count(html, "<CPU>") == 0);
  CHECK(count(html, "src=") + count(html, "@import") + count(html, "url(") == 0);  // needs nothing else
}

TEST_CASE("the document holds every measurement, and why there is none") {
  const auto json = nlohmann::json::parse(study_json(study_of({3}, {})));
  REQUIRE(json["measurements"].size() == 3);
  CHECK(json["measurements"][0]["result"]["iterations"].get<int>() == 5);
  int cannot = 0;
  for (const auto& one : json["measurements"]) cannot += one.contains("cannot");
  CHECK(cannot == 1);
  CHECK(json["peak_gflops"]["2"].get<double>() == 100);
  CHECK(json["paper"]["3"].size() == 30);
}

TEST_CASE("a study of which nothing could run has no plots, and says so in its tables") {
  StudyData data = study_of({3}, {1});
  for (StudyOutcome& outcome : data.outcomes) {
    outcome.figures.reset();
    outcome.cannot = "failed: a reason";
  }
  CHECK(plots(data).empty());
  CHECK(count(to_text(comparison(find_table(3), data)), "failed: a reason") == 3);
  CHECK(count(to_text(batches(find_figure(1), data)), "failed: a reason") == 18);
  CHECK_NOTHROW(report_html(data, {}, {}));
}
