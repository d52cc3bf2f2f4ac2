// The study's tables and figures as they are read.
#pragma once

#include <string>

#include "bench/study/report/data.h"
#include "bench/study/report/grid.h"

namespace bitale::bench {

// The paper's rows, ours between them, and how many times as long each of theirs takes as ours.
Grid comparison(const StudyTable& table, const StudyData& data);

// Our own rows in full: statistics, rates and memory of runs; phases of compilations.
Grid details(const StudyTable& table, const StudyData& data);

Grid batches(const StudyFigure& figure, const StudyData& data);

// The paper's rows and ours in the paper's form (PaperRow), for programs.
std::string table_csv(const StudyTable& table, const StudyData& data);
std::string figure_csv(const StudyFigure& figure, const StudyData& data);

}  // namespace bitale::bench
