#include "bench/study/plan/tables.h"

#include <fmt/format.h>

#include "frontends/cpp/command.h"

namespace bitale::bench {
namespace {

using Kind = StudyColumn::Kind;

const StudySubject subjects[] = {
    {"lenet", "LeNet", "lenet", "", "lenet", "", 64, {{"", 4.586, 13.182}}},
    {"alexnet_exact", "AlexNet, exact", "alexnet", "exact", "alexnet", "exact", 256, {{"", 1448.814, 4135.611}}},
    {"alexnet_no_lrn",
     "AlexNet without LRN",
     "alexnet",
     "no_lrn",
     "alexnet",
     "no_lrn",
     256,
     {{"", 1448.814, 4135.611}}},
    {"alexnet_no_groups",
     "AlexNet without LRN and groups",
     "alexnet",
     "no_lrn_no_groups",
     "alexnet",
     "no_lrn_no_grouping",
     256,
     {{"", 2270.512, 6600.706}}},
    {"sae_small",
     "Autoencoder 400-200-100",
     "sae",
     "small",
     "stacked_autoencoder",
     "400-200-100",
     64,
     {{"ae1", 1.2544, 3.136}, {"ae2", 0.9472, 1.4272}, {"ae3", 0.8672, 0.9872}, {"se", 0.8292, 1.8604}}},
    {"sae_large",
     "Autoencoder 800-1000-2000",
     "sae",
     "large",
     "stacked_autoencoder",
     "800-1000-2000",
     64,
     {{"ae1", 2.5088, 6.272}, {"ae2", 4.4544, 9.2544}, {"ae3", 10.8544, 22.8544}, {"se", 6.8944, 19.4288}}},
    {"lstm", "LSTM", "lstm", "", "lstm_imdb", "", 16, {{"", 18.66559, 55.99676}}, 124},
};

const std::vector<StudyColumn> times = {
    {"gradient_time", "gradient", Kind::gradient, {""}},
    {"forward_time", "forward", Kind::forward, {""}},
};
const std::vector<StudyColumn> times_and_memory = {
    times[0],
    times[1],
    {"peak_gpu_memory", "memory, GB", Kind::memory, {""}},
};
const std::vector<StudyColumn> times_of_steps = {
    {"ae1_gradient_time", "AE1 gradient", Kind::gradient, {"ae1"}},
    {"ae2_gradient_time", "AE2 gradient", Kind::gradient, {"ae2"}},
    {"ae3_gradient_time", "AE3 gradient", Kind::gradient, {"ae3"}},
    {"pretraining_total_gradient_time", "pretraining", Kind::gradient, {"ae1", "ae2", "ae3"}},
    {"se_gradient_time", "SE gradient", Kind::gradient, {"se"}},
    {"se_forward_time", "SE forward", Kind::forward, {"se"}},
};
const std::vector<StudyColumn> compile_times = {
    {"first_compile_time", "first compile", Kind::first_compile},
    {"recompile_time", "re-compile", Kind::recompile},
};

const StudyTable tables[] = {
    {3, "LeNet, batch 64 (ms)", {"lenet"}, times},
    {4,
     "AlexNet, batch 256 (ms; peak memory)",
     {"alexnet_exact", "alexnet_no_lrn", "alexnet_no_groups"},
     times_and_memory},
    {5, "Stacked autoencoder 400-200-100, batch 64 (ms)", {"sae_small"}, times_of_steps},
    {6, "LSTM, batch 16 (ms per batch)", {"lstm"}, times},
    {7, "Stacked autoencoder 800-1000-2000, batch 64 (ms)", {"sae_large"}, times_of_steps},
    {8, "Compile times (s)", {"lenet", "alexnet_exact", "sae_small", "lstm"}, compile_times, true},
};

const StudyFigure figures[] = {
    {1, "LeNet: times against the batch size", "lenet", {32, 64, 128, 256, 512, 1024}},
    {2, "AlexNet without LRN and groups: times against the batch size", "alexnet_no_groups", {32, 64, 128, 256}},
};

template <class Row>
const Row& find(std::span<const Row> rows, int number, const char* what) {
  std::string numbers;
  for (const Row& row : rows) {
    if (row.number == number) return row;
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(row.number);
  }
  throw UsageError(fmt::format("bitale study: there is no {} {}; there are: {}.", what, number, numbers));
}

bool is_about(const StudySubject& subject, const PaperRow& row) {
  return subject.paper_network == row.network &&
         (subject.paper_variant.empty() || row.variant == subject.paper_variant ||
          row.variant.starts_with(subject.paper_variant + ";"));
}

}  // namespace

std::span<const StudySubject> study_subjects() { return subjects; }
std::span<const StudyTable> study_tables() { return tables; }
std::span<const StudyFigure> study_figures() { return figures; }

const StudyTable& find_table(int number) { return find(study_tables(), number, "table"); }
const StudyFigure& find_figure(int number) { return find(study_figures(), number, "figure"); }

const StudySubject& find_subject(const std::string& key) {
  for (const StudySubject& subject : subjects)
    if (subject.key == key) return subject;
  throw InternalError("the study has no subject " + key);
}

const StudySubject& StudyTable::subject_of(const PaperRow& row) const {
  for (const std::string& key : subjects)
    if (is_about(find_subject(key), row)) return find_subject(key);
  // The paper does not say which AlexNet it compiled: ours is the one of these that it may have been.
  for (const std::string& key : subjects)
    if (compiles && find_subject(key).paper_network == row.network) return find_subject(key);
  throw Error(fmt::format("the paper's table {} has a row about '{}', '{}', which ours has not.", number, row.network,
                          row.variant));
}

}  // namespace bitale::bench
