#include "tests/support/cpp_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "compiler/ir/graph.h"
#include "compiler/prim/prim.h"

namespace bitale::tests {
namespace {

using ir::Dim;
using ir::Node;
using ir::NodePtr;
using ir::Shape;
using ir::Tensor;

// How the public API writes a node. $0, $1: operands; $*: all of them; $name: a parameter. An op with several outputs
// names the members that hold them.
struct Row {
  const char* op;
  const char* text;
  std::vector<const char*> members = {};
};

const std::map<std::string, Row>& rows() {
  static const std::map<std::string, Row> table = [] {
    std::map<std::string, Row> t;
    // Builders that are called as the op is, with its operands.
    for (const char* op :
         {"abs",           "exp",         "expm1",      "log",         "log1p",       "sqrt",        "tanh",
          "sigmoid",       "softplus",    "relu",       "sin",         "cos",         "erf",         "floor",
          "ceil",          "round",       "exp2",       "log2",        "log10",       "log1mexp",    "tan",
          "asin",          "acos",        "atan",       "sinh",        "cosh",        "asinh",       "acosh",
          "atanh",         "erfc",        "erfinv",     "lgamma",      "digamma",     "sign",        "trunc",
          "pow",           "hypot",       "logaddexp",  "xlogy",       "atan2",       "floordiv",    "mod",
          "minimum",       "maximum",     "equal",      "not_equal",   "where",       "logical_and", "logical_or",
          "logical_not",   "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "shift_left",  "shift_right",
          "stop_gradient", "cholesky",    "lstsq",      "eigvalsh",    "expm",        "pick"})
      t.emplace(op, Row{op, "$op($*)"});
    for (const char* op : {"sum", "max", "min", "argmax", "argmin", "prod", "any", "all", "logsumexp"})
      t.emplace(op, Row{op, "$op($0, $axes)"});
    for (const char* op : {"cumsum", "cumprod", "cummax", "cummin"}) t.emplace(op, Row{op, "$op($0, $axis, $reverse)"});
    for (const Row& row :
         std::initializer_list<Row>{{"add", "$0 + $1"},
                                    {"sub", "$0 - $1"},
                                    {"mul", "$0 * $1"},
                                    {"div", "$0 / $1"},
                                    {"neg", "-$0"},
                                    {"less", "$0 < $1"},
                                    {"less_equal", "$0 <= $1"},
                                    {"cast", "cast($0, $dtype)"},
                                    {"extent", "extent($dim)"},
                                    {"polygamma", "polygamma($order, $0)"},
                                    {"linear_recurrence", "linear_recurrence($0, $1, $axis, $reverse)"},
                                    {"broadcast_to", "broadcast_to($0, $shape)"},
                                    {"reshape", "reshape($0, $shape)"},
                                    {"transpose", "transpose($0, $axes)"},
                                    {"concat", "concatenate({$*}, $axis)"},
                                    {"diagonal", "diagonal($0, $offset, $a, $b)"},
                                    {"triangular_solve",
                                     "triangular_solve($0, $1, {.lower = $lower, .transposed = $transposed, "
                                     ".unit_diagonal = $unit_diagonal})"},
                                    {"pinv", "pinv($0, $cutoff)"},
                                    {"qr", "qr($0)", {"q", "r"}},
                                    {"eigh", "eigh($0)", {"values", "vectors"}},
                                    {"svd", "svd($0, {.full = $full})", {"u", "s", "vt"}},
                                    {"gather", "gather($0, $1, $axis)"},
                                    {"checked_rows", "mod(cast($0, int64), extent($extent))"},
                                    {"softmax", "softmax($0, $axis)"},
                                    {"log_softmax", "log_softmax($0, $axis)"},
                                    {"grad_clip", "grad_clip($0, $low, $high)"},
                                    {"grad_scale", "grad_scale($0, $factor)"}})
      t.emplace(row.op, row);
    return t;
  }();
  return table;
}

std::string cpp_dtype(DType dtype) { return dtype == DType::bool_ ? "boolean" : std::string(name_of(dtype)); }

std::string cpp_number(double v) {
  if (std::isnan(v)) return "NAN";
  if (std::isinf(v)) return v > 0 ? "INFINITY" : "-INFINITY";
  return fmt::format("{}", v);
}

std::string joined(const std::vector<std::string>& items) {
  std::string s;
  for (const std::string& item : items) s += (s.empty() ? "" : ", ") + item;
  return s;
}

std::string integers(const std::vector<std::int64_t>& list) {
  std::vector<std::string> items;
  for (const std::int64_t v : list) items.push_back(std::to_string(v));
  return cpp_list(items);
}

// The fields of a node's parameters.
struct Fields final : ir::FieldVisitor {
  std::map<std::string, std::string> texts;
  std::map<std::string, Shape> shapes;
  std::map<std::string, std::vector<std::int64_t>> lists;
  std::map<std::string, std::int64_t> numbers;

