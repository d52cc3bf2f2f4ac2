// docs/rewrites.md: what its tables name is there, and the list of rules at its end is made from the tables of rules.
// BITALE_UPDATE_GOLDEN=1 rewrites that list.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "compiler/driver/pipeline.h"
#include "compiler/passes/rules.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/source_folder.h"

using namespace bitale;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

constexpr const char* heading = "\n## All rules\n";

struct Table {
  const char* title;
  std::vector<const Rule*> rules;
};

std::vector<Table> tables() {
  ops::register_all();
  const auto list = [](std::span<const Rule* const> rules) { return std::vector(rules.begin(), rules.end()); };
  return {{"Stabilising: at every level, and before derivatives are taken", list(passes::stabilising_rules())},
          {"Of ops: beside them, applied first", list(driver::rules_of_ops())},
          {"Simplifying: from level 1", list(passes::algebra_rules())}};
}

const char* name_of(RuleClass c) {
  return c == RuleClass::exact ? "exact" : c == RuleClass::stabilising ? "stabilising" : "relaxed";
}

// From the heading on.
std::string list_of_rules() {
  std::map<RuleClass, int> count;
  std::string text;
  int total = 0;
  for (const Table& table : tables()) {
    text += "\n### " + std::string(table.title) + "\n\n| rule | class | of |\n|---|---|---|\n";
    for (const Rule* rule : table.rules) {
      text += "| `" + rule->name + "` | " + name_of(rule->rule_class) + " | " + to_string(rule->pattern) + " |\n";
      ++count[rule->rule_class];
      ++total;
    }
  }
  return heading + std::string("\nMade by `tests/golden/rewrites_doc_test.cc`: ") + std::to_string(total) + " rules, " +
         std::to_string(count[RuleClass::exact]) + " exact, " + std::to_string(count[RuleClass::stabilising]) +
         " stabilising, " + std::to_string(count[RuleClass::relaxed]) +
         " relaxed. Where the third column does not say it all, the row's result does: it declines.\n" + text;
}

std::string document() {
  std::ifstream in(tests::source_folder() / "docs/rewrites.md");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string written_by_hand(const std::string& text) { return text.substr(0, text.find(heading)); }

// The words between backticks in the second cell of rows.
std::set<std::string> names_in(const std::string& text) {
  std::set<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ")) continue;
    const std::size_t second = line.find(" | ");
    for (std::size_t at = line.find('`', second); at != std::string::npos; at = line.find('`', at + 1)) {
      const std::size_t end = line.find('`', at + 1);
      REQUIRE(end != std::string::npos);
      names.insert(line.substr(at + 1, end - at - 1));
      at = end;
    }
  }
  return names;
}

}  // namespace

TEST_CASE("what docs/rewrites.md names is there, and every rule is in it") {
  const std::string text = document(), by_hand = written_by_hand(text);
  std::set<std::string> rules;
  for (const Table& table : tables())
    for (const Rule* rule : table.rules) rules.insert(rule->name);
  std::set<std::string> known = rules;
  for (const rewrite::Pass& pass : driver::pipeline()) known.insert(pass.name);
  const std::set<std::string> named = names_in(by_hand);
  for (const std::string& name : named)
    if (!known.contains(name) && !ir::find_op(name) && name.find('/') == std::string::npos) {
      INFO("`" << name << "` is no rule, pass or op");
      CHECK(false);
    }
  for (const std::string& rule : rules) {
    INFO(rule << " is in no row of the tables");
    CHECK(named.contains(rule));
  }
  const std::string made = by_hand + list_of_rules();
  CHECK(made == tests::golden("../../docs/rewrites.md", made));
}
