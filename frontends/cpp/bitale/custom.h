// Ops of one's own: an elementwise op from a formula, and an op whose values a C++ callback computes.
//
//   const CustomOp swish = elementwise_op({
//       .name = "swish",
//       .body = [](const std::vector<Tensor>& x) { return x[0] * sigmoid(x[0]); }});
//   Tensor y = swish({h});                              // one node, fused, compiled and differentiated like tanh
//
//   const CustomOp sorted = callback_op({
//       .name = "sorted",
//       .type = [](const std::vector<Tensor>& x) { return std::vector<ResultType>{{x[0].dtype(), x[0].shape()}}; },
//       .run = [](const std::vector<Array>& x, std::vector<Array>& y) { ... }});
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

class CustomOp {
 public:
  CustomOp() = default;
  const std::string& name() const;
  // The first result; Error on operands that the op does not take, naming them and the line.
  Tensor operator()(const std::vector<Tensor>& operands, Where at = Where::current()) const;
  std::vector<Tensor> apply(const std::vector<Tensor>& operands, Where at = Where::current()) const;

  struct Definition;

 private:
  friend struct detail::Access;
  std::shared_ptr<const Definition> definition_;
};

// One element of the result from the operands' elements. Operands are taken as floats of their common dtype and
// broadcast.
struct ElementwiseDefinition {
  std::string name;
  int operands = 1;
  // Written in elementwise ops and numbers (where, comparisons and casts included); called with scalars, when the op is
  // defined and for each dtype. Error if it uses anything else.
  std::function<Tensor(const std::vector<Tensor>& x)> body;
  // d result / d operand i from the operands and the result, one for each operand; none at all: derived from the body.
  // Worth giving where the derived one is less exact or does more work.
  std::vector<std::function<Tensor(const std::vector<Tensor>& x, const Tensor& y)>> derivatives{};
};
CustomOp elementwise_op(const ElementwiseDefinition& definition, Where at = Where::current());

struct ResultType {
  DType dtype = DType::f32;
  Shape shape;
};
// Values computed by C++ code of this process. It must depend on the operands alone (equal calls are made once), and is
// called by one thread at a time per call of a function, perhaps not the caller's, with arrays that are its to read and
// to fill. An exception makes the function's call fail with its text and the line that asked for the op. Functions with
// such an op are compiled anew in every process: the callback cannot be stored in the cache. It must not
// get or set Shared variables that the function reads or updates: a call holds them.
struct CallbackDefinition {
  std::string name;
  std::function<std::vector<ResultType>(const std::vector<Tensor>& operands)> type;
  std::function<void(const std::vector<Array>& operands, std::vector<Array>& results)> run;
  // Cotangents of the operands (empty: zero) from those of the results (those of results that nothing reads are zeros).
  // Without it, a derivative through the op is an Error.
  std::function<std::vector<Tensor>(const std::vector<Tensor>& operands, const std::vector<Tensor>& results,
                                    const std::vector<Tensor>& cotangents)>
      vjp{};
};
CustomOp callback_op(const CallbackDefinition& definition, Where at = Where::current());

}  // namespace bitale
