#include "compiler/ir/parse.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "compiler/ir/body.h"
#include "compiler/ir/op.h"
#include "runtime/base/error.h"

namespace bitale::ir {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An Error that already says where.
class TextError : public Error {
 public:
  using Error::Error;
};

// The text and a place in it. Between tokens are spaces, line ends and comments.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) { skip(); }

  std::size_t place() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  char next() const { return at_end() ? '\0' : text_[at_]; }

  [[noreturn]] void fail(const std::string& what, std::size_t place) const {
    const std::string_view before = text_.substr(0, place);
    const std::size_t line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    throw TextError("graph text, line " + std::to_string(line) + ", column " + std::to_string(place - start + 1) +
                    ": " + what);
  }
  [[noreturn]] void fail_expected(const std::string& expected) const {
    std::string found = at_end() ? "the end of the text" : quoted(std::string(1, next()));
    if (is_letter(next()) || is_digit(next())) found = quoted(std::string(text_.substr(at_, word_length())));
    fail("expected " + expected + ", found " + found, at_);
  }

  bool take(char c) {
    if (next() != c || at_end()) return false;
    ++at_;
    skip();
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail_expected(quoted(std::string(1, c)));
  }

  // A name; with `followed_by` only if this character comes next.
  std::string name(const std::string& expected) {
    if (!is_letter(next())) fail_expected(expected);
    return token(word_length());
  }

  // The characters of a number: also inf, nan, true.
  std::string number(const std::string& expected) {
    std::size_t n = next() == '-' ? 1 : 0;
    while (at_ + n < text_.size() && is_number_part(n)) ++n;
    if (n == 0) fail_expected(expected);
    return token(n);
  }

  std::string digits(const std::string& expected) {
    std::size_t n = 0;
    while (at_ + n < text_.size() && is_digit(text_[at_ + n])) ++n;
    if (n == 0) fail_expected(expected);
    return token(n);
  }

  std::string string() {
    if (next() != '"' || at_end()) fail_expected("a string");
    const std::size_t begin = at_++;
    std::string s;
    while (next() != '"' || at_end()) {
      if (at_end()) fail("this string does not end", begin);
      s += character();
    }
    ++at_;
    skip();
    return s;
  }

  // Reads a whole number out of a token that began at `place`.
  template <class T>
  T value(const std::string& token, std::size_t place, const std::string& expected) const {
    T v{};
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), v);
    if (error != std::errc() || end != token.data() + token.size())
      fail("expected " + expected + ", found " + quoted(token), place);
    return v;
  }
  std::int64_t integer(const std::string& expected = "a whole number") {
    const std::size_t begin = at_;
    return value<std::int64_t>(number(expected), begin, expected);
  }

  // All names in the text outside strings and comments.
  std::set<std::string> names() {
    std::set<std::string> found;
    const std::size_t begin = at_;
    while (!at_end()) {
      if (next() == '"') {
        string();
      } else if (is_letter(next())) {
        found.insert(name("a name"));
      } else {
        ++at_;
        skip();
      }
    }
    at_ = begin;
    return found;
  }

 private:
  void skip() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (std::strchr(" \t\r\n", text_[at_]) && text_[at_] != '\0')
        ++at_;
      else
        return;
    }
  }

  std::string token(std::size_t length) {
    std::string s(text_.substr(at_, length));
    at_ += length;
    skip();
    return s;
  }

  std::size_t word_length() const {
    std::size_t n = 0;
    while (at_ + n < text_.size() && (is_letter(text_[at_ + n]) || is_digit(text_[at_ + n]) || text_[at_ + n] == '.'))
      ++n;
    return n;
  }

  // Letters, digits and points; a sign behind an exponent's e.
  bool is_number_part(std::size_t n) const {
    const char c = text_[at_ + n];
    if (is_letter(c) || is_digit(c) || c == '.') return true;
    return (c == '-' || c == '+') && n >= 2 && text_[at_ + n - 1] == 'e' && is_digit(text_[at_ + n - 2]);
  }

  char character() {
    const char c = text_[at_++];
    if (c != '\\') return c;
    if (at_end()) return c;  // string() finds that it does not end
    const char escaped = text_[at_++];
    if (escaped == 'n') return '\n';
    if (escaped != 'x') return escaped;
    const std::string digits(text_.substr(at_, 2));
    unsigned code = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 2) fail("expected two hexadecimal digits behind \\x", at_);
    at_ += 2;
    return static_cast<char>(code);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// ---- dims and types ----

