// What the study's tables and figures hold: which networks, and which figures of each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/study/plan/paper.h"

namespace bitale::bench {

// One function that a network is trained with, and its work for one example: what times are estimated from.
struct StudyStep {
  std::string name{};  // "ae1"; empty: there is only one
  double forward_mflop = 0, gradient_mflop = 0;
};

// A network of the study, as our models call it and as its tables do.
struct StudySubject {
  std::string key{};    // what tables and figures name it by
  std::string title{};  // "AlexNet, exact"
  std::string model{}, variant{};
  std::string paper_network{}, paper_variant{};  // of PaperRow; a variant there may go on with "; ..."
  std::int64_t batch = 0;
  std::vector<StudyStep> steps{};
  int batches = 1;  // that an iteration calls the functions for: of sequences those of an epoch
};

// A column of a table: a time of one function, added up over steps; memory; or a compile time.
struct StudyColumn {
  enum class Kind : std::uint8_t { forward, gradient, memory, first_compile, recompile };
  std::string metric{};  // of PaperRow
  std::string title{};
  Kind kind = Kind::gradient;
  std::vector<std::string> steps{};

  bool is_time() const { return kind == Kind::forward || kind == Kind::gradient; }
};

struct StudyTable {
  int number = 0;
  std::string title{};
  std::vector<std::string> subjects{};
  std::vector<StudyColumn> columns{};
  bool compiles = false;  // its rows are compilations, not runs

  // The subject that a row of the paper's table is about. Error if it is about none.
  const StudySubject& subject_of(const PaperRow& row) const;
};

// Times against batch sizes.
struct StudyFigure {
  int number = 0;
  std::string title{};
  std::string subject{};
  std::vector<std::int64_t> batches{};
};

std::span<const StudySubject> study_subjects();
std::span<const StudyTable> study_tables();
std::span<const StudyFigure> study_figures();

// UsageError that lists what there is.
const StudyTable& find_table(int number);
const StudyFigure& find_figure(int number);

const StudySubject& find_subject(const std::string& key);

}  // namespace bitale::bench
