#include "runtime/program/carries.h"

#include <algorithm>

namespace bitale::program {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

bool passes_on(const LoopStep& loop, const LoopBinding& b) {
  return b.kind == BindingKind::carry && loop.body->buffers[at(b.inner_out)].role == Role::input;
}

Carries::Carries(const LoopStep& loop) : loop_(loop), seen_(loop.body->buffers.size(), 1) {
  const std::size_t buffers = loop.body->buffers.size();
  std::vector<const LoopBinding*> fills(buffers, nullptr);  // by input
  std::vector<int> passed(buffers, 0);                      // by input: to how many carries that are not in order yet
  for (const LoopBinding& b : loop.bindings) {
    if (b.inner_in >= 0) fills[at(b.inner_in)] = &b;
    if (passes_on(loop, b)) ++passed[at(b.inner_out)];
  }
  for (const LoopBinding& b : loop.bindings)
    if (b.inner_in < 0 || passed[at(b.inner_in)] == 0) order_.push_back(&b);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const LoopBinding& b = *order_[i];
    if (!passes_on(loop, b)) continue;
    int& seen = seen_[at(b.inner_out)];
    seen = std::max(seen, seen_[at(b.inner_in)] + 1);
    if (--passed[at(b.inner_out)] == 0 && fills[at(b.inner_out)]) order_.push_back(fills[at(b.inner_out)]);
  }
}

int Carries::places(const Groups& body, int root) const {
  int places = 1;
  for (const LoopBinding& b : loop_.bindings)
    if (b.kind == BindingKind::carry && body.root[at(b.inner_out)] == root)
      places = std::max(places, seen_[at(b.inner_in)] + 1);
  return places;
}

int Carries::pieces(const Groups& body, int root) const {
  bool outer = false;
  for (const LoopBinding& b : loop_.bindings) {
    if (b.inner_out < 0 || body.root[at(b.inner_out)] != root) continue;
    if (b.kind == BindingKind::stacked) return 1;
    outer = outer || b.outer_out >= 0;
  }
  return std::max(1, places(body, root) - (outer ? 1 : 0));
}

std::vector<LoopOutput> outputs_of(const LoopStep& loop, const Carries& carries, const Groups& body) {
  std::vector<LoopOutput> outputs;
  const auto output = [&](int inner) -> LoopOutput& {
    const int root = body.root[at(inner)];
    const auto found =
        std::find_if(outputs.begin(), outputs.end(), [&](const LoopOutput& o) { return o.root == root; });
    if (found != outputs.end()) return *found;
    outputs.emplace_back().root = root;
    return outputs.back();
  };
  using Home = LoopOutput::Home;
  for (const LoopBinding& b : loop.bindings)
    if (b.kind == BindingKind::carry && body.root[at(b.inner_out)] == body.root[at(b.inner_in)]) {
      output(b.inner_out).home = Home::in_place;
      output(b.inner_out).binding = &b;
    }
  for (const LoopBinding& b : loop.bindings)
    if (b.kind == BindingKind::stacked) {
      LoopOutput& o = output(b.inner_out);
      if (o.home == Home::own) {
        o.home = Home::row;
        o.binding = &b;
      } else {
        o.copies.push_back(&b);
      }
    }
  for (const LoopBinding& b : loop.bindings)
    if (b.kind == BindingKind::carry && !passes_on(loop, b)) {
      LoopOutput& o = output(b.inner_out);
      if (o.home == Home::own) {
        o.home = Home::alternate;
        o.places = carries.places(body, o.root);
      }
      if (o.home == Home::alternate && (!o.binding || o.binding->outer_out < 0)) o.binding = &b;
    }
  return outputs;
}

}  // namespace bitale::program