class DimReader {
 public:
  // Symbols are made in order of their names, as the printer assumes.
  explicit DimReader(Reader& reader) : r_(reader) {
    for (const std::string& name : r_.names()) symbols_.emplace(name, Dim::symbol(name));
  }

  Dim dim() {
    const std::size_t begin = r_.place();
    try {
      return sum(0);
    } catch (const TextError&) {
      throw;
    } catch (const Error& e) {  // overflow, division by zero
      r_.fail(e.what(), begin);
    }
  }

  DimSymbolPtr symbol() { return symbols_.at(r_.name("the name of a dim")).symbols()[0]; }

  Shape shape() {
    Shape s;
    r_.expect('[');
    if (r_.take(']')) return s;
    do s.push_back(dim());
    while (r_.take(','));
    r_.expect(']');
    return s;
  }

  DType dtype() {
    const std::size_t begin = r_.place();
    const std::string name = r_.name("a dtype");
    const auto dtype = dtype_from_name(name);
    if (!dtype) r_.fail("there is no dtype " + quoted(name), begin);
    return *dtype;
  }

 private:
  static constexpr int max_depth = 32;

  Dim sum(int depth) {
    Dim total = r_.take('-') ? Dim(-1) * product(depth) : product(depth);
    for (;;) {
      if (r_.take('+'))
        total = total + product(depth);
      else if (r_.take('-'))
        total = total - product(depth);
      else
        return total;
    }
  }

  Dim product(int depth) {
    Dim p = atom(depth);
    while (r_.take('*')) p = p * atom(depth);
    return p;
  }

  Dim atom(int depth) {
    if (is_digit(r_.next())) return r_.integer("an extent");
    const std::size_t begin = r_.place();
    const std::string name = r_.name("an extent");
    if (!r_.take('(')) return symbols_.at(name);
    if (name != "floordiv" && name != "min" && name != "max" && name != "isqrt")
      r_.fail("expected floordiv, min, max or isqrt, found " + quoted(name), begin);
    if (depth == max_depth) r_.fail("this extent is nested too deeply", begin);
    const Dim a = sum(depth + 1);
    if (name == "isqrt") {
      r_.expect(')');
      return isqrt(a);
    }
    r_.expect(',');
    const Dim b = sum(depth + 1);
    r_.expect(')');
    return name == "min" ? min(a, b) : name == "max" ? max(a, b) : floordiv(a, b);
  }

  Reader& r_;
  std::map<std::string, Dim> symbols_;
};

// ---- parameters ----

// Fills in an op's parameters, field by field: {name=value, name=value}.
class ParamsReader final : public FieldVisitor {
 public:
  ParamsReader(Reader& reader, DimReader& dims, DType dtype, int depth)
      : r_(reader), dims_(dims), dtype_(dtype), depth_(depth) {}

