#include "compiler/scan/cond.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "compiler/prim/samples.h"
#include "compiler/scan/ops.h"
#include "runtime/base/error.h"

namespace bitale::loops {

using namespace ir;

bool is_cond(const Node& node) { return &node.op() == &cond_op; }

namespace {

// The two bodies while they are written: in terms of placeholders for what is outside.
struct Bodies {
  std::string name;
  Tensor condition;
  std::vector<Tensor> outer, inner;
  std::vector<Tensor> then, otherwise;

  // With fresh placeholders for the operands behind the condition.
  static Bodies of(const Node& node) {
    const auto& p = node.params_as<CondParams>();
    Bodies b{p.name, node.input(0), {node.inputs().begin() + 1, node.inputs().end()}, {}, {}, {}};
    for (const Tensor& t : b.outer) b.inner.push_back(input("operand" + std::to_string(b.inner.size()), t.type()));
    b.then = call(p.then, b.inner);
    b.otherwise = call(p.otherwise, b.inner);
    return b;
  }

  Tensor add(const Tensor& outside, const std::string& what) {
    outer.push_back(outside);
    inner.push_back(input(what, outside.type()));
    return inner.back();
  }

  // Operands that neither body reads are left out.
  std::vector<Tensor> build(SourceLine line = {}) const {
    std::vector<Tensor> all = then;
    all.insert(all.end(), otherwise.begin(), otherwise.end());
    std::unordered_set<Tensor, TensorHash> read(all.begin(), all.end());
    for (const NodePtr& n : topological(all)) read.insert(n->inputs().begin(), n->inputs().end());
    std::vector<Tensor> operands{condition};
    TensorMap<Tensor> arguments;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      if (!read.contains(inner[i]) || arguments.contains(inner[i])) continue;
      const auto known = std::find(operands.begin() + 1, operands.end(), outer[i]);
      arguments.emplace(inner[i], argument(known - operands.begin() - 1, inner[i].type()));
      if (known == operands.end()) operands.push_back(outer[i]);
    }
    const std::vector<Tensor> bodies = substitute(all, arguments);
    const auto split = bodies.begin() + std::ssize(then);
    return apply(cond_op, make_params(CondParams{name, {{bodies.begin(), split}}, {{split, bodies.end()}}}),
                 std::move(operands), line);
  }
};

// What the results read that was there before: everything else is in the bodies.
std::vector<Tensor> outside(const Choice& c) {
  std::vector<Tensor> pending = c.then, found;
  pending.insert(pending.end(), c.otherwise.begin(), c.otherwise.end());
  std::unordered_set<Tensor, TensorHash> seen;
  std::unordered_set<const Node*> entered;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const Tensor t = pending[i];
    if (!seen.insert(t).second) continue;
    const bool is_leaf = t.node().op().leaf == Leaf::input || t.node().op().leaf == Leaf::shared;
    const bool is_small = t.node().inputs().empty() && t.node().op().element;
    if (is_small) continue;
    if (is_leaf || t.node().id() < c.first_node) {
      found.push_back(t);
    } else if (entered.insert(&t.node()).second) {
      pending.insert(pending.end(), t.node().inputs().begin(), t.node().inputs().end());
    }
  }
  return found;
}

}  // namespace

std::vector<Tensor> Choice::build(SourceLine line) const {
  const std::vector<Tensor> free = outside(*this);
  return Bodies{name, condition, free, free, then, otherwise}.build(line);
}

namespace {

std::vector<TensorType> type_of(const TypeArgs& args) {
  const auto& p = args.params_as<CondParams>();
  args.require(args.count() > 0, "it needs a condition");
  args.require(args.type(0).dtype == DType::bool_ && args.type(0).rank() == 0,
               "the condition must be a bool scalar, not " + to_string(args.type(0)));
  args.require(!p.then.outputs.empty(), "its sides give nothing");
  args.require(p.then.outputs.size() == p.otherwise.outputs.size(),
               "one side gives " + std::to_string(p.then.outputs.size()) + " results and the other one " +
                   std::to_string(p.otherwise.outputs.size()));
  for (const Body* body : {&p.then, &p.otherwise})
    for (const Tensor& a : arguments_of(body->outputs)) {
      const std::int64_t number = argument_number(a) + 1;
      args.require(number > 0 && number < args.count() && a.type() == args.type(static_cast<int>(number)),
                   "its operands and bodies do not belong together");
    }
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < p.then.outputs.size(); ++i) {
    const TensorType &yes = p.then.outputs[i].type(), &no = p.otherwise.outputs[i].type();
    const std::string what =
        "result " + std::to_string(i) + " is " + to_string(yes) + " on one side and " + to_string(no) + " on the other";
    args.require(yes.dtype == no.dtype && yes.rank() == no.rank(), what);
    for (std::size_t k = 0; k < yes.shape.size(); ++k) args.unify(yes.shape[k], no.shape[k], what);
    types.push_back(yes);
  }
  return types;
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<CondParams>();
  std::vector<Array> results =
      eval::evaluate(r.inputs[0].at(0) != 0 ? p.then : p.otherwise, r.inputs.subspan(1), r.symbols);
  for (std::size_t i = 0; i < results.size(); ++i) r.outputs[i] = std::move(results[i]);
}

