#include <map>
#include <mutex>

#include <bitale/custom.h>

#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"
#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/library/callback.h"

namespace bitale {

struct CustomOp::Definition {
  std::string name;  // as the user gave it
  bool elementwise = false;
  const ir::OpDef* op = nullptr;  // lives as long as the process: nodes refer to it
};

namespace detail {

CustomOp Access::custom(std::shared_ptr<const CustomOp::Definition> definition) {
  CustomOp op;
  op.definition_ = std::move(definition);
  return op;
}

}  // namespace detail

using detail::Access;

namespace {

std::string at_line(SourceLine line) { return line ? " at " + to_string(line) : ""; }

void require_name(const std::string& kind, const std::string& name, SourceLine line) {
  if (name.empty()) throw Error(kind + at_line(line) + ": the op needs a name");
}

// Ops by their full name: equal definitions are one op.
const ir::OpDef* keep(ir::OpDef op) {
  static std::mutex mutex;
  static auto* kept = new std::map<std::string, std::unique_ptr<const ir::OpDef>>;
  std::lock_guard lock(mutex);
  auto& slot = (*kept)[op.name];
  if (!slot) {
    slot = std::make_unique<const ir::OpDef>(std::move(op));
    ir::register_ops("custom", std::vector<const ir::OpDef*>{slot.get()});
  }
  return slot.get();
}

// ---- elementwise ----

using Operands = std::vector<ir::Tensor>;

ir::Tensor apply_body(const ElementwiseDefinition& d, const Operands& x) {
  return Access::in(d.body(Access::out(x)), "the result of an op's body");
}

Operands scalars(int count, DType dtype) {
  Operands x;
  for (int i = 0; i < count; ++i) x.push_back(ir::input("x" + std::to_string(i), {dtype, {}}));
  return x;
}

// The body over scalars of a dtype, as a formula of the operands' elements.
class Body {
 public:
  Body(const ElementwiseDefinition& d, DType dtype) : name_(d.name), x_(scalars(d.operands, dtype)) {
    y_ = apply_body(d, x_);
    if (y_.dtype() != dtype || y_.rank() != 0)
      throw Error("elementwise_op '" + d.name + "': the body makes " + ir::describe(y_) + " of operands of " +
                  std::string(name_of(dtype)) + "; it must make a scalar of their dtype");
    for (const ir::NodePtr& n : ir::topological({&y_, 1})) check(*n);
  }

  const Operands& operands() const { return x_; }
  const ir::Tensor& result() const { return y_; }

  ir::Expr inlined(std::span<const ir::Expr> in) const {
    ir::TensorMap<ir::Expr> made;
    for (std::size_t i = 0; i < x_.size(); ++i) made[x_[i]] = in[i];
    for (const ir::NodePtr& n : ir::topological({&y_, 1})) {
      const ir::Tensor t(n, 0);
      if (made.contains(t)) continue;
      std::vector<ir::Expr> operands;
      for (const ir::Tensor& o : n->inputs()) operands.push_back(made.at(o));
      made[t] = element(t, operands, *in[0].formula);
    }
    return made.at(y_);
  }

 private:
  static bool is_constant(const ir::Node& n) {
    return n.outputs().size() == 1 && n.type().rank() == 0 && ir::splat_value(ir::Tensor(ir::NodePtr(&n), 0));
  }

  void check(const ir::Node& n) const {
    if (n.op().leaf == ir::Leaf::input || n.op().scalar || n.op().name == "cast" || is_constant(n)) return;
    throw Error("elementwise_op '" + name_ + "': the body uses " + n.op().name +
                ", which is no elementwise op; write it in elementwise ops and numbers");
  }

  static ir::Expr element(const ir::Tensor& t, std::span<const ir::Expr> operands, ir::Formula& formula) {
    if (const auto v = ir::splat_value(t))
      return is_floating(t.dtype()) ? formula.constant(v->as_double(), t.dtype())
                                    : formula.integer(v->as_integer(), t.dtype());
    if (t.node().op().name == "cast") return ir::cast(operands[0], t.dtype());
    return t.node().op().scalar(operands);
  }

