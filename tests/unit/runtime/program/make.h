// Programs made by hand, for the tests of the runtime.
#pragma once

#include <string>
#include <vector>

#include "runtime/memory/array.h"
#include "runtime/program/program.h"

namespace bitale::tests {

// Adds to a Program and hands out numbers.
class Make {
 public:
  program::Program p;

  explicit Make(std::string name = "test") { p.name = std::move(name); }

  int extent(program::ExtentOp op, std::int64_t a = 0, std::int64_t b = 0) {
    p.extents.push_back({op, a, b});
    return static_cast<int>(p.extents.size()) - 1;
  }
  int constant(std::int64_t value) { return extent(program::ExtentOp::constant, value); }
  int axis(int input, int axis) { return extent(program::ExtentOp::input_axis, input, axis); }

  int buffer(program::Role role, std::string name, std::vector<int> dims, DType type = DType::f32, int index = -1) {
    program::Buffer b;
    b.name = std::move(name);
    b.storage = type;
    b.dims = std::move(dims);
    b.role = role;
    b.index = index;
    p.buffers.push_back(b);
    return static_cast<int>(p.buffers.size()) - 1;
  }
  int temporary(std::string name, std::vector<int> dims, DType type = DType::f32) {
    return buffer(program::Role::temporary, std::move(name), std::move(dims), type);
  }
  int input(std::string name, std::vector<int> dims, DType type = DType::f32) {
    p.inputs.push_back({name, type, dims, false});
    return buffer(program::Role::input, std::move(name), std::move(dims), type, static_cast<int>(p.inputs.size()) - 1);
  }
  int output(std::string name, std::vector<int> dims, DType type = DType::f32) {
    p.outputs.push_back({name, type, dims, false});
    return buffer(program::Role::output, std::move(name), std::move(dims), type,
                  static_cast<int>(p.outputs.size()) - 1);
  }
  int shared(std::string name, std::vector<int> dims, DType type = DType::f32) {
    p.shareds.push_back({name, type, dims, false});
    return buffer(program::Role::shared, std::move(name), std::move(dims), type,
                  static_cast<int>(p.shareds.size()) - 1);
  }

  int entry(std::string name) {
    p.entries.push_back({std::move(name), ""});
    return static_cast<int>(p.entries.size()) - 1;
  }

  program::Step& step(decltype(program::Step::node) node, std::string label) {
    p.steps.push_back({std::move(node), std::move(label), {}, -1});
    return p.steps.back();
  }
  // Arguments in the kernel's order; the last `written` of them are written.
  program::Step& kernel(int entry, std::vector<int> buffers, std::vector<int> extents, std::string label = "kernel",
                        int written = 1) {
    std::vector<bool> writes(buffers.size());
    for (std::size_t i = buffers.size() - static_cast<std::size_t>(written); i < buffers.size(); ++i) writes[i] = true;
    return step(program::KernelStep{entry, std::move(buffers), std::move(writes), std::move(extents)},
                std::move(label));
  }

  std::shared_ptr<const program::Program> done() const {
    program::verify(p);
    return body();
  }
  // Not verified: bodies only make sense inside their program.
  std::shared_ptr<const program::Program> body() const { return std::make_shared<const program::Program>(p); }
};

template <class T>
Array array(std::vector<T> values, Extents shape) {
  return Array::of<T>(std::span<const T>(values), std::move(shape));
}

template <class T>
std::vector<T> values(const Array& a) {
  const auto view = a.view<T>();
  return {view.begin(), view.end()};
}

}  // namespace bitale::tests
