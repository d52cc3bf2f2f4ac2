// Test values of graphs: random leaves, the interpreter, comparisons.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/grad/check.h"
#include "compiler/prim/prim.h"
#include "compiler/rewrite/rewrite.h"

namespace bitale::tests {

enum class Draw { plain, hostile };  // hostile: a third of the floats are NaN, infinities, zeros of both signs

// Uniform in [low, high]; integers and bools are drawn from the integers there.
Array draw(DType dtype, const Extents& shape, double low, double high, std::mt19937_64& random, Draw how = Draw::plain);

Array vector(std::vector<double> values);  // float64
Array scalar(double value);                // float64

// Every leaf input behind the outputs, in topological order.
std::vector<ir::Tensor> leaves_of(std::span<const ir::Tensor> outputs);

// Interprets the outputs.
std::vector<Array> values_of(std::span<const ir::Tensor> outputs, const ad::Bindings& leaves);
Array value_of(const ir::Tensor& output, const ad::Bindings& leaves);

// Where b does not stand for a: "[2]: 1 and 2"; empty if it does. exact: equal bits, any NaN for a NaN. Otherwise:
// equal up to `tolerance`, absolute and relative, wherever a is finite.
std::string difference(const Array& a, const Array& b, rewrite::RuleClass rule_class, double tolerance = 1e-10);

}  // namespace bitale::tests
