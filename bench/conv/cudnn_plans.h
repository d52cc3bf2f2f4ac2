// What cuDNN would compute a network's convolutions by, on a GPU that is not there. Nothing runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/conv/layers.h"

namespace bitale::bench {

struct CudnnPlanSettings {
  std::string device;                        // an architecture: "sm_90"
  std::vector<std::string> layouts;          // of "nchw", "nhwc"
  std::string dtype = "float32";             // or float64, float16, bfloat16
  bool tf32 = false, deterministic = false;  // as in cudnn::Convolution
  bool all = false;                          // also the plans after the best, and what was refused
};

// Prints a table and, if `json` names a file, writes that.
void list_cudnn_plans(const CudnnPlanSettings& settings, const std::string& net, const std::vector<ConvLayer>& layers,
                      std::int64_t batch, const std::string& json);

}  // namespace bitale::bench
