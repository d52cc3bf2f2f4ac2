// The study's plots, drawn by gnuplot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/study/report/data.h"

namespace bitale::bench {

struct Plot {
  std::string id{};  // "plot-figure1"
  std::string title{}, caption{};
  std::string commands{};  // for gnuplot, data included
};

// Those that there are figures for: times against batch sizes of every figure; GFLOP/s against the measured peak for
// every number of threads; compile time against run time, where both were measured.
std::vector<Plot> plots(const StudyData& data);

// Each as an <svg> element to stand in HTML, with no id that another has: colours of text and lines are those of the
// page. Error if gnuplot cannot be run, or draws another number of plots.
std::vector<std::string> draw(std::span<const Plot> plots);

// Error that says what to install, if there is no gnuplot.
void require_gnuplot();

}  // namespace bitale::bench