  void operator()(const char* n, bool& v) override { texts[n] = v ? "true" : "false"; }
  void operator()(const char* n, std::int64_t& v) override { texts[n] = std::to_string(v), numbers[n] = v; }
  void operator()(const char* n, double& v) override { texts[n] = cpp_number(v); }
  void operator()(const char* n, std::string& v) override { texts[n] = ir::quoted(v); }
  void operator()(const char* n, DType& v) override { texts[n] = cpp_dtype(v); }
  void operator()(const char* n, ir::Literal& v) override {
    texts[n] = is_floating(v.dtype) ? cpp_number(v.as_double()) : std::to_string(v.as_integer());
  }
  void operator()(const char* n, Dim& v) override { texts[n] = ir::to_string(v); }
  void operator()(const char* n, Shape& v) override { shapes[n] = v; }
  void operator()(const char*, ir::DimSymbolPtr&) override {}
  void operator()(const char* n, std::vector<std::int64_t>& v) override { lists[n] = v; }
  void operator()(const char*, ir::ArrayValue&) override {}
  void operator()(const char*, ir::Body&) override {}
};

Fields fields_of(const Node& node) {
  Fields f;
  if (node.params()) node.params()->clone()->visit(f);
  return f;
}

std::string dim_text(const Dim& d) { return d.is_constant() ? fmt::format("{}", d.value()) : ir::to_string(d); }

std::string cpp_shape(const Shape& shape) {
  std::vector<std::string> items;
  for (const Dim& d : shape) items.push_back(dim_text(d));
  return "Shape" + cpp_list(items);
}

bool all_constant(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& d) { return d.is_constant(); });
}

class Writer {
 public:
  explicit Writer(const BuiltCase& graph) : graph_(graph) {}

