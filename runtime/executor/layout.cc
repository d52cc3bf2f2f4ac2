#include "runtime/executor/layout.h"

#include <algorithm>
#include <cstring>

#include "runtime/program/carries.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Positions invert(const std::vector<int>& key_of_item, std::size_t keys) {
  Positions p;
  p.start.assign(keys + 1, 0);
  for (const int key : key_of_item) ++p.start[at(key) + 1];
  for (std::size_t k = 0; k < keys; ++k) p.start[k + 1] += p.start[k];
  p.items.resize(key_of_item.size());
  std::vector<int> next(p.start.begin(), p.start.end() - 1);
  for (std::size_t i = 0; i < key_of_item.size(); ++i) p.items[at(next[at(key_of_item[i])]++)] = static_cast<int>(i);
  return p;
}

std::vector<Array> constants_of(const Program& program) {
  std::vector<Array> constants;
  for (const Constant& c : program.constants) {
    Array a(DType::u8, {static_cast<std::int64_t>(c.bytes.size())});
    if (!c.bytes.empty()) std::memcpy(a.data(), c.bytes.data(), c.bytes.size());
    constants.push_back(std::move(a));
  }
  return constants;
}

}  // namespace

struct Layout::Builder {
  Layout& layout;
  int& next_id;
  std::vector<int> args{}, extent_args{};  // root or slot of every position
  std::vector<bool> touched{};
  int blocked = 0;

  void list(const std::vector<int>& buffers, const std::vector<int>& extents) {
    for (const int b : buffers) args.push_back(layout.groups.root[at(b)]);
    extent_args.insert(extent_args.end(), extents.begin(), extents.end());
  }

  int body(const Program& inner) {
    layout.bodies.push_back(Layout(inner, &layout.varying, next_id));
    return static_cast<int>(layout.bodies.size()) - 1;
  }

  StepLayout step(const Step& s) {
    StepLayout out;
    out.step = &s;
    out.id = next_id++;
    out.args = static_cast<int>(args.size());
    out.extent_args = static_cast<int>(extent_args.size());
    if (const auto* k = std::get_if<KernelStep>(&s.node)) {
      list(k->buffers, k->extents);
    } else if (const auto* l = std::get_if<LibraryStep>(&s.node)) {
      list(l->buffers, l->extents);
      out.library = library::find(l->function);
    } else if (const auto* loop = std::get_if<LoopStep>(&s.node)) {
      out.bodies = {body(*loop->body)};
      const Carries carries(*loop);
      out.bindings = carries.order();
      out.outputs = outputs_of(*loop, carries, layout.bodies.back().groups);
    } else if (const auto* branch = std::get_if<BranchStep>(&s.node)) {
      out.bodies = {body(*branch->then)};
      out.bodies.push_back(body(*branch->otherwise));
    } else if (const auto* b = std::get_if<BlockedStep>(&s.node)) {
      out.number = ++blocked;
      for (const Step& inner : b->steps) out.inner.push_back(step(inner));
    }
    return out;
  }

  void first_touches(StepLayout& out) {
    if (const auto* b = std::get_if<BlockedStep>(&out.step->node))
      for (const int local : b->local) touched[at(local)] = true;  // of a tile, not of a step
    for_each_buffer(*out.step, [&](int b, bool) {
      const auto root = at(layout.groups.root[at(b)]);
      if (touched[root]) return;
      touched[root] = true;
      if (layout.groups.role[root] == Role::temporary && !layout.program->buffers[root].keep)
        out.first_touched.push_back(static_cast<int>(root));
    });
  }
};

Layout::Layout(const Program& p, const Varying* outer, int& next_id)
    : program(&p), groups(p), varying(varying_extents(p, outer)), constants(constants_of(p)) {
  Builder builder{*this, next_id};
  builder.touched.resize(p.buffers.size());
  for (const Step& s : p.steps) {
    steps.push_back(builder.step(s));
    builder.first_touches(steps.back());
  }
  args = static_cast<int>(builder.args.size());
  extent_args = static_cast<int>(builder.extent_args.size());
  uses = invert(builder.args, p.buffers.size());
  extent_uses = invert(builder.extent_args, p.extents.size());
  tile_slots.resize(at(builder.blocked));
  for (std::size_t i = 0; i < p.extents.size(); ++i) {
    if (varying.iteration[i]) iteration_slots.push_back(static_cast<int>(i));
    if (varying.blocked[i] > 0 && p.extents[i].op >= ExtentOp::add)
      tile_slots[at(varying.blocked[i]) - 1].push_back(static_cast<int>(i));
  }
}

Layout Layout::of(const Program& program) {
  int next_id = 0;
  return Layout(program, nullptr, next_id);
}

}  // namespace bitale::executor
