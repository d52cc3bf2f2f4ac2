// Scans of many forms against the same steps written out: values, first and second derivatives. A form is drawn by its
// number: sequences with taps, carries with taps, what the body reads besides, scans and choices in it, direction, how
// many steps, none among them, and where it ends early.
#include <bitale/bitale.h>
#include <fmt/format.h>

#include "compiler/eval/eval.h"
#include "frontends/cpp/handles.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

struct Form {
  int steps = 3;
  std::vector<std::vector<int>> sequences, carries;  // their taps
  int outputs = 0, free = 0;
  bool backwards = false, inner_scan = false, inner_cond = false, matrices = false, unread = false;
  int end = -1;  // the last step that counts; -1: nothing ends it
};

Form form(int number) {
  Random random(static_cast<std::uint64_t>(number) + 1000);
  const auto below = [&](int n) { return static_cast<int>(random.below(n)); };
  Form f;
  f.steps = std::vector{0, 1, 2, 3, 5}[static_cast<std::size_t>(number % 5)];
  const std::vector<std::vector<int>> row_taps{{0}, {0}, {0}, {-1, 0}, {0, 1}, {-2, 1}};
  const std::vector<std::vector<int>> carry_taps{{-1}, {-1}, {-1}, {-1, -2}, {-2}, {-3, -1}};
  for (int i = below(3); i > 0; --i) f.sequences.push_back(row_taps[static_cast<std::size_t>(below(6))]);
  for (int i = below(3); i > 0; --i) f.carries.push_back(carry_taps[static_cast<std::size_t>(below(6))]);
  f.outputs = below(3);
  if (f.carries.empty() && f.outputs == 0) f.outputs = 1;
  f.free = below(3);
  f.backwards = below(4) == 0;
  f.inner_scan = below(5) == 0;
  f.inner_cond = below(5) == 0;
  f.matrices = below(2) == 0;
  f.unread = below(3) == 0;
  if (below(3) == 0) f.end = below(f.steps + 1);
  return f;
}

std::string text(const Form& f) {
  std::string s = fmt::format("{} steps", f.steps);
  for (const auto& taps : f.sequences) s += fmt::format(", sequence of {} taps from {}", taps.size(), taps[0]);
  for (const auto& taps : f.carries) s += fmt::format(", carry of {} taps from {}", taps.size(), taps[0]);
  return s + fmt::format(", {} outputs, {} free{}{}{}{}{}", f.outputs, f.free, f.backwards ? ", backwards" : "",
                         f.inner_scan ? ", scan inside" : "", f.inner_cond ? ", cond inside" : "",
                         f.matrices ? ", products" : "", f.end >= 0 ? fmt::format(", ends after step {}", f.end) : "");
}

constexpr int width = 3;

// One step: what it sees, all [2, 3], gives what it leaves, all [2, 3].
std::vector<Tensor> step(const Form& f, const std::vector<Tensor>& seen, const std::vector<Tensor>& free,
                         std::size_t results) {
  Tensor mixed = zeros(float64, {2, width});
  for (std::size_t i = 0; i < seen.size(); ++i) mixed = mixed * 0.5 + sin(seen[i] + 0.3 * static_cast<double>(i));
  std::vector<Tensor> out;
  for (std::size_t k = 0; k < results; ++k) {
    Tensor y = mixed + 0.1 * static_cast<double>(k);
    if (!free.empty() && f.matrices)
      y = tanh(dot(y, free[k % free.size()]));
    else if (!free.empty())
      y = tanh(y * sum(free[k % free.size()], {0}));
    else
      y = y / (1.0 + y * y);
    if (f.inner_scan && k == 0)
      y = y +
          foldl([&](const Tensor& a, const Tensor& row) { return a * 0.5 + row * row; }, y, zeros(float64, {width}));
    if (f.inner_cond && k + 1 == results) {
      const Tensor before = y;
      y = cond(sum(before) > 0.1, [&] { return before * before; }, [&] { return sin(before); });
    }
    out.push_back(y);
  }
  return out;
}

struct Graph {
  std::vector<Tensor> inputs, results;
};

std::vector<Tensor> declare(const Form& f) {
  std::vector<Tensor> inputs;
  for (const auto& taps : f.sequences) {
    const int more = std::max(0, *std::max_element(taps.begin(), taps.end())) -
                     std::min(0, *std::min_element(taps.begin(), taps.end()));
    inputs.push_back(input(fmt::format("x{}", inputs.size()), float64, {f.steps + more, 2, width}));
  }
  for (const auto& taps : f.carries) {
    const int depth = -*std::min_element(taps.begin(), taps.end());
    inputs.push_back(
        input(fmt::format("c{}", inputs.size()), float64, depth == 1 ? Shape{2, width} : Shape{depth, 2, width}));
  }
  for (int i = 0; i < f.free; ++i) inputs.push_back(input(fmt::format("w{}", i), float64, {width, width}));
  return inputs;
}

std::vector<Tensor> free_of(const Form& f, const std::vector<Tensor>& inputs) {
  return {inputs.end() - f.free, inputs.end()};
}