  CppGraph run() {
    symbols();
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) input(graph_.inputs[i], graph_.values[i]);
    for (const NodePtr& node : ir::topological(graph_.outputs))
      if (!names_.contains(Tensor(node, 0))) write(node);
    for (const Tensor& t : graph_.outputs) out_.outputs.push_back(names_.at(t));
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_.statements += "  " + text + "\n"; }

  void symbols() {
    std::map<std::string, Dim> found;
    for (const Tensor& t : graph_.inputs)
      for (const Dim& d : t.shape())
        if (d.as_symbol()) found.emplace(ir::to_string(d), d);
    for (const auto& [name, dim] : found) line(fmt::format("const Dim {0}(\"{0}\");", name));
  }

  void input(const Tensor& t, const Array& value) {
    const std::string name = "x" + std::to_string(out_.inputs.size());
    line(fmt::format("const Tensor {0} = input(\"{0}\", {1}, {2});", name, cpp_dtype(t.dtype()), cpp_shape(t.shape())));
    names_.emplace(t, name);
    out_.inputs.push_back(name);
    out_.arguments.push_back(cpp_array(value));
    out_.values.push_back(value);
  }

  void write(const NodePtr& node) {
    std::vector<const char*> members;
    const std::optional<std::string> text = expression(*node, members);
    if (!text) return not_written(node);
    const std::string name = "t" + std::to_string(next_++);
    line(fmt::format("const auto {} = {};", name, *text));
    for (std::size_t i = 0; i < node->outputs().size(); ++i)
      names_.emplace(Tensor(node, static_cast<int>(i)), members.empty() ? name : name + "." + members[i]);
  }

  void not_written(const NodePtr& node) {
    out_.not_written.push_back(node->op().name);
    std::string text = node->op().name + (node->params() ? " {" + ir::to_string(*node->params()) + "}" : "");
    std::replace(text.begin(), text.end(), '\n', ' ');  // bodies have lines
    line("// no builder makes this node; the values of its outputs are arguments: " + text);
    for (std::size_t i = 0; i < node->outputs().size(); ++i) {
      const Tensor one[] = {Tensor(node, static_cast<int>(i))};
      input(one[0], eval::evaluate(one, graph_.bindings())[0]);
    }
  }

  const std::string& operand(const Node& n, int i) const { return names_.at(n.input(i)); }

  std::optional<std::string> expression(const Node& n, std::vector<const char*>& members) const {
    const std::string& op = n.op().name;
    const Fields f = fields_of(n);
    if (const auto it = rows().find(op); it != rows().end()) {
      const auto axes = f.lists.find("axes");
      const bool whole = axes != f.lists.end() && axes->second.empty() && n.input(0).rank() > 0;
      if (whole) return std::nullopt;  // none means all to the builders
      members = it->second.members;
      return filled(it->second.text, n, f);
    }
    if (op == "full")
      return fmt::format("full({}, {}, {})", f.texts.at("value"), cpp_dtype(n.type().dtype), cpp_shape(n.type().shape));
    if (op == "constant") return fmt::format("constant({})", cpp_array(n.params_as<ir::ConstantParams>().value.array));
    if (op == "iota") return iota(n, f);
    if (op == "flip") return f.lists.at("axes").empty() ? operand(n, 0) : filled("flip($0, $axes)", n, f);
    if (op == "slice") return slice(n, f);
    if (op.starts_with("scatter_")) return filled(op + "($0, $1, $2, 1)", n, f);
    if (op == "pad") return pad(n, f);
    if (op == "dot") return einsum(n, f);
    if (op == "conv")
      return filled(
          fmt::format("conv{}d($0, $1, {{.stride = $stride, .dilation = $dilation, .groups = $groups, .flip = $flip}})",
                      f.lists.at("stride").size()),
          n, f);
    if (op == "max_pool" || op == "average_pool") return pool(n, f);
    return std::nullopt;
  }

  std::string filled(const std::string& pattern, const Node& n, const Fields& f) const {
    std::string s;
    for (std::size_t i = 0; i < pattern.size();) {
      if (pattern[i] != '$') {
        s += pattern[i++];
        continue;
      }
      std::size_t end = ++i;
      while (end < pattern.size() && (std::isalnum(static_cast<unsigned char>(pattern[end])) || pattern[end] == '_'))
        ++end;
      const std::string word = pattern.substr(i, end - i);
      i = end;
      if (word.empty()) {  // $*
        ++i;
        std::vector<std::string> all;
        for (int k = 0; k < static_cast<int>(n.inputs().size()); ++k) all.push_back(operand(n, k));
        s += joined(all);
      } else if (std::isdigit(static_cast<unsigned char>(word[0]))) {
        s += operand(n, word[0] - '0');
      } else {
        s += word == "op" ? n.op().name : field(word, f);
      }
    }
    return s;
  }

  static std::string field(const std::string& name, const Fields& f) {
    if (const auto it = f.shapes.find(name); it != f.shapes.end()) return cpp_shape(it->second);
    if (const auto it = f.lists.find(name); it != f.lists.end())
      return (name == "axes" ? "Axes" : "") + integers(it->second);
    return f.texts.at(name);
  }

  static std::optional<std::string> iota(const Node& n, const Fields& f) {
    const Shape& shape = n.type().shape;
    const auto axis = static_cast<std::size_t>(f.numbers.at("axis"));
    Shape row(shape.size(), Dim(1));
    row[axis] = shape[axis];
    return fmt::format("broadcast_to(reshape(arange({}, {}), {}), {})", "Dim(" + dim_text(shape[axis]) + ")",
                       cpp_dtype(n.type().dtype), cpp_shape(row), cpp_shape(shape));
  }

  // NumPy's bounds; with symbolic extents only where they are sure not to be read from the end.
  std::optional<std::string> slice(const Node& n, const Fields& f) const {
    const Shape &starts = f.shapes.at("starts"), &extents = f.shapes.at("extents");
    if (!all_constant(starts) || !all_constant(extents)) return std::nullopt;
    return fmt::format("slice({}, std::vector<Range>{})", operand(n, 0),
                       ranges(starts, extents, f.lists.at("steps"), "Range"));
  }

  static std::string ranges(const Shape& starts, const Shape& extents, const std::vector<std::int64_t>& steps,
                            const char* type) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::int64_t start = starts[i].value(), count = extents[i].value();
      const std::int64_t stop = start + count * steps[i];
      if (count == 0)
        items.push_back(fmt::format("{}{{0, 0, 1}}", type));
      else if (stop < 0)
        items.push_back(fmt::format("{}{{{}, std::nullopt, {}}}", type, start, steps[i]));
      else
        items.push_back(fmt::format("{}{{{}, {}, {}}}", type, start, stop, steps[i]));
    }
    return cpp_list(items);
  }

  std::optional<std::string> pad(const Node& n, const Fields& f) const {
    const Shape &starts = f.shapes.at("starts"), &shape = n.type().shape, &from = n.input(0).shape();
    if (!all_constant(starts) || !all_constant(shape) || !all_constant(from)) return std::nullopt;
    return fmt::format("set_subtensor(zeros({}, {}), Index{}, {})", cpp_dtype(n.type().dtype), cpp_shape(shape),
                       ranges(starts, from, f.lists.at("steps"), "Slice"), operand(n, 0));
  }

  // Batch axes, then the free ones of both.
  std::optional<std::string> einsum(const Node& n, const Fields& f) const {
    const auto letters = [](int rank, char first) {
      std::string s;
      for (int i = 0; i < rank; ++i) s += static_cast<char>(first + i);
      return s;
    };
    if (n.input(0).rank() > 13 || n.input(1).rank() > 13) return std::nullopt;
    const std::string a = letters(n.input(0).rank(), 'a');
    std::string b = letters(n.input(1).rank(), 'n'), batch;
    std::set<char> bound;
    const auto pair = [&](const char* in_a, const char* in_b) {
      const auto &left = f.lists.at(in_a), &right = f.lists.at(in_b);
      for (std::size_t i = 0; i < left.size(); ++i) {
        b[static_cast<std::size_t>(right[i])] = a[static_cast<std::size_t>(left[i])];
        bound.insert(a[static_cast<std::size_t>(left[i])]);
      }
      return left;
    };
    for (const std::int64_t axis : pair("batch_a", "batch_b")) batch += a[static_cast<std::size_t>(axis)];
    pair("sum_a", "sum_b");
    std::string out = batch;
    for (const std::string& side : {a, b})
      for (const char c : side)
        if (!bound.contains(c)) out += c;
    return fmt::format("einsum(\"{},{}->{}\", {{{}, {}}})", a, b, out, operand(n, 0), operand(n, 1));
  }

  std::optional<std::string> pool(const Node& n, const Fields& f) const {
    const Shape& padding = f.shapes.at("padding");
    if (!all_constant(padding)) return std::nullopt;
    std::vector<std::int64_t> sides;
    for (const Dim& d : padding) sides.push_back(d.value());
    const bool average = n.op().name == "average_pool";
    return filled(
        fmt::format("{}{}d($0, {{.window = $window, .stride = $stride, .padding = {}, .ceil = $ceil{}}})", n.op().name,
                    f.lists.at("window").size(), integers(sides), average ? ", .count_padding = $count_padding" : ""),
        n, f);
  }

  const BuiltCase& graph_;
  CppGraph out_;
  ir::TensorMap<std::string> names_;
  int next_ = 0;
};

}  // namespace