  void operator()(const char* n, bool& v) override { field(n), v = boolean(); }
  void operator()(const char* n, std::int64_t& v) override { field(n), v = r_.integer(); }
  void operator()(const char* n, double& v) override { field(n), v = floating<double>(); }
  void operator()(const char* n, std::string& v) override { field(n), v = r_.string(); }
  void operator()(const char* n, DType& v) override { field(n), v = dims_.dtype(); }
  void operator()(const char* n, Dim& v) override { field(n), v = dims_.dim(); }
  void operator()(const char* n, Shape& v) override { field(n), v = dims_.shape(); }
  void operator()(const char* n, DimSymbolPtr& v) override { field(n), v = dims_.symbol(); }
  void operator()(const char* n, Literal& v) override {
    field(n);
    v = dispatch(computed_as(dtype_), [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (std::is_floating_point_v<T>)
        return Literal::real(element<T>(), dtype_);
      else
        return Literal::integer(static_cast<std::int64_t>(element<T>()), dtype_);
    });
  }
  void operator()(const char* n, std::vector<std::int64_t>& v) override {
    field(n);
    v.clear();
    r_.expect('[');
    if (r_.take(']')) return;
    do v.push_back(r_.integer());
    while (r_.take(','));
    r_.expect(']');
  }
  void operator()(const char* n, ArrayValue& v) override { field(n), v = ArrayValue(array()); }
  void operator()(const char* n, Body& v) override;

  // Behind the last field.
  void finish() {
    if (open_) r_.expect('}');
  }

 private:
  void field(const char* name) {
    r_.expect(open_ ? ',' : '{');
    open_ = true;
    const std::size_t begin = r_.place();
    const std::string expected = "the parameter " + quoted(name);
    if (const std::string found = r_.name(expected); found != name)
      r_.fail("expected " + expected + ", found " + quoted(found), begin);
    r_.expect('=');
  }

  bool boolean() {
    const std::size_t begin = r_.place();
    const std::string word = r_.name("true or false");
    if (word != "true" && word != "false") r_.fail("expected true or false, found " + quoted(word), begin);
    return word == "true";
  }

  template <class T>
  T floating() {
    const std::size_t begin = r_.place();
    return r_.value<T>(r_.number("a number"), begin, "a number");
  }

  template <class T>
  T element() {
    const std::size_t begin = r_.place();
    const std::string expected = "a value of " + std::string(name_of(dtype_of<T>()));
    if constexpr (std::is_same_v<T, bool>)
      return boolean();
    else
      return r_.value<T>(r_.number(expected), begin, expected);
  }

  // float32 [2, 3] {1, 2, 3, 4, 5, 6}
  Array array() {
    const std::size_t begin = r_.place();
    const DType dtype = dims_.dtype();
    Extents shape;
    for (const Dim& d : dims_.shape()) {
      if (!d.is_constant() || d.value() < 0) r_.fail("the shape of an array has whole numbers alone", begin);
      shape.push_back(d.value());
    }
    const Array wide = dispatch(computed_as(dtype), [&](auto type) {
      using T = typename decltype(type)::type;
      std::vector<T> values;
      r_.expect('{');
      if (!r_.take('}')) {
        do values.push_back(element<T>());
        while (r_.take(','));
        r_.expect('}');
      }
      return filled<T>(std::move(shape), values, begin);
    });
    return is_only_stored(dtype) ? wide.cast(dtype) : wide;
  }

  template <class T>
  Array filled(Extents shape, const std::vector<T>& values, std::size_t begin) {
    std::int64_t count = 1;
    for (const std::int64_t e : shape)
      if (__builtin_mul_overflow(count, e, &count)) count = -1;
    if (count != static_cast<std::int64_t>(values.size()))
      r_.fail("an array of shape " + shape_text(shape) + " with " + std::to_string(values.size()) + " values", begin);
    Array a(dtype_of<T>(), std::move(shape));
    auto* to = static_cast<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>*>(a.data());
    for (std::size_t i = 0; i < values.size(); ++i) to[i] = values[i];
    return a;
  }

  Reader& r_;
  DimReader& dims_;
  DType dtype_;
  int depth_;  // of bodies around
  bool open_ = false;
};

// ---- graphs ----

class GraphReader {
 public:
  GraphReader(Reader& reader, DimReader& dims, int depth) : r_(reader), dims_(dims), depth_(depth) {}

  // Nodes, and what is returned, if anything.
  Graph run() {
    while (r_.next() == '%') node();
    if (r_.name("a node or return") != "return") r_.fail_expected("a node (%0: ...) or return");
    Graph graph{inputs_, {}};
    if (!r_.at_end() && r_.next() != '}') graph.outputs = operands();
    return graph;
  }