Graph scanned(const Form& f) {
  const std::vector<Tensor> inputs = declare(f), free = free_of(f, inputs);
  ScanOptions options{.steps = Dim(f.steps), .go_backwards = f.backwards};
  std::size_t next = 0;
  for (const auto& taps : f.sequences) options.sequences.emplace_back(inputs[next++], taps);
  for (const auto& taps : f.carries) options.carries.emplace_back(inputs[next++], taps);
  const ScanResult r = scan(options, [&](const ScanStep& t) {
    std::vector<Tensor> seen;
    for (std::size_t i = 0; i < f.sequences.size(); ++i)
      for (const int tap : f.sequences[i]) seen.push_back(t.row(static_cast<int>(i), tap));
    for (std::size_t i = 0; i < f.carries.size(); ++i)
      for (const int tap : f.carries[i]) seen.push_back(t.carry(static_cast<int>(i), tap));
    const std::vector<Tensor> all = step(f, seen, free, f.carries.size() + static_cast<std::size_t>(f.outputs));
    const auto split = all.begin() + static_cast<std::ptrdiff_t>(f.carries.size());
    return StepResult{.carries = {all.begin(), split},
                      .outputs = {split, all.end()},
                      .until = f.end >= 0 ? t.number() >= f.end : Tensor()};
  });
  Graph g{inputs, r.last};
  if (!f.unread || r.last.empty()) {
    g.results.insert(g.results.end(), r.carries.begin(), r.carries.end());
    g.results.insert(g.results.end(), r.outputs.begin(), r.outputs.end());
  }
  return g;
}

Tensor row_of(const Tensor& x, int i) { return squeeze(slice(x, 0, i, i + 1), {0}); }

Graph written_out(const Form& f) {
  const std::vector<Tensor> inputs = declare(f), free = free_of(f, inputs);
  std::vector<std::vector<Tensor>> carried(f.carries.size()),
      results(f.carries.size() + static_cast<std::size_t>(f.outputs));
  for (std::size_t i = 0; i < f.carries.size(); ++i) {
    const Tensor& init = inputs[f.sequences.size() + i];
    const int depth = -*std::min_element(f.carries[i].begin(), f.carries[i].end());
    if (depth == 1) carried[i] = {init};
    for (int k = 0; depth > 1 && k < depth; ++k) carried[i].push_back(row_of(init, k));
  }
  for (int t = 0; t < f.steps; ++t) {
    if (f.end >= 0 && t > f.end) {
      for (auto& rows : results) rows.push_back(zeros(float64, {2, width}));
      continue;
    }
    std::vector<Tensor> seen;
    for (std::size_t i = 0; i < f.sequences.size(); ++i) {
      const auto& taps = f.sequences[i];
      const int earliest = std::min(0, *std::min_element(taps.begin(), taps.end()));
      for (const int tap : taps)
        seen.push_back(row_of(inputs[i], (f.backwards ? f.steps - 1 - t : t) + tap - earliest));
    }
    for (std::size_t i = 0; i < f.carries.size(); ++i)
      for (const int tap : f.carries[i]) seen.push_back(carried[i][carried[i].size() - static_cast<std::size_t>(-tap)]);
    const std::vector<Tensor> all = step(f, seen, free, results.size());
    for (std::size_t k = 0; k < all.size(); ++k) results[k].push_back(all[k]);
    for (std::size_t i = 0; i < f.carries.size(); ++i) carried[i].push_back(all[i]);
  }
  Graph g{inputs, {}};
  for (const auto& c : carried) g.results.push_back(c.back());
  if (!f.unread || g.results.empty())
    for (const auto& rows : results) g.results.push_back(rows.empty() ? zeros(float64, {0, 2, width}) : stack(rows));
  return g;
}

// The results, their gradients, and the gradients of those.
std::vector<Tensor> with_derivatives(const Graph& g) {
  const GradOptions zero{.zero_if_disconnected = true};
  const auto mixed = [](const std::vector<Tensor>& list) {
    Tensor total = zeros(float64, {});
    for (std::size_t i = 0; i < list.size(); ++i)
      total = total + sum(list[i] * list[i] * (1.0 + 0.5 * static_cast<double>(i)));
    return total;
  };
  std::vector<Tensor> all = g.results;
  const std::vector<Tensor> first = grad(mixed(g.results), g.inputs, zero), second = grad(mixed(first), g.inputs, zero);
  all.insert(all.end(), first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

std::vector<Array> interpreted(const Graph& g, const std::vector<Array>& values) {
  std::vector<eval::Binding> bindings;
  for (std::size_t i = 0; i < values.size(); ++i) bindings.push_back({detail::Access::in(g.inputs[i]), values[i]});
  return eval::evaluate(detail::Access::in(with_derivatives(g)), bindings);
}

constexpr int every = sanitized ? 4 : 1;

void agree(int first, int last) {
  for (int number = first; number < last; number += every) {
    const Form f = form(number);
    INFO("form " << number << ": " << text(f));
    const Graph loop = scanned(f);
    if (loop.inputs.empty()) continue;
    std::vector<Array> values;
    for (const Tensor& t : loop.inputs) {
      Extents shape;
      for (int k = 0; k < t.rank(); ++k) shape.push_back(std::stoll(t.dim(k).text()));
      values.push_back(random_array(float64, shape, -1, 1, static_cast<std::uint64_t>(number) * 10 + values.size()));
    }
    try {
      const FunctionOptions options{.threads = 1, .unused_inputs = true, .cache = false};
      const std::vector<Argument> arguments(values.begin(), values.end());
      const std::vector<Array> got = function(loop.inputs, with_derivatives(loop), options).call(arguments);
      const std::vector<Array> expected = interpreted(written_out(f), values);
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO("result " << i);
        CHECK(difference(got[i], expected[i], 1000) == "");
      }
    } catch (const std::exception& e) {
      FAIL_CHECK(e.what());
    }
  }
}

}  // namespace

TEST_CASE("scans equal their steps written out: forms 0 to 79", "[part0]") { agree(0, 80); }
TEST_CASE("scans equal their steps written out: forms 80 to 159", "[part1]") { agree(80, 160); }
TEST_CASE("scans equal their steps written out: forms 160 to 239", "[part2]") { agree(160, 240); }
TEST_CASE("scans equal their steps written out: forms 240 to 319") { agree(240, 320); }
