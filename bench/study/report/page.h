// The study as one HTML page that needs nothing else, and as one JSON document.
#pragma once

#include <span>
#include <string>

#include "bench/study/report/data.h"
#include "bench/study/report/plots.h"

namespace bitale::bench {

// `drawn`: of each of the plots.
std::string report_html(const StudyData& data, std::span<const Plot> plots, std::span<const std::string> drawn);

std::string study_json(const StudyData& data);

// The protocol of what was measured, a sentence or two.
std::string protocol_text(const StudyData& data);
std::string machine_text(const StudyData& data);

std::string escaped(std::string_view text);  // for HTML

}  // namespace bitale::bench
