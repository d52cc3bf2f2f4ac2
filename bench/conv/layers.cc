#include "bench/conv/layers.h"

#include <fmt/format.h>

#include "frontends/cpp/command.h"

namespace bitale::bench {
namespace {

const std::vector<ConvNet>& nets() {
  static const std::vector<ConvNet> rows{
      {"lenet", 64, {{"conv1", 1, 28, 20, 5, 1, 0, 1}, {"conv2", 20, 12, 50, 5, 1, 0, 1}}},
      {"alexnet",
       256,
       {{"conv1", 3, 224, 96, 11, 4, 3, 1},
        {"conv2", 96, 27, 256, 5, 1, 2, 2},
        {"conv3", 256, 13, 384, 3, 1, 1, 1},
        {"conv4", 384, 13, 384, 3, 1, 1, 2},
        {"conv5", 384, 13, 256, 3, 1, 1, 2}}},
  };
  return rows;
}

}  // namespace

double ConvLayer::gflop(std::int64_t batch) const {
  return 2e-9 * static_cast<double>(batch * filters * positions() * positions()) *
         static_cast<double>(channels / groups * kernel * kernel);
}

std::string conv_net_names() {
  std::string names;
  for (const ConvNet& net : nets()) names += (names.empty() ? "" : ", ") + std::string(net.name);
  return names;
}

const ConvNet& find_conv_net(const std::string& name) {
  for (const ConvNet& net : nets())
    if (name == net.name) return net;
  throw UsageError(fmt::format("bitale bench conv: --net {}: there are {}.", name, conv_net_names()));
}

}  // namespace bitale::bench
