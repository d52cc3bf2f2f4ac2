#include "bench/study/plan/paper.h"

#include "bench/study/arguments.h"
#include "bench/study/plan/tables.h"
#include "bench/study/subject.h"
#include "frontends/cpp/command.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::bench;
using bitale::tests::contains;

namespace {

double value_in(int table, const std::string& system, std::int64_t threads, const std::string& metric) {
  for (const PaperRow& row : paper_table(table))
    if (row.system == system && row.threads == threads && row.metric == metric) return row.value;
  return 0;
}

std::vector<PaperRow> parsed(const std::string& row) {
  return parse_paper_table(std::string(paper_header) + "\n" + row + "\n", "t.csv");
}

}  // namespace

TEST_CASE("the paper's tables: all of their figures, each about a network of ours and in a column of ours") {
  const std::pair<int, std::size_t> sizes[] = {{3, 30}, {4, 41}, {5, 72}, {6, 8}, {7, 72}, {8, 14}};
  for (const auto& [number, size] : sizes) {
    const std::vector<PaperRow> rows = paper_table(number);
    CHECK(rows.size() == size);
    const StudyTable& table = find_table(number);
    for (const PaperRow& row : rows) {
      CHECK_NOTHROW(table.subject_of(row));
      bool known = false;
      for (const StudyColumn& column : table.columns) known = known || column.metric == row.metric;
      INFO(number << " " << row.metric);
      CHECK(known);
    }
  }
  CHECK(value_in(3, "Torch", 12, "gradient_time") == 16.5);
  CHECK(value_in(6, "Theano", 6, "forward_time") == 96.24);
  CHECK(value_in(7, "Caffe", 12, "pretraining_total_gradient_time") == 111.1);
  CHECK_THROWS_WITH(find_table(9), contains("there is no table 9; there are: 3, 4, 5, 6, 7, 8"));
  CHECK_THROWS_AS(find_figure(3), UsageError);
}

TEST_CASE("rows of AlexNet go to the variant that they are about") {
  PaperRow row{.network = "alexnet", .variant = "no_lrn"};
  CHECK(find_table(4).subject_of(row).key == "alexnet_no_lrn");
  row.variant = "no_lrn_no_grouping";
  CHECK(find_table(4).subject_of(row).key == "alexnet_no_groups");
  row.variant = "400-200-100; untied weights";
  row.network = "stacked_autoencoder";
  CHECK(find_table(5).subject_of(row).key == "sae_small");
  CHECK_THROWS_WITH(find_table(7).subject_of(row), contains("'400-200-100; untied weights', which ours has not"));
}

TEST_CASE("CSV files: quotes, and what is no row") {
  const auto lines = parse_csv("a,\"b, \"\"c\"\"\",\r\n\"two\nlines\",x,y", "f");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == std::vector<std::string>{"a", "b, \"c\"", ""});
  CHECK(lines[1] == std::vector<std::string>{"two\nlines", "x", "y"});
  CHECK(csv_field("b, \"c\"") == "\"b, \"\"c\"\"\"");
  CHECK(csv_field("plain") == "plain");
  CHECK_THROWS_WITH(parse_csv("a,\"b", "f"), contains("'f' ends inside quotes"));

  const std::vector<PaperRow> rows = parsed("S,gpu,\"a, b\",,m,1.5,ms,n,v,64,h,1,f,\"why, then\"");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].backend == "a, b");
  CHECK(!rows[0].threads);
  CHECK(rows[0].batch == 64);
  CHECK(rows[0].best);
  CHECK(rows[0].note == "why, then");
  CHECK_THROWS_WITH(parse_paper_table("a,b\n", "t.csv"), contains("'t.csv' does not begin with the line 'system,"));
  CHECK_THROWS_WITH(parsed("S,gpu,b"), contains("'t.csv', row 1: 3 fields; 14 were expected"));
  CHECK_THROWS_WITH(parsed("S,tpu,b,,m,1.5,ms,n,v,64,h,1,f,n"), contains("device 'tpu'; cpu or gpu was expected"));
  CHECK_THROWS_WITH(parsed("S,cpu,b,0,m,1.5,ms,n,v,64,h,1,f,n"), contains("'0' is no number of threads"));
  CHECK_THROWS_WITH(parsed("S,cpu,b,1,m,fast,ms,n,v,64,h,1,f,n"), contains("'fast' is no number"));
  CHECK_THROWS_WITH(parsed("S,cpu,b,1,m,nan,ms,n,v,64,h,1,f,n"), contains("'nan' is no positive number"));
}

TEST_CASE("the batch sizes and the work that times are estimated from are those of the models") {
  for (const StudySubject& subject : study_subjects()) {
    CHECK(models::find_model(subject.model).batch == subject.batch);
    for (const StudyStep& step : subject.steps) {
      SubjectOptions options{.model = subject.model, .variant = subject.variant, .step = step.name};
      if (subject.model == "alexnet") options.batch = 1;  // a batch of images takes seconds to draw
      finish_subject_options(options);
      INFO(subject.key << " " << step.name);
      const std::vector<SampleBatch> batches = sample(options);
      CHECK(static_cast<std::size_t>(subject.batches) == batches.size());
      const Work work = work_of(build(options, true), options, batches);
      const double examples = static_cast<double>(options.batch) * 1e-3;
      CHECK(step.forward_mflop * examples == Approx(work.forward_gflop).epsilon(1e-4));
      CHECK(step.gradient_mflop * examples == Approx(work.gradient_gflop).epsilon(1e-4));
    }
  }
}
