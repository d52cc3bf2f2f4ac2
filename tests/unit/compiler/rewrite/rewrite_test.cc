#include "compiler/rewrite/rewrite.h"

#include <filesystem>
#include <fstream>

#include "compiler/rewrite/pass.h"
#include "ops/api/ops.h"
#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/compiler/values.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;
using rewrite::any;
using rewrite::literal;
using rewrite::Match;
using rewrite::op;
using rewrite::Rule;

namespace {

Tensor x_(const char* name = "x") {
  ops::register_all();
  return ir::input(name, {DType::f64, {3}});
}

bool matches(const rewrite::Pattern& pattern, const Tensor& t) {
  Match m(t);
  return rewrite::match(pattern, t, m);
}

std::vector<Tensor> apply(const Tensor& t, std::vector<const Rule*> rules, rewrite::Counts& counts,
                          rewrite::RewriteStats* stats = nullptr) {
  return rewrite::apply_rules({&t, 1}, rewrite::RuleSet(std::move(rules)), {}, counts, stats);
}

const Rule mul_one{"mul-one", any("x") * 1.0, [](const Match& m) { return m["x"]; }};

}  // namespace

TEST_CASE("Commutative operands match both ways, with backtracking") {
  const Tensor a = x_("a"), b = x_("b"), c = x_("c");
  CHECK(matches(any("x") + op("exp", {any("y")}), a + ops::exp(b)));
  CHECK(matches(any("x") + op("exp", {any("y")}), ops::exp(b) + a));
  CHECK_FALSE(matches(any("x") - op("exp", {any("y")}), ops::exp(b) - a));
  // The repeated variable decides which orders fit.
  const auto distributed = any("f") * any("x") + any("f") * any("y");
  CHECK(matches(distributed, a * b + a * c));
  CHECK(matches(distributed, b * a + a * c));
  CHECK(matches(distributed, b * a + c * a));
  CHECK_FALSE(matches(distributed, a * b + ops::exp(c) * ops::exp(a)));
}

TEST_CASE("A variable that occurs twice meets one tensor") {
  const Tensor a = x_("a"), b = x_("b");
  CHECK(matches(any("x") - any("x"), ir::sub(a, a)));
  CHECK_FALSE(matches(any("x") - any("x"), ir::sub(a, b)));
}

TEST_CASE("Literals match splats of every shape") {
  const Tensor a = x_();
  CHECK(matches(any("x") * 1.0, a * 1.0));
  CHECK(matches(any("x") * 1.0, ir::broadcast_to(ir::full(ir::Literal::integer(1, DType::f64), {1}), {3}) * a));
  CHECK_FALSE(matches(any("x") * 1.0, a * 2.0));
}

TEST_CASE("Constants match splats only, on whichever side they are") {
  const Tensor a = x_("a"), b = x_("b");
  const auto chain = (any("x") * rewrite::constant("c")) * rewrite::constant("d");
  CHECK(matches(chain, 2.0 * (3.0 * a)));
  CHECK(matches(chain, (a * 2.0) * 3.0));
  CHECK_FALSE(matches(chain, (a * b) * 3.0));
}

TEST_CASE("A failed match leaves no bindings") {
  const Tensor a = x_("a"), b = x_("b");
  const Tensor t = ir::sub(a, b);
  Match m(t);
  const auto pattern = any("x") - any("x");
  CHECK_FALSE(rewrite::match(pattern, t, m));
  CHECK(m.bindings() == 0);
}

TEST_CASE("A rewrite that changes nothing returns the same nodes") {
  const Tensor a = x_();
  const Tensor y = ops::exp(a) + a;
  rewrite::Counts counts;
  CHECK(apply(y, {&mul_one}, counts)[0] == y);
  CHECK(counts.empty());
}

TEST_CASE("Rules apply bottom up and are counted, disabled by name and tag, and relaxed only on request") {
  const Tensor a = x_();
  const Tensor y = ops::exp((a * 1.0) * 1.0) * 1.0;
  rewrite::Counts counts;
  CHECK(apply(y, {&mul_one}, counts)[0] == ops::exp(a));
  CHECK(counts["mul-one"] == 3);

  Rule tagged = mul_one;
  tagged.tags = {"units"};
  const rewrite::RuleSet set({&tagged});
  for (const char* name : {"mul-one", "units"}) {
    rewrite::Counts none;
    CHECK(rewrite::apply_rules({&y, 1}, set, {.relaxed = false, .disabled = {name}}, none)[0] == y);
  }
  tagged.rule_class = rewrite::RuleClass::relaxed;
  rewrite::Counts none;
  CHECK(rewrite::apply_rules({&y, 1}, set, {}, none)[0] == y);
  CHECK(rewrite::split_names("a,,b-c") == std::vector<std::string>{"a", "b-c"});
}

