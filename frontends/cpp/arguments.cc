// What calls are given, made into Arrays of the input's type.
#include <utility>

#include <fmt/format.h>

#include "frontends/cpp/function_state.h"
#include "runtime/base/error.h"

namespace bitale {

namespace {

template <class List>
Array nested(const List& values, Extents shape) {
  return Array::of(std::span<const double>(values), std::move(shape));
}

}  // namespace

Argument::Argument(double v) : array_(Array::scalar(v)), weak_(true) {}
Argument::Argument(int v) : array_(Array::scalar(static_cast<std::int64_t>(v))), weak_(true) {}
Argument::Argument(std::int64_t v) : array_(Array::scalar(v)), weak_(true) {}
Argument::Argument(std::initializer_list<double> row)
    : array_(Array::of(std::span<const double>(row.begin(), row.size()), {static_cast<std::int64_t>(row.size())})),
      weak_(true) {}

Argument::Argument(std::initializer_list<std::initializer_list<double>> rows) : weak_(true) {
  std::vector<double> flat;
  const std::size_t width = rows.size() ? rows.begin()->size() : 0;
  for (const auto& r : rows) {
    if (r.size() != width)
      throw Error("nested list: rows of different lengths, " + std::to_string(width) + " and " +
                  std::to_string(r.size()));
    flat.insert(flat.end(), r.begin(), r.end());
  }
  array_ = nested(flat, {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)});
}

Argument::Argument(std::initializer_list<std::initializer_list<std::initializer_list<double>>> planes) : weak_(true) {
  std::vector<double> flat;
  const std::size_t rows = planes.size() ? planes.begin()->size() : 0;
  const std::size_t width = rows ? planes.begin()->begin()->size() : 0;
  for (const auto& p : planes) {
    if (p.size() != rows) throw Error("nested list: planes of different sizes");
    for (const auto& r : p) {
      if (r.size() != width) throw Error("nested list: rows of different lengths");
      flat.insert(flat.end(), r.begin(), r.end());
    }
  }
  array_ = nested(flat, {static_cast<std::int64_t>(planes.size()), static_cast<std::int64_t>(rows),
                         static_cast<std::int64_t>(width)});
}

Argument donate(Array& array) {
  if (array.empty())
    throw Error("donate: the Array holds nothing; it was donated or moved from before, or never filled");
  Argument a;
  a.donated_ = std::make_shared<Array>(std::exchange(array, Array()));
  return a;
}

namespace {

// Numbers and lists have no dtype of their own; one that does not fit is named, else nothing.
std::string convert_weak(Array& value, DType dtype) {
  const Array converted = value.cast(dtype);
  if (!is_floating(dtype))
    for (std::int64_t e = 0; e < value.size(); ++e)
      if (converted.at(e) != value.at(e)) return fmt::format("the number {} does not fit its dtype", value.at(e));
  value = converted;
  return "";
}

std::string text_of(const Array& a) { return std::string(name_of(a.dtype())) + shape_text(a.shape()); }

}  // namespace

Array Function::State::convert(const Argument& a, std::size_t i) const {
  const ir::Tensor& input = inputs[i];
  const auto fail = [&](const std::string& what) {
    throw Error(name + ": input " + ir::describe(input) + ": " + what);
  };
  const auto check = [&](DType dtype, std::size_t rank, const std::string& given) {
    if (dtype != input.dtype()) fail("expected dtype " + std::string(name_of(input.dtype())) + ", given " + given);
    if (rank != static_cast<std::size_t>(input.rank()))
      fail("expected rank " + std::to_string(input.rank()) + ", given " + given);
  };
  if (a.view_) {
    check(a.view_->dtype, a.view_->shape.size(), bitale::text_of(*a.view_));
    return is_dense(*a.view_) ? borrowed(*a.view_) : copy_of(*a.view_);
  }
  if (a.donated_ && a.donated_->empty()) fail("the argument was donated, and an earlier call has taken it");
  Array value = a.donated_ ? *a.donated_ : *a.array_;
  if (value.empty()) fail("the argument is an empty Array handle");
  const std::string given = text_of(value);
  if (a.weak_ && value.dtype() != input.dtype())
    if (const std::string misfit = convert_weak(value, input.dtype()); !misfit.empty())
      fail(misfit + ", given " + given);
  check(value.dtype(), value.shape().size(), given);
  return value;
}

Function::State::Arguments Function::State::arguments(std::span<const Argument> given, bool take) const {
  const auto absent = [](const Argument& a) { return !a.array_ && !a.view_ && !a.donated_; };
  std::size_t count = given.size();
  while (count > 0 && absent(given[count - 1])) --count;
  if (count != inputs.size()) {
    std::string names;
    for (const ir::Tensor& t : inputs) names += (names.empty() ? "" : ", ") + t.name();
    throw Error(fmt::format("{}: takes {} arguments ({}), got {}", name, inputs.size(), names, count));
  }
  Arguments out;
  for (std::size_t i = 0; i < count; ++i) {
    if (absent(given[i])) throw Error(name + ": input " + ir::describe(inputs[i]) + ": no argument");
    out.arrays.push_back(convert(given[i], i));
    const std::shared_ptr<Array>& donated = given[i].donated_;
    if (donated && take) *donated = Array();
    // Nobody else: but for the Argument, where it keeps what it holds.
    const auto& storage = out.arrays.back().storage();
    out.donated.push_back(donated && !storage->adopted() && storage.use_count() == (take ? 1 : 2));
  }
  return out;
}

std::vector<Array> Function::State::destinations(std::span<const Destination> given) const {
  const auto& ports = compiled.program->outputs;
  if (given.size() != ports.size())
    throw Error(
        fmt::format("{}: call_into takes one destination per output, {}, got {}", name, ports.size(), given.size()));
  std::vector<Array> out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::optional<ArrayView>& view = given[i].view_;
    if (view && !is_dense(*view))
      throw Error(
          fmt::format("{}: the destination of output {} '{}' is not dense in row-major order: {} (for columns, "
                      "return the transpose and write to the transposed view)",
                      name, i, ports[i].name, bitale::text_of(*view)));
    out.push_back(view ? borrowed(*view) : *given[i].array_);
  }
  return out;
}

}  // namespace bitale