// The sides' own derivatives, under the same condition: of the side that is not taken nothing is computed.
std::vector<Tensor> vjp(const Vjp& v) {
  Bodies b = Bodies::of(v.node);
  std::vector<Tensor> wrt, then, otherwise, dys;
  std::vector<std::size_t> operands;
  for (std::size_t i = 0; i < b.inner.size(); ++i)
    if (is_floating(b.inner[i].dtype())) {
      wrt.push_back(b.inner[i]);
      operands.push_back(i + 1);
    }
  std::vector<Tensor> out(v.node.inputs().size());
  for (std::size_t i = 0; i < v.dys.size(); ++i)
    if (v.dys[i]) {
      then.push_back(b.then[i]);
      otherwise.push_back(b.otherwise[i]);
      dys.push_back(b.add(v.dys[i], "d" + std::to_string(i)));
    }
  if (wrt.empty() || dys.empty()) return out;
  const ad::GradOptions zero{.disconnected = ad::Disconnected::zero, .consider_constant = {}, .known_grads = {}};
  b.then = ad::vjp(then, dys, wrt, zero);
  b.otherwise = ad::vjp(otherwise, dys, wrt, zero);
  const std::vector<Tensor> found = b.build();
  for (std::size_t i = 0; i < found.size(); ++i) out[operands[i]] = found[i];
  return out;
}

std::vector<Tensor> jvp(const Jvp& v) {
  Bodies b = Bodies::of(v.node);
  std::vector<Tensor> inputs, tangents;
  const std::size_t count = b.inner.size();
  for (std::size_t i = 0; i < count; ++i)
    if (v.dxs[i + 1]) {
      inputs.push_back(b.inner[i]);
      tangents.push_back(b.add(v.dxs[i + 1], "d" + std::to_string(i)));
    }
  std::vector<Tensor> then, otherwise;
  for (std::size_t i = 0; i < b.then.size(); ++i)
    if (is_floating(b.then[i].dtype())) {
      then.push_back(b.then[i]);
      otherwise.push_back(b.otherwise[i]);
    }
  std::vector<Tensor> out(b.then.size());
  if (inputs.empty() || then.empty()) return out;
  const std::vector<bool> floats = [&] {
    std::vector<bool> list;
    for (const Tensor& t : b.then) list.push_back(is_floating(t.dtype()));
    return list;
  }();
  b.then = ad::jvp(then, inputs, tangents);
  b.otherwise = ad::jvp(otherwise, inputs, tangents);
  const std::vector<Tensor> found = b.build();
  auto next = found.begin();
  for (std::size_t i = 0; i < out.size(); ++i)
    if (floats[i]) out[i] = *next++;
  return out;
}

// A condition for each row: both sides are computed, for all rows.
std::vector<Tensor> batch(const Batch& b) {
  Bodies bodies = Bodies::of(b.node);
  std::vector<Tensor> values;
  std::vector<bool> batched;
  for (std::size_t i = 0; i < bodies.inner.size(); ++i) {
    const bool has_axis = b.batched[i + 1];
    TensorType type = bodies.inner[i].type();
    if (has_axis) type.shape.insert(type.shape.begin(), b.size);
    batched.push_back(has_axis);
    values.push_back(b.batched[0] ? b.inputs[i + 1] : has_axis ? input("batch", type) : bodies.inner[i]);
  }
  const auto all = [&](const std::vector<Tensor>& side) {
    return ad::vmap(side, bodies.inner, values, batched, b.size);
  };
  std::vector<Tensor> then = all(bodies.then), otherwise = all(bodies.otherwise);
  if (b.batched[0]) {
    for (std::size_t i = 0; i < then.size(); ++i) {
      Shape shape{b.size};
      shape.resize(then[i].shape().size(), Dim(1));
      const Tensor condition = broadcast_to(reshape(b.inputs[0], shape), then[i].shape());
      then[i] = where(condition, then[i], otherwise[i]);
    }
    return then;
  }
  bodies.condition = b.inputs[0];
  bodies.outer.assign(b.inputs.begin() + 1, b.inputs.end());
  bodies.inner = std::move(values);
  bodies.then = std::move(then);
  bodies.otherwise = std::move(otherwise);
  return bodies.build();
}

Sample choice(const char* name, bool sign) {
  SampleInput which{.shape = {}, .low = sign ? 0.5 : -1, .high = sign ? 1 : -0.5, .differentiable = false};
  return {name, {which, uniform({3, 4}), uniform({3, 4})}, [](std::span<const Tensor> x) {
            Choice c{.name = "",
                     .condition = less(full_like(x[0], 0), x[0]),
                     .then = {},
                     .otherwise = {},
                     .first_node = next_node_id()};
            c.then = {square(x[1]) * x[2], sum(x[2], {0})};
            c.otherwise = {x[1], sum(x[1] * x[1], {0})};
            return c.build();
          }};
}

}  // namespace

const OpDef cond_op{
    .name = "cond",
    .doc = "cond(condition, then, otherwise): the results of one of two functions, of which only that one runs",
    .type = type_of,
    .has_bodies = true,
    .label =
        [](const Node& n) {
          const auto& name = n.params_as<CondParams>().name;
          return name.empty() ? "cond" : "cond " + name;
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch,
    .reference = reference,
    .samples = [] { return std::vector<Sample>{choice("taken", true), choice("not taken", false)}; },
    .default_params = [] { return make_params(CondParams{}); },
};

}  // namespace bitale::loops
