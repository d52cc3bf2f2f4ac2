#include "bench/conv/layers.h"

#include <algorithm>

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

std::vector<ConvLayer> layers_of(const ConvNet& net, std::span<const std::string> names, bool without_groups) {
  std::vector<ConvLayer> layers;
  for (ConvLayer layer : net.layers) {
    if (!names.empty() && std::find(names.begin(), names.end(), layer.name) == names.end()) continue;
    if (without_groups) layer.groups = 1;
    layers.push_back(layer);
  }
  if (layers.empty()) throw UsageError(fmt::format("bitale bench conv: {} has no such layer.", net.name));
  return layers;
}

}  // namespace bitale::bench
