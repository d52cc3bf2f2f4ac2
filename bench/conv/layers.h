// The convolutions of the study's networks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitale::bench {

struct ConvLayer {
  const char* name;
  std::int64_t channels, size, filters, kernel, stride, padding, groups;  // images and windows are square

  std::int64_t positions() const { return (size + 2 * padding - kernel) / stride + 1; }
  double gflop(std::int64_t batch) const;  // of the sum as it stands: 2 per multiply-add
};

struct ConvNet {
  const char* name;
  std::int64_t batch;  // of the study
  std::vector<ConvLayer> layers;
};

std::string conv_net_names();                           // "lenet, alexnet"
const ConvNet& find_conv_net(const std::string& name);  // UsageError that lists them
// Those of these names, all without names; with one group each, if asked. UsageError if there are none.
std::vector<ConvLayer> layers_of(const ConvNet& net, std::span<const std::string> names, bool without_groups);

}  // namespace bitale::bench