  std::string name_;
  Operands x_;
  ir::Tensor y_;
};

// The derivative in operand i as the user gave it, over given operands and result.
ir::Tensor given_derivative(const ElementwiseDefinition& d, std::size_t i, const Operands& x, const ir::Tensor& y) {
  const ir::Tensor r = Access::in(d.derivatives[i](Access::out(x), Access::out(y)), "a derivative of an op");
  return ir::broadcast_to(ir::cast(r, y.dtype()), y.shape());
}

// What tells two definitions of one name apart, in the cache too: the body and the derivatives as text.
std::string fingerprint(const ElementwiseDefinition& d) {
  const Body body(d, DType::f64);
  std::vector<ir::Tensor> outputs{body.result()};
  for (std::size_t i = 0; i < d.derivatives.size(); ++i)
    outputs.push_back(given_derivative(d, i, body.operands(), body.result()));
  Hasher hasher;
  hasher.text(ir::to_string(ir::Graph{body.operands(), outputs}, false, true));
  return hasher.digest().hex();
}

ad::GradOptions zero_if_disconnected() {
  ad::GradOptions options;
  options.disconnected = ad::Disconnected::zero;
  return options;
}

std::vector<ir::Tensor> elementwise_vjp(const ElementwiseDefinition& d, const ir::Vjp& v) {
  if (!v.dy()) return ir::zero_vjp(v);
  const Operands& x = v.node.inputs();
  if (d.derivatives.empty()) {
    const ir::Tensor y = apply_body(d, x), dy = v.dy();
    return ad::vjp({&y, 1}, {&dy, 1}, x, zero_if_disconnected());
  }
  std::vector<ir::Tensor> dxs;
  for (std::size_t i = 0; i < x.size(); ++i) dxs.push_back(ir::strong_mul(v.dy(), given_derivative(d, i, x, v.out())));
  return dxs;
}

std::vector<ir::Tensor> elementwise_jvp(const ElementwiseDefinition& d, const ir::Jvp& v) {
  const Operands& x = v.node.inputs();
  Operands moved, tangents;
  ir::Tensor dy;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!v.dxs[i]) continue;
    if (!d.derivatives.empty()) dy = ir::accumulate(dy, ir::strong_mul(v.dxs[i], given_derivative(d, i, x, v.out())));
    moved.push_back(x[i]);
    tangents.push_back(v.dxs[i]);
  }
  if (d.derivatives.empty() && !moved.empty()) {
    // Of fresh operands: one that is computed from another would carry its tangent along.
    Operands fresh;
    ir::TensorMap<ir::Tensor> back;
    for (std::size_t i = 0; i < x.size(); ++i) {
      fresh.push_back(ir::input("x" + std::to_string(i), x[i].type()));
      back.emplace(fresh[i], x[i]);
    }
    Operands moved_fresh;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (v.dxs[i]) moved_fresh.push_back(fresh[i]);
    const ir::Tensor y = apply_body(d, fresh);
    dy = ir::substitute(ad::jvp({&y, 1}, moved_fresh, tangents), back)[0];
  }
  return {dy};
}

ir::OpDef elementwise_def(const ElementwiseDefinition& d, const std::string& full_name) {
  ir::OpDef op = ir::elementwise({
      .name = full_name,
      .doc = d.name + ": an elementwise op of the user's",
      .operands = d.operands,
      .type = ir::same_float,
      .body = [bodies = std::map<DType, Body>{{DType::f32, Body(d, DType::f32)}, {DType::f64, Body(d, DType::f64)}}](
                  std::span<const ir::Expr> x) { return bodies.at(x[0].type()).inlined(x); },
  });
  op.label = [name = d.name](const ir::Node&) { return name; };
  op.vjp = [d](const ir::Vjp& v) { return elementwise_vjp(d, v); };
  op.jvp = [d](const ir::Jvp& v) { return elementwise_jvp(d, v); };
  return op;
}

// ---- callbacks ----

std::vector<std::int64_t> callback_integers(std::int64_t number, const ir::Node& n) {
  std::vector<std::int64_t> out{number, static_cast<std::int64_t>(n.inputs().size())};
  const auto type = [&](const ir::TensorType& t) {
    out.push_back(static_cast<std::int64_t>(t.dtype));
    out.push_back(t.rank());
  };
  for (const ir::Tensor& t : n.inputs()) type(t.type());
  for (const ir::TensorType& t : n.outputs()) type(t);
  return out;
}

std::vector<ir::Dim> callback_extents(const ir::Node& n) {
  std::vector<ir::Dim> out;
  for (const ir::Tensor& t : n.inputs()) out.insert(out.end(), t.shape().begin(), t.shape().end());
  for (const ir::TensorType& t : n.outputs()) out.insert(out.end(), t.shape.begin(), t.shape.end());
  return out;
}

void run_checked(const CallbackDefinition& d, std::span<const Array> inputs, std::span<Array> outputs) {
  std::vector<Array> results(outputs.begin(), outputs.end());
  d.run({inputs.begin(), inputs.end()}, results);
  if (results.size() != outputs.size()) throw Error("the callback changed the number of its results");
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].dtype() != outputs[i].dtype() || results[i].shape() != outputs[i].shape())
      throw Error("result " + std::to_string(i) + " of the callback is " + std::string(name_of(results[i].dtype())) +
                  shape_text(results[i].shape()) + ", declared as " + std::string(name_of(outputs[i].dtype())) +
                  shape_text(outputs[i].shape()));
    if (results[i].data() != outputs[i].data()) outputs[i] = results[i];
  }
}

