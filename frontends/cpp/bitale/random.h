// Random numbers.
#pragma once

#include <cstdint>
#include <memory>

#include <bitale/tensor.h>

namespace bitale {

// A stream of draws from a seed. Two draws are two different nodes; every function that reads the stream advances it by
// one step per call. The numbers do not depend on threads or instruction set.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, const std::string& name = "random");
  Tensor uniform(const Shape& shape, DType dtype = float32, Where at = Where::current());  // [0, 1)
  Tensor normal(const Shape& shape, DType dtype = float32, Where at = Where::current());
  Tensor bernoulli(double p, const Shape& shape, Where at = Where::current());  // bool
  const Shared& state() const { return state_; }

 private:
  Shared state_;
  std::shared_ptr<std::int64_t> draws_;
};

}  // namespace bitale
