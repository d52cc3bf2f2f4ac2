// Writes kernels: scalar values with operators, and statements into the innermost open region.
#pragma once

#include <functional>
#include <span>

#include "compiler/kernel/kernel.h"

namespace bitale::kernel {

class Builder;

// A value under construction.
struct Scalar {
  Builder* builder = nullptr;
  ValueId id = no_value;

  DType type() const;
};

// Values are not interned here: the expression DAG above (ir/element.h) already is.
class Builder {
 public:
  explicit Builder(std::string name) {
    kernel_.name = std::move(name);
    regions_.push_back(&kernel_.body);
  }
  Builder(const Builder&) = delete;  // Scalars point to it
  Builder& operator=(const Builder&) = delete;

  // Arguments come before scratch. load() and store() mark what is read; what is stored to must be declared written.
  int buffer(std::string name, DType dtype, bool written);
  int scratch(std::string name, DType dtype, std::int64_t elements);
  Extent extent_argument() { return Extent::argument(kernel_.extents++); }

  Scalar constant(double value, DType type);  // rounded to the type
  Scalar integer(std::int64_t value, DType type = DType::i64);
  Scalar extent(Extent e);
  // Emits a Let for it in the open region.
  Scalar emit(ScalarOp op, DType type, std::span<const Scalar> args);
  Scalar load(int buffer, Index index, std::vector<Bound> guard = {}, Scalar fill = {});
  void store(int buffer, Index index, Scalar value, std::vector<Bound> guard = {}, bool accumulate = false);
  void loop(LoopKind kind, Extent extent, const std::function<void(Scalar var)>& body);

  struct Yield {
    Combiner combiner;
    std::vector<Scalar> values;
  };
  // A loop that reduces what `body` returns; the results come back in the same order, flattened.
  std::vector<Scalar> reduce(LoopKind kind, Extent extent, const std::function<std::vector<Yield>(Scalar var)>& body);

  Kernel& kernel() { return kernel_; }
  Kernel finish() { return std::move(kernel_); }
  DType type_of(ValueId v) const { return kernel_.value(v).type; }

 private:
  ValueId add(Value v);
  Loop& open(LoopKind kind, Extent extent);

  Kernel kernel_;
  std::vector<Region*> regions_;
};

inline DType Scalar::type() const { return builder->type_of(id); }

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
Scalar operator/(Scalar a, Scalar b);
Scalar operator-(Scalar a);
Scalar call(ScalarOp op, std::initializer_list<Scalar> args);              // result type by the op's rule
Scalar call(ScalarOp op, DType type, std::initializer_list<Scalar> args);  // for free result types

}  // namespace bitale::kernel
