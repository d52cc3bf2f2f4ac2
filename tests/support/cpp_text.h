// Graphs as C++ that a user could have written: what a fuzzer's finding is reported as.
#pragma once

#include <string>
#include <vector>

#include "tests/support/op_cases.h"

namespace bitale::tests {

// Statements of the public API that build a graph. A node that no public builder makes (those of gradients, mostly) is
// an input of the text, with the value that it has; a comment says so.
struct CppGraph {
  std::string statements;                // "  Tensor t0 = tanh(x0);\n"...
  std::vector<std::string> outputs;      // the variables of the graph's outputs
  std::vector<std::string> inputs;       // those of the inputs
  std::vector<std::string> arguments;    // their values: "array(float32, {1, 2}, {2})"
  std::vector<Array> values;             // the same
  std::vector<std::string> not_written;  // ops that no public builder makes
};
CppGraph cpp_graph(const BuiltCase& graph);

// What stands before the functions of a program: includes, and `array`.
std::string cpp_prelude();

// A whole program: the graph, then the statements of `body`.
std::string cpp_program(const CppGraph& graph, const std::string& body);

// The body that compiles `outputs` and prints their values. options: of FunctionOptions, ".level = 2, .isa = \"v3\"".
std::string cpp_call(const CppGraph& graph, const std::vector<std::string>& outputs, const std::string& options);

std::string cpp_array(const Array& value);
std::string cpp_list(const std::vector<std::string>& items);  // "{a, b}"

}  // namespace bitale::tests
