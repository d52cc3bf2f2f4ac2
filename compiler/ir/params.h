// Parameters of an op: a plain struct with a defaulted == and a list of its fields, held type-erased by nodes.
//
//   struct ReduceParams {
//     std::vector<std::int64_t> axes;
//     bool keepdims = false;
//     bool operator==(const ReduceParams&) const = default;
//     template <class V> void fields(V& v) { v("axes", axes); v("keepdims", keepdims); }
//   };
//
// Hashing, printing, parsing and the traversal of dims all come from `fields`.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ir/dim.h"
#include "runtime/base/dtype.h"
#include "runtime/memory/array.h"

namespace bitale::ir {

// A scalar constant: equality is equality of bits.
struct Literal {
  DType dtype = DType::f32;
  std::int64_t bits = 0;  // of a double for floats, the value for integers and bool

  static Literal real(double value, DType dtype);  // rounded to dtype
  static Literal integer(std::int64_t value, DType dtype);
  double as_double() const;
  std::int64_t as_integer() const;
  bool operator==(const Literal&) const = default;
};
std::string to_string(const Literal& literal);

// An array constant: equality is equality of dtype, shape and bits.
struct ArrayValue {
  Array array;
  std::uint64_t hash = 0;

  ArrayValue() = default;
  explicit ArrayValue(Array a);
  bool operator==(const ArrayValue& other) const;
};

struct Body;  // see body.h

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void operator()(const char* name, bool& v) = 0;
  virtual void operator()(const char* name, std::int64_t& v) = 0;
  virtual void operator()(const char* name, double& v) = 0;
  virtual void operator()(const char* name, std::string& v) = 0;
  virtual void operator()(const char* name, DType& v) = 0;
  virtual void operator()(const char* name, Literal& v) = 0;
  virtual void operator()(const char* name, Dim& v) = 0;
  virtual void operator()(const char* name, Shape& v) = 0;
  virtual void operator()(const char* name, std::vector<std::int64_t>& v) = 0;
  virtual void operator()(const char* name, ArrayValue& v) = 0;
  virtual void operator()(const char* name, DimSymbolPtr& v) = 0;
  virtual void operator()(const char* name, Body& v) = 0;
};

class ParamsBase {
 public:
  virtual ~ParamsBase() = default;
  virtual bool equal(const ParamsBase& other) const = 0;  // of the same op
  virtual std::shared_ptr<ParamsBase> clone() const = 0;
  virtual void visit(FieldVisitor& visitor) = 0;  // may write: only on a fresh clone
  std::uint64_t hash() const;
};

using Params = std::shared_ptr<const ParamsBase>;

template <class P>
class ParamsOf final : public ParamsBase {
 public:
  P value;
  explicit ParamsOf(P v) : value(std::move(v)) {}
  bool equal(const ParamsBase& other) const override {
    const auto* o = dynamic_cast<const ParamsOf*>(&other);
    return o && o->value == value;
  }
  std::shared_ptr<ParamsBase> clone() const override { return std::make_shared<ParamsOf>(value); }
  void visit(FieldVisitor& visitor) override { value.fields(visitor); }
};

struct NoParams {
  bool operator==(const NoParams&) const = default;
  template <class V>
  void fields(V&) {}
};

template <class P>
Params make_params(P value) {
  return std::make_shared<ParamsOf<P>>(std::move(value));
}

// Calls f(dim) on every Dim in the parameters; where it returns another, the result is a changed copy, else `params`
// itself.
Params map_dims(const Params& params, const std::function<Dim(const Dim&)>& f);
void for_each_dim(const ParamsBase& params, const std::function<void(const Dim&)>& f);
// With the dtype that is computed with (runtime/base/dtype.h) in place of each; arrays and bodies stay as they are.
Params widened(const Params& params);
// "axes=[0, 1], keepdims=true"; array constants abbreviated or whole. parse.h reads it.
std::string to_string(const ParamsBase& params, bool whole = false);
std::string quoted(const std::string& text);  // in double quotes, with \" \\ \n and \xNN for what needs it

}  // namespace bitale::ir
