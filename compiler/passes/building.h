// What rule tables and passes build with.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"
#include "compiler/rewrite/rewrite.h"

namespace bitale::passes {

// The words of tables.
using rewrite::any;
using rewrite::FreshInput;
using rewrite::literal;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

// Applies an op without parameters, by name; InternalError if it is not registered.
ir::Tensor call(std::string_view op, std::vector<ir::Tensor> operands);

// The same parameters under other inputs.
template <class P>
const P& params_of(const ir::Tensor& t) {
  return t.node().params_as<P>();
}

// Result functions of rows: the variable itself; a result only for these dtypes.
using Result = std::function<ir::Tensor(const rewrite::Match&)>;
Result keep(std::string variable);
Result if_integer(Result f);  // bool included
Result if_float(Result f);

inline bool is_op(const ir::Tensor& t, std::string_view name) { return t.node().op().name == name; }

using Axes = std::vector<std::int64_t>;
bool has(const Axes& axes, std::int64_t axis);

// A literal of a `full` of x's type.
ir::Tensor splat_like(const ir::Literal& value, const ir::Tensor& x);

// What broadcast_to repeats, by axis of the output: true where the input has no such axis or has extent 1 there while
// the output does not. `x` is the input.
std::vector<bool> repeated_axes(const ir::Tensor& x, const ir::Shape& shape);

// The input of a broadcast_to, or the tensor itself.
ir::Tensor under_broadcast(const ir::Tensor& t);

// Any extent is 0 for some call.
bool may_be_empty(const ir::Shape& shape);
// The difference of the two is never negative, as far as constants and lower bounds show.
bool at_least(const ir::Dim& a, const ir::Dim& b);

// Only `reader` reads t, in the graph of the sweep.
bool only_read_by(const rewrite::Match& m, const ir::Tensor& t, const ir::Node& reader);

}  // namespace bitale::passes
