// Shorthand for the samples in op declarations.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/prim/prim.h"

namespace bitale::ir {

using Samples = std::function<std::vector<Sample>()>;

// Values in [low, high], of the dtype under test.
inline SampleInput uniform(Extents shape, double low = -1, double high = 1) {
  return {std::move(shape), low, high, std::nullopt, true};
}

// Whole numbers in [low, high] of a fixed dtype.
inline SampleInput integers(Extents shape, double low, double high, DType dtype = DType::i64) {
  return {std::move(shape), low, high, dtype, false};
}
inline SampleInput booleans(Extents shape) { return integers(std::move(shape), 0, 1, DType::bool_); }

// One sample whose graph has one output.
inline Sample sample(std::string name, std::vector<SampleInput> inputs,
                     std::function<Tensor(std::span<const Tensor>)> build, double tolerance = 1) {
  return {std::move(name), std::move(inputs),
          [f = std::move(build)](std::span<const Tensor> x) { return std::vector<Tensor>{f(x)}; }, tolerance};
}

// Samples of a unary op, as f or as a function of a matrix in [low, high].
template <class F>
Samples unary_samples(F f, double low = -3, double high = 3) {
  return [f, low, high] {
    return std::vector<Sample>{sample("matrix", {uniform({3, 4}, low, high)}, [f](auto x) { return f(x[0]); }),
                               sample("scalar", {uniform({}, low, high)}, [f](auto x) { return f(x[0]); })};
  };
}

// Samples of a binary op: equal shapes, a row against a matrix, and the same tensor twice.
template <class F>
Samples binary_samples(F f, double low = -3, double high = 3, double low_b = -3, double high_b = 3) {
  return [=] {
    return std::vector<Sample>{sample("same shape", {uniform({3, 4}, low, high), uniform({3, 4}, low_b, high_b)},
                                      [f](auto x) { return f(x[0], x[1]); }),
                               sample("broadcast", {uniform({4}, low, high), uniform({2, 3, 1}, low_b, high_b)},
                                      [f](auto x) { return f(x[0], x[1]); })};
  };
}

}  // namespace bitale::ir
