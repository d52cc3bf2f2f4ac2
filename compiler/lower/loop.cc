// A scan becomes a loop step, a cond a branch: bodies are Programs of their own, whose kernels lie beside the others.
#include "compiler/scan/loop.h"

#include <algorithm>

#include "compiler/lower/assemble.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/cond.h"

namespace bitale::lower {

using ir::Tensor;
using program::BindingKind;
using program::LoopBinding;
using program::Role;

namespace {

// Which outputs of a scan's body are carries that pass on what another argument was (earlier values of a carry with far
// taps, the row before): the loop moves an address. Not those that end it; nor those that are stacked, which are copied
// to their row in any case; nor one of each circle.
std::vector<bool> passed_on(const loops::ScanParams& p) {
  const auto carries = static_cast<std::size_t>(p.carries), first = static_cast<std::size_t>(p.sequences);
  const std::vector<Tensor>& outputs = p.body.outputs;
  std::vector<bool> passed(outputs.size(), false);
  const auto argument = [&](std::size_t carry) {
    return static_cast<std::size_t>(ir::argument_number(outputs[carry])) - first;  // the carry that it was, if one
  };
  for (std::size_t i = 0; i < carries; ++i) {
    const bool is_stacked = std::find(outputs.begin() + p.carries, outputs.end(), outputs[i]) != outputs.end();
    if (outputs[i].node().op().leaf != ir::Leaf::argument || is_stacked || static_cast<std::int64_t>(i) == p.stop)
      continue;
    std::size_t from = argument(i);
    while (from < carries && from != i && passed[from]) from = argument(from);
    passed[i] = from != i;
  }
  return passed;
}

// The body's side: a Program with an input for each argument that is read, and an output for each tensor that is given.
class BodyProgram {
 public:
  // shares: a tensor that is given twice is one output, else each output has memory of its own. passed: outputs that
  // are the inputs of arguments.
  BodyProgram(const ir::Body& body, ExtentSlots& outer, KernelTable& table, bool shares,
              const std::vector<bool>& passed = {})
      : slots_(*program_, outer), assembly_(*program_, slots_, table), body_(body) {
    for (const Tensor& a : ir::arguments_of(body.outputs)) {
      const auto number = static_cast<int>(ir::argument_number(a));
      inputs_[number] = assembly_.buffer(a, Role::input, number, "argument" + std::to_string(number));
      assembly_.bind(a, inputs_[number]);
    }
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      if (!passed.empty() && passed[i]) {
        outputs_.push_back(inputs_.at(static_cast<int>(ir::argument_number(body.outputs[i]))));
        continue;
      }
      const auto [known, is_new] = places_.try_emplace({body.outputs[i].node().id(), body.outputs[i].output()}, 0);
      if (is_new || !shares) {
        known->second =
            assembly_.buffer(body.outputs[i], Role::output, static_cast<int>(i), "result" + std::to_string(i));
        assembly_.place(body.outputs[i], known->second);
      }
      outputs_.push_back(known->second);
    }
  }

  // -1 for an argument that nothing reads.
  int input(int argument) const {
    const auto it = inputs_.find(argument);
    return it == inputs_.end() ? -1 : it->second;
  }
  // The same, made if nothing reads it: what is carried has a place in any case.
  int carried(int argument, const Tensor& init) {
    const auto [it, is_new] = inputs_.try_emplace(argument, -1);
    if (is_new) it->second = assembly_.buffer(init, Role::input, argument, "argument" + std::to_string(argument));
    return it->second;
  }
  int output(std::size_t i) const { return outputs_[i]; }

  // Before finish(). carried: the numbers of arguments that are, from the first to before the last.
  void ask_for_rows(std::pair<int, int> carried) {
    if (body_.outputs.empty() || body_.outputs[0].rank() == 0) return;
    assembly_.ask_for_rows({body_.outputs[0].dim(0), [carried](const Tensor& t) {
                              const Tensor made = storage_of(t);
                              if (made.node().op().leaf != ir::Leaf::argument)
                                return made.node().op().leaf == ir::Leaf::none;
                              const std::int64_t number = ir::argument_number(made);
                              return number >= carried.first && number < carried.second;
                            }});
  }
  int rows() { return assembly_.rows(); }

