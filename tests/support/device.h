// Where tests of devices run: on the emulated device, or on the one that BITALE_TEST_DEVICE names, as "cuda" on a
// machine with a GPU (bench/gpu/run).
#pragma once

#include <cstdlib>
#include <string>

#include <bitale/conv_algorithm.h>

namespace bitale::tests {

inline std::string tested_device() {
  const char* name = std::getenv("BITALE_TEST_DEVICE");
  return name && *name ? name : "emulated";
}

// The CPU plays it: threads take turns, what is broken is found, and memory is the host's.
inline bool is_played() { return tested_device() == "emulated"; }

// What computes convolutions there: BITALE_TEST_CONV, as in cudnn.
inline ConvAlgorithm tested_conv() {
  const char* name = std::getenv("BITALE_TEST_CONV");
  return name && *name ? conv_algorithm(name) : ConvAlgorithm::automatic;
}

}  // namespace bitale::tests