TEST_CASE("A rule that throws, or changes the type, or builds without end is an error that names it") {
  const Tensor a = x_();
  rewrite::Counts counts;
  const Rule throws{"bad", op("exp", {any("x")}), [](const Match&) -> Tensor { throw Error("oops"); }};
  CHECK_THROWS_WITH(apply(ops::exp(a), {&throws}, counts), contains("rule bad") && contains("oops"));
  const Rule casts{"bad", op("exp", {any("x")}), [](const Match& m) { return ir::cast(m["x"], DType::f32); }};
  CHECK_THROWS_WITH(apply(ops::exp(a), {&casts}, counts), contains("rule bad") && contains("float32"));
  const Rule grows{"bad", op("exp", {any("x")}), [](const Match& m) {
                     Tensor t = m["x"];
                     for (int i = 0; i < 100; ++i) t = ops::sin(t);
                     return t;
                   }};
  CHECK_THROWS_WITH(apply(ops::exp(a), {&grows}, counts), contains("rule bad") && contains("64"));
  CHECK_THROWS_AS(apply(ops::exp(a), {&throws}, counts), InternalError);
}

TEST_CASE("Rules that undo each other end") {
  const Rule there{"there", op("sin", {any("x")}), [](const Match& m) { return ops::cos(m["x"]); }};
  const Rule back{"back", op("cos", {any("x")}), [](const Match& m) { return ops::sin(m["x"]); }};
  const Tensor y = ops::sin(x_());
  rewrite::Counts counts;
  rewrite::RewriteStats stats;
  apply(y, {&there, &back}, counts, &stats);
  CHECK(stats.sweeps <= 8);
  CHECK(stats.firings <= 64);
}

TEST_CASE("A chain of 50,000 nodes is rewritten without recursion, in linear work") {
  Tensor t = x_();
  for (int i = 0; i < 50'000; ++i) t = i % 2 ? t * 1.0 : ops::sin(t);
  rewrite::Counts counts;
  rewrite::RewriteStats stats;
  const Tensor y = apply(t, {&mul_one}, counts, &stats)[0];
  CHECK(counts["mul-one"] == 25'000);
  CHECK(stats.sweeps == 2);
  CHECK(stats.visits < 80'000);
  CHECK(ir::topological({&y, 1}).size() == 25'001);
}

TEST_CASE("New nodes carry the lines of what they replace; outputs keep their handles") {
  const SourceLine line("model.cc", 12);
  const Rule rule{"rule", op("exp", {any("x")}), [](const Match& m) { return ops::sin(ops::cos(m["x"])); }};
  const Tensor y = ops::exp(x_(), line).named("y");
  rewrite::Counts counts;
  const Tensor z = apply(y, {&rule}, counts)[0];
  CHECK(z.node().origins() == std::vector<SourceLine>{line});
  CHECK(z.node().input(0).node().origins() == std::vector<SourceLine>{line});
  CHECK(z.name() == "y");
  CHECK(z.line() == line);
}

TEST_CASE("use counts are those of the sweep's graph") {
  const Tensor a = x_();
  const Tensor e = ops::exp(a);
  const Tensor outputs[] = {ops::sin(e), ops::cos(e)};
  int seen = 0;
  const Rule rule{"uses", op("sin", {any("x")}), [&](const Match& m) {
                    seen = m.uses(m["x"]);
                    return Tensor();
                  }};
  rewrite::Counts counts;
  rewrite::apply_rules(outputs, rewrite::RuleSet({&rule}), {}, counts);
  CHECK(seen == 2);
}

TEST_CASE("A pipeline runs its rows in order, reports and dumps them") {
  const tests::TempFolder folder;
  const std::string dump = flags().dump;
  flags().dump = folder.path().string();
  const rewrite::RuleSet rules({&mul_one});
  const auto simplify = [&](const ir::Graph& g, rewrite::PassContext& c) {
    return ir::Graph{g.inputs, rewrite::apply_rules(g.outputs, rules, c.options, c.rules_fired)};
  };
  const rewrite::Pipeline pipeline{
      {"simplify", simplify, "no factor is 1"}, {"again", simplify, "the same"}, {"late", simplify, "", 3}};
  const Tensor a = x_();
  rewrite::PassContext context;
  context.name = "model";
  context.verify = true;
  std::vector<rewrite::PassReport> reports;
  const ir::Graph out = rewrite::run_pipeline(pipeline, {{a}, {ops::sin(a * 1.0)}}, context, reports);
  flags().dump = dump;

  CHECK(out.outputs[0] == ops::sin(a));
  CHECK(context.rules_fired["mul-one"] == 1);
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].changed);
  CHECK(reports[0].nodes_before == 4);
  CHECK(reports[0].nodes_after == 2);
  CHECK_FALSE(reports[1].changed);
  CHECK(rewrite::to_string(reports).find("simplify: 4 -> 2 nodes") == 0);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
    if (entry.is_regular_file()) {
      ++files;
      CHECK(entry.path().parent_path().filename().string().starts_with("model_"));
    }
  CHECK(files == 4);  // text and GraphViz, before and after the first pass
}