  std::shared_ptr<const program::Program> finish(const std::string& name, bool in_loop) {
    program_->name = name;
    assembly_.assemble(body_.outputs, in_loop);
    return program_;
  }

 private:
  std::shared_ptr<program::Program> program_ = std::make_shared<program::Program>();
  ExtentSlots slots_;
  Assembly assembly_;
  const ir::Body& body_;
  std::map<int, int> inputs_;
  std::map<std::pair<std::uint64_t, int>, int> places_;
  std::vector<int> outputs_;
};

}  // namespace

void Assembly::emit_loop(const ir::Node& node) {
  const auto& p = node.params_as<loops::ScanParams>();
  BodyProgram body(p.body, slots_, table_, true, passed_on(p));
  program::LoopStep s;
  s.trips = slots_.slot(p.trips);
  const ir::NodePtr self(&node);
  const auto sequences = static_cast<int>(p.sequences), carries = static_cast<int>(p.carries);
  const int operands = static_cast<int>(node.inputs().size()) - (p.bounded ? 2 : 0);
  for (int i = 0; i < operands; ++i) {
    LoopBinding b;
    b.inner_in = body.input(i);
    if (i < sequences) {
      b.kind = BindingKind::sequence;
      b.backwards = p.backwards[static_cast<std::size_t>(i)] != 0;
      b.blocks = p.in_blocks();
    } else if (i < sequences + carries) {
      const int carry = i - sequences;
      b.kind = BindingKind::carry;
      b.inner_in = body.carried(i, node.input(i));
      b.inner_out = body.output(static_cast<std::size_t>(carry));
      if (is_read({self, carry})) b.outer_out = buffer_of({self, carry});
    }
    if (b.inner_in < 0) continue;
    b.outer_in = buffer_of(node.input(i));
    s.bindings.push_back(b);
  }
  for (std::size_t i = static_cast<std::size_t>(carries); i < p.body.outputs.size(); ++i) {
    LoopBinding b;
    b.kind = BindingKind::stacked;
    b.inner_out = body.output(i);
    b.outer_out = buffer_of({self, static_cast<int>(i)});
    b.backwards = p.backwards[static_cast<std::size_t>(sequences) + i - static_cast<std::size_t>(carries)] != 0;
    b.blocks = p.in_blocks();
    s.bindings.push_back(b);
  }
  if (p.bounded) {
    s.first = buffer_of(node.input(operands));
    s.last = buffer_of(node.input(operands + 1));
  }
  if (p.stop >= 0) {
    s.until = body.output(static_cast<std::size_t>(p.stop));
    const Tensor& init = node.input(sequences + static_cast<int>(p.stop));
    const auto value = ir::splat_value(init);
    if (!value || value->as_double() != 0) s.ended = buffer_of(init);
  }
  program::Step step;
  step.label = node.op().label(node);
  if (p.stop < 0 && !p.in_blocks()) body.ask_for_rows({sequences, sequences + carries});
  s.body = body.finish(step.label, true);
  s.rows = body.rows();
  step.node = std::move(s);
  add(std::move(step), {self});
}

void Assembly::emit_branch(const ir::Node& node) {
  const auto& p = node.params_as<loops::CondParams>();
  const ir::NodePtr self(&node);
  program::BranchStep s;
  s.condition = buffer_of(node.input(0));
  program::Step step;
  step.label = node.op().label(node);
  const auto side = [&](const ir::Body& body, std::vector<program::BranchStep::Binding>& bindings) {
    BodyProgram made(body, slots_, table_, false);
    for (int i = 1; i < static_cast<int>(node.inputs().size()); ++i)
      if (made.input(i - 1) >= 0) bindings.push_back({buffer_of(node.input(i)), made.input(i - 1), false});
    for (std::size_t i = 0; i < body.outputs.size(); ++i)
      bindings.push_back({buffer_of({self, static_cast<int>(i)}), made.output(i), true});
    return made.finish(step.label, false);
  };
  s.then = side(p.then, s.then_bindings);
  s.otherwise = side(p.otherwise, s.otherwise_bindings);
  step.node = std::move(s);
  add(std::move(step), {self});
}

}  // namespace bitale::lower