 private:
  void node() {
    const std::size_t begin = r_.place();
    const std::int64_t number = label();
    if (values_.contains(number)) r_.fail("there is a node %" + std::to_string(number) + " already", begin);
    r_.expect(':');
    const std::size_t types_begin = r_.place();
    std::vector<TensorType> types;
    do {
      const DType dtype = dims_.dtype();
      types.push_back({dtype, dims_.shape()});
    } while (r_.take(','));
    r_.expect('=');
    const std::size_t op_begin = r_.place();
    const std::string name = r_.name("the name of an op");
    const OpDef* op = find_op(name);
    if (!op) r_.fail("there is no op " + quoted(name), op_begin);
    r_.expect('(');
    std::vector<Tensor> inputs;
    if (r_.next() != ')') inputs = operands();
    r_.expect(')');
    const Params params = parameters(*op, types[0].dtype);
    std::vector<Tensor> made;
    try {
      made = apply(*op, params, std::move(inputs));
    } catch (const Error& e) {
      r_.fail(e.what(), op_begin);
    }
    check_types(types, made, types_begin);
    leading_ = leading_ && (op->leaf == Leaf::input || op->leaf == Leaf::shared);
    if (leading_) inputs_.push_back(made[0]);
    values_.emplace(number, std::move(made));
  }

  std::int64_t label() {
    r_.expect('%');
    const std::size_t begin = r_.place();
    return r_.value<std::int64_t>(r_.digits("the number of a node"), begin, "the number of a node");
  }

  std::vector<Tensor> operands() {
    std::vector<Tensor> out;
    do {
      const std::size_t begin = r_.place();
      const std::int64_t number = label();
      const auto it = values_.find(number);
      if (it == values_.end()) r_.fail("there is no node %" + std::to_string(number) + " before this", begin);
      std::size_t output = 0;
      if (r_.take('.')) {
        const std::size_t place = r_.place();
        output = r_.value<std::size_t>(r_.digits("the number of an output"), place, "the number of an output");
      }
      if (output >= it->second.size())
        r_.fail("%" + std::to_string(number) + " has " + std::to_string(it->second.size()) + " outputs", begin);
      out.push_back(it->second[output]);
    } while (r_.take(','));
    return out;
  }

  Params parameters(const OpDef& op, DType dtype) {
    if (!op.default_params) return nullptr;
    const std::shared_ptr<ParamsBase> params = op.default_params()->clone();
    ParamsReader reader(r_, dims_, dtype, depth_);
    params->visit(reader);
    reader.finish();
    return params;
  }

  void check_types(const std::vector<TensorType>& said, const std::vector<Tensor>& made, std::size_t begin) const {
    std::string expected;
    bool same = said.size() == made.size();
    for (std::size_t i = 0; i < made.size(); ++i) {
      expected += (i ? ", " : "") + to_string(made[i].type());
      same = same && said[i] == made[i].type();
    }
    if (!same) r_.fail("the type is " + expected + ", by the rule of the op", begin);
  }

  Reader& r_;
  DimReader& dims_;
  int depth_;
  std::map<std::int64_t, std::vector<Tensor>> values_;
  std::vector<Tensor> inputs_;
  bool leading_ = true;  // only inputs and Shared variables so far
};

void ParamsReader::operator()(const char* n, Body& v) {
  constexpr int max_depth = 16;
  field(n);
  const std::size_t begin = r_.place();
  r_.expect('{');
  if (depth_ == max_depth) r_.fail("bodies are nested too deeply", begin);
  v.outputs = GraphReader(r_, dims_, depth_ + 1).run().outputs;
  r_.expect('}');
}

}  // namespace

Graph parse(std::string_view text) {
  Reader reader(text);
  DimReader dims(reader);
  Graph graph = GraphReader(reader, dims, 0).run();
  if (!reader.at_end()) reader.fail_expected("the end of the text");
  return graph;
}

}  // namespace bitale::ir