std::vector<ir::Tensor> callback_vjp(const CallbackDefinition& d, const ir::Vjp& v) {
  std::vector<Tensor> operands = Access::out(v.node.inputs()), results, cotangents;
  for (std::size_t i = 0; i < v.node.outputs().size(); ++i) {
    const ir::Tensor out = v.out(static_cast<int>(i));
    results.push_back(Access::out(out));
    const ir::Tensor& dy = v.dys[i];
    cotangents.push_back(Access::out(dy ? dy : ir::zeros_like(out)));
  }
  std::vector<ir::Tensor> dxs;
  for (const Tensor& t : d.vjp(operands, results, cotangents)) dxs.push_back(t ? Access::in(t) : ir::Tensor());
  if (dxs.size() != operands.size())
    throw Error("callback_op '" + d.name + "': its vjp gives " + std::to_string(dxs.size()) + " cotangents for " +
                std::to_string(operands.size()) + " operands");
  return dxs;
}

ir::OpDef callback_def(const CallbackDefinition& d) {
  const std::int64_t number = library::add_callback(
      [d](std::span<const Array> inputs, std::span<Array> outputs) { run_checked(d, inputs, outputs); });
  ir::OpDef op;
  op.name = "callback_" + std::to_string(number) + "_" + d.name;
  op.doc = d.name + ": computed by a callback";
  op.process_local = true;
  op.type = [d](const ir::TypeArgs& args) {
    std::vector<Tensor> operands;
    for (int i = 0; i < args.count(); ++i) operands.push_back(Access::out(args.input(i)));
    std::vector<ir::TensorType> types;
    for (const ResultType& r : d.type(operands)) types.push_back({r.dtype, Access::in(r.shape)});
    args.require(!types.empty(), "the op has no results");
    return types;
  };
  op.library = "callback";
  op.library_extents = callback_extents;
  op.library_integers = [number](const ir::Node& n) { return callback_integers(number, n); };
  op.label = [name = d.name](const ir::Node&) { return name; };
  if (d.vjp) op.vjp = [d](const ir::Vjp& v) { return callback_vjp(d, v); };
  op.reference = [d](const ir::Reference& r) { run_checked(d, r.inputs, r.outputs); };
  return op;
}

}  // namespace

const std::string& CustomOp::name() const {
  if (!definition_) throw Error("an empty CustomOp has no name");
  return definition_->name;
}

std::vector<Tensor> CustomOp::apply(const std::vector<Tensor>& operands, Where at) const {
  if (!definition_) throw Error("an empty CustomOp is applied" + at_line(at));
  const std::vector<ir::Tensor> in = Access::in(operands, definition_->name.c_str());
  if (!definition_->elementwise) return Access::out(ir::apply(*definition_->op, nullptr, in, at));
  const std::vector<ir::Operand> list(in.begin(), in.end());
  return {Access::out(ir::apply_elementwise(*definition_->op, list, at, ir::float_dtype(list)))};
}

Tensor CustomOp::operator()(const std::vector<Tensor>& operands, Where at) const { return apply(operands, at)[0]; }

CustomOp elementwise_op(const ElementwiseDefinition& d, Where at) {
  ensure_ready();
  require_name("elementwise_op", d.name, at);
  if (d.operands < 1 || !d.body)
    throw Error("elementwise_op '" + d.name + "'" + at_line(at) + ": needs a body of at least one operand");
  if (!d.derivatives.empty() && d.derivatives.size() != static_cast<std::size_t>(d.operands))
    throw Error("elementwise_op '" + d.name + "'" + at_line(at) + ": " + std::to_string(d.derivatives.size()) +
                " derivatives for " + std::to_string(d.operands) + " operands; give one for each, or none");
  auto definition = std::make_shared<CustomOp::Definition>();
  definition->name = d.name;
  definition->elementwise = true;
  definition->op = keep(elementwise_def(d, "custom_" + d.name + "_" + fingerprint(d)));
  return Access::custom(std::move(definition));
}

CustomOp callback_op(const CallbackDefinition& d, Where at) {
  ensure_ready();
  require_name("callback_op", d.name, at);
  if (!d.type || !d.run)
    throw Error("callback_op '" + d.name + "'" + at_line(at) + ": needs the types of its results and what to run");
  auto definition = std::make_shared<CustomOp::Definition>();
  definition->name = d.name;
  definition->op = keep(callback_def(d));
  return Access::custom(std::move(definition));
}

}  // namespace bitale
