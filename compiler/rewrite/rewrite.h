// Rewrite rules as rows, and the driver that applies them.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"

namespace bitale::rewrite {

// exact: bit-equal, NaN included. stabilising: equal to the left side in float64 wherever that is finite. relaxed:
// equal on finite inputs; off unless asked for.
enum class RuleClass : std::uint8_t { exact, stabilising, relaxed };

class Match;

// A pattern over tensors: a variable, a variable for constants, a literal, an op over patterns, or an op whatever its
// operands are. Commutative ops are tried both ways round. A constant matches what splat_value gives a value for, a
// literal what it gives that value for; a variable that occurs twice must meet the same tensor.
struct Pattern {
  enum class Kind : std::uint8_t { any, constant, literal, op, node } kind = Kind::any;
  std::string name;  // of the variable, or the op
  double number = 0;
  std::vector<Pattern> operands;
};
Pattern any(std::string name);
Pattern constant(std::string name);
Pattern literal(double value);
Pattern op(std::string name, std::vector<Pattern> operands);
Pattern node(std::string op);  // any number of operands; binds nothing
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
  int uses(const ir::Tensor& t) const { return use_count ? use_count(t) : 1; }  // in the sweep's graph
  std::function<int(const ir::Tensor&)> use_count;

  // For match(): false if the variable is bound to another tensor; back to an earlier number of bindings.
  bool bind(const std::string& variable, const ir::Tensor& tensor);
  std::size_t bindings() const { return bound_.size(); }
  void unbind_to(std::size_t bindings) { bound_.resize(bindings); }

 private:
  ir::Tensor root_;
  std::vector<std::pair<const std::string*, ir::Tensor>> bound_;  // names are the pattern's
};

// Makes a fresh input of a left side that a rule is tested on; the shape has a few constant extents.
using FreshInput = std::function<ir::Tensor(DType dtype, ir::Shape shape)>;

struct Rule {
  std::string name;
  Pattern pattern;  // its root is an op or a node
  // The replacement, of the root's dtype and shape: a splat is cast and broadcast to them. An empty Tensor, the root
  // itself, and a result whose extents equal the root's only by a check at call entry decline.
  std::function<ir::Tensor(const Match&)> result;
  RuleClass rule_class = RuleClass::exact;
  std::vector<std::string> tags = {};
  // Domain of the test's random values for every variable, and the variables' dtype.
  double low = -3, high = 3;
  DType dtype = DType::f64;
  // Left sides for the test, where the pattern alone does not say them (ops with parameters, conditions on extents or
  // values). Without it the test instantiates the pattern. Every left side must fire.
  std::function<std::vector<ir::Tensor>(const FreshInput&)> left_sides = {};
};

// The rules of some tables, in order; the tables outlive the list.
std::vector<const Rule*> rule_list(std::initializer_list<const std::vector<Rule>*> tables);

// Rules by the root's op, ready to be applied.
class RuleSet {
 public:
  explicit RuleSet(std::vector<const Rule*> rules);
  std::span<const Rule* const> for_op(std::string_view op) const;  // in the order given
  std::vector<const Rule*> all() const { return rules_; }

 private:
  std::vector<const Rule*> rules_;
  std::map<std::string, std::vector<const Rule*>, std::less<>> by_op_;
};

using Counts = std::map<std::string, std::int64_t>;  // rule name -> firings

// What a call of apply_rules did.
struct RewriteStats {
  int sweeps = 0;
  std::int64_t visits = 0;    // nodes looked at, over all sweeps
  std::int64_t attempts = 0;  // rules tried
  std::int64_t firings = 0;
};

struct RewriteOptions {
  bool relaxed = false;
  std::vector<std::string> disabled;  // names and tags
  int max_sweeps = 8;
};

// Bottom-up sweeps with a memo from old to new until nothing changes or max_sweeps; each node takes the first rule that
// fits, then its result is offered again, at most 8 times. Time is linear in the graph per sweep. Whatever the rules
// do, it ends: all sweeps together fire at most 64 + 16 times the nodes that the graph has at first, and a firing makes
// at most 64 nodes; the graph is right wherever that stops. A rule that throws is an InternalError that names it, one
// whose result has another type or takes more than 64 new nodes as well. Handles of outputs keep their lines and names.
std::vector<ir::Tensor> apply_rules(std::span<const ir::Tensor> outputs, const RuleSet& rules,
                                    const RewriteOptions& options, Counts& counts, RewriteStats* stats = nullptr);

// The pattern as a graph of elementwise ops: variable(name, boolean) makes its variables (also those for constants),
// `boolean` where the op needs a bool.
ir::Tensor instantiate(const Pattern& pattern, const ir::TensorType& type,
                       const std::function<ir::Tensor(const std::string&, bool)>& variable);

// Tries every order of commutative operands; on failure `out` keeps the bindings it came with.
bool match(const Pattern& pattern, const ir::Tensor& tensor, Match& out);

// The names and tags in a comma-separated list (flag BITALE_DISABLE).
std::vector<std::string> split_names(const std::string& list);

// "log(add(1, x))": for the list of rules.
std::string to_string(const Pattern& pattern);

}  // namespace bitale::rewrite
