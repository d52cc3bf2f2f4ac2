// What NVIDIA's driver says of its GPUs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitale::bench {

struct Gpu {
  std::string name{};  // "NVIDIA H100 80GB HBM3"
  std::int64_t memory_bytes = 0;
};

struct Gpus {
  std::vector<Gpu> all{};  // as the driver counts them: device "cuda:1" is all[1]
  std::string cuda{};      // the version that the driver is of, "13.0"
};

// Empty where there is no driver, or it does not start. Makes no context on a GPU.
Gpus find_gpus();

}  // namespace bitale::bench
