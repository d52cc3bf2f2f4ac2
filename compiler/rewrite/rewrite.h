// Rewrite rules as rows, and the driver that applies them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"

namespace bitale::rewrite {

// exact: bit-equal, NaN included. stabilising: equal to the left side in float64 wherever that is finite. relaxed: equal on
// finite inputs; off unless asked for.
enum class RuleClass : std::uint8_t { exact, stabilising, relaxed };

class Match;

// A pattern over tensors: a variable, a literal, or an op over patterns. Commutative ops are tried both ways round. A literal
// matches a `full` of that value; a variable that occurs twice must meet the same tensor.
struct Pattern {
  enum class Kind : std::uint8_t { any, literal, op } kind = Kind::any;
  std::string name;               // of the variable, or the op
  double number = 0;
  std::vector<Pattern> operands;
};
Pattern any(std::string name);
Pattern literal(double value);
Pattern op(std::string name, std::vector<Pattern> operands);
Pattern operator+(Pattern a, Pattern b);
Pattern operator-(Pattern a, Pattern b);
Pattern operator*(Pattern a, Pattern b);
Pattern operator/(Pattern a, Pattern b);
Pattern operator-(Pattern a);
Pattern operator+(double a, Pattern b);
Pattern operator-(double a, Pattern b);
Pattern operator*(double a, Pattern b);
Pattern operator/(double a, Pattern b);
Pattern operator+(Pattern a, double b);
Pattern operator-(Pattern a, double b);
Pattern operator*(Pattern a, double b);
Pattern operator/(Pattern a, double b);

// What a pattern matched.
class Match {
 public:
  explicit Match(ir::Tensor root) : root_(std::move(root)) {}
  const ir::Tensor& root() const { return root_; }
  const ir::Tensor& operator[](const std::string& variable) const;
  bool bind(const std::string& variable, const ir::Tensor& tensor);
  int uses(const ir::Tensor& t) const { return use_count ? use_count(t) : 1; }  // in the sweep's graph
  std::function<int(const ir::Tensor&)> use_count;

 private:
  ir::Tensor root_;
  std::map<std::string, ir::Tensor> bound_;
};

struct Rule {
  std::string name;
  Pattern pattern;
  // The replacement: of the root's dtype and shape (cast and broadcast are added where they differ by promotion or splat operands);
  // an empty Tensor declines.
  std::function<ir::Tensor(const Match&)> result;
  RuleClass rule_class = RuleClass::exact;
  std::vector<std::string> tags = {};
  // Domain of the test's random values for every variable.
  double low = -3, high = 3;
};

// Rules by the root's op, ready to be applied.
class RuleSet {
 public:
  explicit RuleSet(std::vector<const Rule*> rules);
  std::span<const Rule* const> for_op(const std::string& op) const;

 private:
  std::map<std::string, std::vector<const Rule*>, std::less<>> by_op_;
};

using Counts = std::map<std::string, std::int64_t>;  // rule name -> firings

struct RewriteOptions {
  bool relaxed = false;
  std::vector<std::string> disabled;  // names and tags
  int max_sweeps = 8;
};

// Bottom-up sweeps with a memo from old to new until nothing changes or max_sweeps; each node takes the first rule that fits,
// then its result is offered again, at most 8 times. Time is linear in the graph per sweep. A rule that throws is an
// InternalError that names it, one whose result has another type as well.
std::vector<ir::Tensor> apply_rules(std::span<const ir::Tensor> outputs, const RuleSet& rules, const RewriteOptions& options, Counts& counts);

bool match(const Pattern& pattern, const ir::Tensor& tensor, Match& out);

}  // namespace bitale::rewrite
