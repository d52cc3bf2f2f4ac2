#include "compiler/ir/body.h"

#include <algorithm>

#include "compiler/ir/op.h"
#include "runtime/base/error.h"

namespace bitale::ir {

std::vector<Tensor> arguments_of(std::span<const Tensor> outputs) {
  std::vector<Tensor> out;
  for (const NodePtr& node : topological(outputs))
    if (node->op().leaf == Leaf::argument) out.emplace_back(node, 0);
  std::sort(out.begin(), out.end(),
            [](const Tensor& a, const Tensor& b) { return argument_number(a) < argument_number(b); });
  return out;
}

void for_each_node(std::span<const Tensor> outputs, const std::function<void(const NodePtr&)>& f) {
  for (const NodePtr& node : topological(outputs)) {
    if (node->op().has_bodies) for_each_body(node->params(), [&](const Body& body) { for_each_node(body.outputs, f); });
    f(node);
  }
}

std::vector<Tensor> call(const Body& body, std::span<const Tensor> arguments) {
  TensorMap<Tensor> values;
  for (const Tensor& a : arguments_of(body.outputs)) {
    const auto number = static_cast<std::size_t>(argument_number(a));
    BITALE_ASSERT(number < arguments.size(), "a body is applied to too few arguments");
    values.emplace(a, arguments[number]);
  }
  return substitute(body.outputs, values);
}

namespace {

class BodyVisitor final : public FieldVisitor {
 public:
  explicit BodyVisitor(const std::function<Body(const Body&)>& f) : f_(f) {}
  bool changed = false;

  void operator()(const char*, bool&) override {}
  void operator()(const char*, std::int64_t&) override {}
  void operator()(const char*, double&) override {}
  void operator()(const char*, std::string&) override {}
  void operator()(const char*, DType&) override {}
  void operator()(const char*, Literal&) override {}
  void operator()(const char*, Dim&) override {}
  void operator()(const char*, Shape&) override {}
  void operator()(const char*, std::vector<std::int64_t>&) override {}
  void operator()(const char*, ArrayValue&) override {}
  void operator()(const char*, DimSymbolPtr&) override {}
  void operator()(const char*, Body& body) override {
    Body replaced = f_(body);
    if (replaced == body) return;
    body = std::move(replaced);
    changed = true;
  }

 private:
  const std::function<Body(const Body&)>& f_;
};

}  // namespace

Params map_bodies(const Params& params, const std::function<Body(const Body&)>& f) {
  if (!params) return params;
  auto copy = params->clone();
  BodyVisitor visitor(f);
  copy->visit(visitor);
  return visitor.changed ? Params(copy) : params;
}

void for_each_body(const Params& params, const std::function<void(const Body&)>& f) {
  map_bodies(params, [&](const Body& body) {
    f(body);
    return body;
  });
}

}  // namespace bitale::ir
