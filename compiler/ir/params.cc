#include "compiler/ir/params.h"

#include <bit>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/ir/body.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/hash.h"

namespace bitale::ir {

Literal Literal::real(double value, DType dtype) {
  BITALE_ASSERT(is_floating(dtype), "real literal of a non-float dtype");
  return {dtype, std::bit_cast<std::int64_t>(rounded_to(dtype, value))};
}

Literal Literal::integer(std::int64_t value, DType dtype) {
  if (is_floating(dtype)) return real(static_cast<double>(value), dtype);
  return {dtype, value};
}

double Literal::as_double() const {
  return is_floating(dtype) ? std::bit_cast<double>(bits) : static_cast<double>(bits);
}

std::int64_t Literal::as_integer() const {
  return is_floating(dtype) ? static_cast<std::int64_t>(std::bit_cast<double>(bits)) : bits;
}

std::string to_string(const Literal& literal) {
  if (literal.dtype == DType::bool_) return literal.bits ? "true" : "false";
  if (!is_floating(literal.dtype)) return std::to_string(literal.bits);
  const double v = literal.as_double();
  if (literal.dtype != DType::f64) return fmt::format("{}", static_cast<float>(v));
  return fmt::format("{}", v);
}

ArrayValue::ArrayValue(Array a) : array(std::move(a)), hash(hash_bytes(array.data(), array.bytes())) {}

bool ArrayValue::operator==(const ArrayValue& other) const {
  return hash == other.hash && array.dtype() == other.array.dtype() && array.shape() == other.array.shape() &&
         array.same_bits(other.array);
}

namespace {

// Base of the readers: each gives the fields' values to one overloaded function of the derived class.
template <class Derived>
class Reader : public FieldVisitor {
 public:
  void operator()(const char* n, bool& v) override { self().on(n, v); }
  void operator()(const char* n, std::int64_t& v) override { self().on(n, v); }
  void operator()(const char* n, double& v) override { self().on(n, v); }
  void operator()(const char* n, std::string& v) override { self().on(n, v); }
  void operator()(const char* n, DType& v) override { self().on(n, v); }
  void operator()(const char* n, Literal& v) override { self().on(n, v); }
  void operator()(const char* n, Dim& v) override { self().on(n, v); }
  void operator()(const char* n, Shape& v) override { self().on(n, v); }
  void operator()(const char* n, std::vector<std::int64_t>& v) override { self().on(n, v); }
  void operator()(const char* n, ArrayValue& v) override { self().on(n, v); }
  void operator()(const char* n, DimSymbolPtr& v) override { self().on(n, v); }
  void operator()(const char* n, Body& v) override { self().on(n, v); }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

struct HashReader : Reader<HashReader> {
  std::uint64_t h = 17;
  void mix(std::uint64_t v) { h = hash_combine(h, v); }
  void on(const char*, bool v) { mix(v); }
  void on(const char*, std::int64_t v) { mix(static_cast<std::uint64_t>(v)); }
  void on(const char*, double v) { mix(std::bit_cast<std::uint64_t>(v)); }
  void on(const char*, const std::string& v) { mix(hash_text(v)); }
  void on(const char*, DType v) { mix(static_cast<std::uint64_t>(v)); }
  void on(const char*, const Literal& v) {
    mix(hash_combine(static_cast<std::uint64_t>(v.dtype), static_cast<std::uint64_t>(v.bits)));
  }
  void on(const char*, const Dim& v) { mix(v.hash()); }
  void on(const char*, const Shape& v) {
    mix(v.size());
    for (const Dim& d : v) mix(d.hash());
  }
  void on(const char*, const std::vector<std::int64_t>& v) {
    mix(v.size());
    for (std::int64_t i : v) mix(static_cast<std::uint64_t>(i));
  }
  void on(const char*, const ArrayValue& v) { mix(v.hash); }
  void on(const char*, const DimSymbolPtr& v) { mix(v ? v->id : 0); }
  void on(const char*, const Body& v) {
    for (const Tensor& t : v.outputs) mix(hash_combine(t.node().id(), static_cast<std::uint64_t>(t.output())));
  }
};

struct TextReader : Reader<TextReader> {
  std::string text;
  bool whole = false;
  void add(const char* n, const std::string& v) { text += (text.empty() ? "" : ", ") + std::string(n) + "=" + v; }
  void on(const char* n, bool v) { add(n, v ? "true" : "false"); }
  void on(const char* n, std::int64_t v) { add(n, std::to_string(v)); }
  void on(const char* n, double v) { add(n, fmt::format("{}", v)); }
  void on(const char* n, const std::string& v) { add(n, quoted(v)); }
  void on(const char* n, DType v) { add(n, std::string(name_of(v))); }
  void on(const char* n, const Literal& v) { add(n, to_string(v)); }
  void on(const char* n, const Dim& v) { add(n, to_string(v)); }
  void on(const char* n, const Shape& v) { add(n, to_string(v)); }
  void on(const char* n, const std::vector<std::int64_t>& v) { add(n, fmt::format("[{}]", fmt::join(v, ", "))); }
  void on(const char* n, const ArrayValue& v) { add(n, to_string(v.array, whole)); }
  void on(const char* n, const DimSymbolPtr& v) { add(n, v ? v->name : "?"); }
  void on(const char* n, const Body& v) { add(n, "{\n" + to_string(Graph{{}, v.outputs}, false, whole) + "}"); }
};

struct DimMapper : Reader<DimMapper> {
  const std::function<Dim(const Dim&)>* f = nullptr;
  bool changed = false;
  template <class T>
  void on(const char*, T&) {}
  void on(const char*, Dim& v) { replace(v); }
  void on(const char*, Shape& v) {
    for (Dim& d : v) replace(d);
  }
  void on(const char*, Body& v) {
    std::vector<Tensor> outputs = substitute(v.outputs, {}, *f);
    changed = changed || outputs != v.outputs;
    v.outputs = std::move(outputs);
  }
  void replace(Dim& d) {
    Dim r = (*f)(d);
    if (r == d) return;
    d = r;
    changed = true;
  }
};

struct DTypeWidener : Reader<DTypeWidener> {
  template <class T>
  void on(const char*, T&) {}
  void on(const char*, DType& v) { v = computed_as(v); }
  void on(const char*, Literal& v) { v.dtype = computed_as(v.dtype); }  // what 16 bits hold, float32 does
};

}  // namespace

std::uint64_t ParamsBase::hash() const {
  HashReader r;
  const_cast<ParamsBase*>(this)->visit(r);  // NOLINT: the reader does not write
  return r.h;
}

std::string quoted(const std::string& text) {
  std::string s = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      s += {'\\', c};
    else if (c == '\n')
      s += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      s += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      s += c;
  }
  return s + "\"";
}

std::string to_string(const ParamsBase& params, bool whole) {
  TextReader r;
  r.whole = whole;
  const_cast<ParamsBase&>(params).visit(r);  // NOLINT: the reader does not write
  return r.text;
}

Params map_dims(const Params& params, const std::function<Dim(const Dim&)>& f) {
  if (!params) return params;
  auto copy = params->clone();
  DimMapper m;
  m.f = &f;
  copy->visit(m);
  return m.changed ? Params(copy) : params;
}

Params widened(const Params& params) {
  if (!params) return params;
  auto copy = params->clone();
  DTypeWidener w;
  copy->visit(w);
  return copy;
}

void for_each_dim(const ParamsBase& params, const std::function<void(const Dim&)>& f) {
  const std::function<Dim(const Dim&)> keep = [&](const Dim& d) {
    f(d);
    return d;
  };
  DimMapper m;
  m.f = &keep;
  const_cast<ParamsBase&>(params).visit(m);  // NOLINT: every dim is written back as it was
}

}  // namespace bitale::ir