std::string cpp_list(const std::vector<std::string>& items) { return "{" + joined(items) + "}"; }

std::string cpp_array(const Array& value) {
  std::vector<std::string> items;
  const bool floats = is_floating(value.dtype());
  for (std::int64_t i = 0; i < value.size(); ++i)
    items.push_back(floats ? cpp_number(value.at(i)) : std::to_string(static_cast<std::int64_t>(value.at(i))));
  return fmt::format("array({}, {}, {})", cpp_dtype(value.dtype()), cpp_list(items), integers(value.shape()));
}

CppGraph cpp_graph(const BuiltCase& graph) { return Writer(graph).run(); }

std::string cpp_prelude() {
  return "#include <cmath>\n#include <cstdio>\n\n#include <bitale/bitale.h>\nusing namespace bitale;\n\n"
         "Array array(DType dtype, const std::vector<double>& values, const Extents& shape) {\n"
         "  return Array::of<double>(std::span<const double>(values), shape).cast(dtype);\n}\n\n";
}

std::string cpp_program(const CppGraph& graph, const std::string& body) {
  return cpp_prelude() + "int main() {\n" + graph.statements + body + "}\n";
}

std::string cpp_call(const CppGraph& graph, const std::vector<std::string>& outputs, const std::string& options) {
  return fmt::format(
      "  const Function f = function({}, {}, {{{}}});\n"
      "  const std::vector<Argument> arguments = {};\n"
      "  for (const Array& result : f.call(arguments)) std::printf(\"%s\\n\", to_string(result, true).c_str());\n",
      cpp_list(graph.inputs), cpp_list(outputs), options, cpp_list(graph.arguments));
}

}  // namespace bitale::tests
