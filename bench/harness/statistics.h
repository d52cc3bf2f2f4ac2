// What is said about repeated measurements.
#pragma once

#include <vector>

namespace bitale::bench {

struct Statistics {
  double mean = 0, std = 0, min = 0, median = 0;  // std: of the sample, 0 for a single value
};

Statistics statistics(std::vector<double> values);  // of at least one value
double median(std::vector<double> values);

}  // namespace bitale::bench
