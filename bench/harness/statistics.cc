#include "bench/harness/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/base/error.h"

namespace bitale::bench {

double median(std::vector<double> values) {
  BITALE_ASSERT(!values.empty(), "the median of no values");
  const std::size_t half = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Statistics statistics(std::vector<double> values) {
  BITALE_ASSERT(!values.empty(), "statistics of no values");
  const auto count = static_cast<double>(values.size());
  Statistics s;
  s.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.std = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  s.min = *std::min_element(values.begin(), values.end());
  s.median = median(std::move(values));
  return s;
}

}  // namespace bitale::bench
