#include "compiler/codegen/cuda/scalar_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "runtime/base/float16.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::ScalarOp;

// How an instruction is written for float, double, and 32- and 64-bit integers; $0, $1, $2 are the operands. Names that
// are not CUDA's are in prelude.cc. Narrower integers use the column `narrow`, whose int result is cast back.
struct Row {
  ScalarOp op;
  const char* f32;
  const char* f64;
  const char* integer;
  const char* narrow;
};

constexpr Row rows[] = {
    {ScalarOp::add, "$0 + $1", "$0 + $1", "wrapping_add($0, $1)", "$0 + $1"},
    {ScalarOp::sub, "$0 - $1", "$0 - $1", "wrapping_sub($0, $1)", "$0 - $1"},
    {ScalarOp::mul, "$0 * $1", "$0 * $1", "wrapping_mul($0, $1)", "$0 * $1"},
    {ScalarOp::div, "$0 / $1", "$0 / $1", nullptr, nullptr},
    {ScalarOp::fma, "fmaf($0, $1, $2)", "fma($0, $1, $2)", nullptr, nullptr},
    {ScalarOp::strong_mul, "strong_mul($0, $1)", "strong_mul($0, $1)", "wrapping_mul($0, $1)", "$0 * $1"},
    {ScalarOp::floordiv, "floorf($0 / $1)", "floor($0 / $1)", "floor_divide($0, $1)", "floor_divide($0, $1)"},
    {ScalarOp::mod, "modulo($0, $1)", "modulo($0, $1)", "modulo($0, $1)", "modulo($0, $1)"},
    {ScalarOp::neg, "-$0", "-$0", "wrapping_sub(0, $0)", "-$0"},
    {ScalarOp::abs, "fabsf($0)", "fabs($0)", "wrapping_abs($0)", "abs($0)"},
    {ScalarOp::min, "minimum($0, $1)", "minimum($0, $1)", "minimum($0, $1)", "minimum($0, $1)"},
    {ScalarOp::max, "maximum($0, $1)", "maximum($0, $1)", "maximum($0, $1)", "maximum($0, $1)"},
    {ScalarOp::sqrt, "sqrtf($0)", "sqrt($0)", nullptr, nullptr},
    {ScalarOp::floor, "floorf($0)", "floor($0)", nullptr, nullptr},
    {ScalarOp::ceil, "ceilf($0)", "ceil($0)", nullptr, nullptr},
    {ScalarOp::trunc, "truncf($0)", "trunc($0)", nullptr, nullptr},
    {ScalarOp::round, "rintf($0)", "rint($0)", nullptr, nullptr},
    {ScalarOp::exp, "expf($0)", "exp($0)", nullptr, nullptr},
    {ScalarOp::expm1, "expm1f($0)", "expm1($0)", nullptr, nullptr},
    {ScalarOp::log, "logf($0)", "log($0)", nullptr, nullptr},
    {ScalarOp::log1p, "log1pf($0)", "log1p($0)", nullptr, nullptr},
    {ScalarOp::exp2, "exp2f($0)", "exp2($0)", nullptr, nullptr},
    {ScalarOp::log2, "log2f($0)", "log2($0)", nullptr, nullptr},
    {ScalarOp::log10, "log10f($0)", "log10($0)", nullptr, nullptr},
    {ScalarOp::tanh, "tanhf($0)", "tanh($0)", nullptr, nullptr},
    {ScalarOp::sigmoid, "sigmoid($0)", "sigmoid($0)", nullptr, nullptr},
    {ScalarOp::softplus, "softplus($0)", "softplus($0)", nullptr, nullptr},
    {ScalarOp::erf, "erff($0)", "erf($0)", nullptr, nullptr},
    {ScalarOp::erfc, "erfcf($0)", "erfc($0)", nullptr, nullptr},
    {ScalarOp::erfinv, "erfinvf($0)", "erfinv($0)", nullptr, nullptr},
    {ScalarOp::lgamma, "lgammaf($0)", "lgamma($0)", nullptr, nullptr},
    {ScalarOp::digamma, "digamma($0)", "digamma($0)", nullptr, nullptr},
    {ScalarOp::sin, "sinf($0)", "sin($0)", nullptr, nullptr},
    {ScalarOp::cos, "cosf($0)", "cos($0)", nullptr, nullptr},
    {ScalarOp::tan, "tanf($0)", "tan($0)", nullptr, nullptr},
    {ScalarOp::atan, "atanf($0)", "atan($0)", nullptr, nullptr},
    {ScalarOp::atan2, "atan2f($0, $1)", "atan2($0, $1)", nullptr, nullptr},
    {ScalarOp::pow, "powf($0, $1)", "pow($0, $1)", nullptr, nullptr},
    {ScalarOp::lt, "$0 < $1", "$0 < $1", "$0 < $1", "$0 < $1"},
    {ScalarOp::le, "$0 <= $1", "$0 <= $1", "$0 <= $1", "$0 <= $1"},
    {ScalarOp::eq, "$0 == $1", "$0 == $1", "$0 == $1", "$0 == $1"},
    {ScalarOp::ne, "$0 != $1", "$0 != $1", "$0 != $1", "$0 != $1"},
    {ScalarOp::bit_and, nullptr, nullptr, "$0 & $1", "$0 & $1"},
    {ScalarOp::bit_or, nullptr, nullptr, "$0 | $1", "$0 | $1"},
    {ScalarOp::bit_xor, nullptr, nullptr, "$0 ^ $1", "$0 ^ $1"},
    {ScalarOp::bit_not, nullptr, nullptr, "~$0", "~$0"},
    {ScalarOp::shl, nullptr, nullptr, "shift_left($0, $1)", "shift_left($0, $1)"},
    {ScalarOp::shr, nullptr, nullptr, "shift_right($0, $1)", "shift_right($0, $1)"},
    {ScalarOp::select, "$0 ? $1 : $2", "$0 ? $1 : $2", "$0 ? $1 : $2", "$0 ? $1 : $2"},
    {ScalarOp::philox, nullptr, nullptr, "philox($0, $1, $2)", nullptr},
};

// To and from float.
struct Conversion {
  DType stored;
  const char* widen;
  const char* narrow;
};

constexpr Conversion conversions[] = {
    {DType::f16, "widen_half($0)", "narrow_half($0)"},
    {DType::bf16, "widen_bfloat($0)", "narrow_bfloat($0)"},
};

bool is_narrow(DType type) { return !is_floating(type) && size_of(type) < 4; }

const char* pattern_of(ScalarOp op, DType operand) {
  for (const Row& row : rows) {
    if (row.op != op) continue;
    const char* pattern = is_only_stored(operand) ? row.narrow
                          : operand == DType::f32 ? row.f32
                          : operand == DType::f64 ? row.f64
                          : is_narrow(operand)    ? row.narrow
                                                  : row.integer;
    if (pattern) return pattern;
  }
  throw InternalError("cuda: " + std::string(name_of(op)) + " of " + std::string(name_of(operand)) + " has no text");
}

// A call closes its operands in.
Text fill(std::string_view pattern, std::span<const Text> args) {
  const bool call = pattern.back() == ')' && pattern[0] != '$' && pattern.find(" / ") == pattern.npos;
  Text out{"", pattern.back() == ')'};
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '$') {
      out.text += pattern[i];
      continue;
    }
    const Text& arg = args[static_cast<std::size_t>(pattern[++i] - '0')];
    out.text += call || arg.closed ? arg.text : "(" + arg.text + ")";
  }
  return out;
}

Text cast_to(DType type, const Text& a) {
  const std::string prefix = "(" + std::string(type_name(type)) + ")";
  return {prefix + (a.closed ? a.text : "(" + a.text + ")"), false};
}

Text cast(DType to, DType from, const Text& a) {
  if (to == from) return a;
  for (const Conversion& c : conversions)
    if (c.stored == from || c.stored == to) return fill(c.stored == from ? c.widen : c.narrow, {&a, 1});
  if (to == DType::bool_) return fill("$0 != $1", std::array{a, number_text(std::int64_t{0}, DType::i32)});
  if (!is_floating(from) || is_floating(to)) return cast_to(to, a);
  const std::int64_t low = integer_identity_of(kernel::Combiner::max, to);
  const std::int64_t high = integer_identity_of(kernel::Combiner::min, to);
  return fill("saturate($0, $1, $2)", std::array{a, number_text(low, to), number_text(high, to)});
}

Text bitcast(DType to, DType from, const Text& a) {
  if (to == from) return a;
  if (from == DType::f32) return fill("__float_as_int($0)", {&a, 1});
  if (from == DType::f64) return fill("__double_as_longlong($0)", {&a, 1});
  if (to == DType::f32) return fill("__int_as_float($0)", {&a, 1});
  if (to == DType::f64) return fill("__longlong_as_double($0)", {&a, 1});
  return cast_to(to, a);
}

}  // namespace

std::string_view type_name(DType type) {
  switch (type) {
    case DType::bool_:
      return "bool";
    case DType::i8:
      return "signed char";
    case DType::i16:
      return "short";
    case DType::i32:
      return "int";
    case DType::i64:
      return "long long";
    case DType::u8:
      return "unsigned char";
    case DType::f32:
      return "float";
    case DType::f64:
      return "double";
    case DType::f16:
    case DType::bf16:
      return "unsigned short";
  }
  throw InternalError("cuda: dtype out of range");
}

Text number_text(double value, DType type) {
  if (is_only_stored(type)) {
    const std::uint16_t bits = narrow(type, static_cast<float>(value));
    return cast_to(type, {std::to_string(bits)});
  }
  const bool narrow = type == DType::f32;
  if (std::isnan(value)) return {narrow ? "__int_as_float(0x7fc00000)" : "__longlong_as_double(0x7ff8000000000000)"};
  if (std::isinf(value)) {
    const char* text = narrow ? "__int_as_float(0x7f800000)" : "__longlong_as_double(0x7ff0000000000000)";
    return {(value < 0 ? "-" : "") + std::string(text), value > 0};
  }
  char digits[40];
  const auto end = narrow ? std::to_chars(digits, digits + sizeof digits, static_cast<float>(value)).ptr
                          : std::to_chars(digits, digits + sizeof digits, value).ptr;
  std::string text(digits, end);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return {text + (narrow ? "f" : ""), !std::signbit(value)};
}

Text number_text(std::int64_t value, DType type) {
  if (type == DType::bool_) return {value ? "true" : "false"};
  std::string text = std::to_string(value) + (type == DType::i64 ? "ll" : "");
  if (value == std::numeric_limits<std::int64_t>::min()) text = "-9223372036854775807ll - 1";
  if (value == std::numeric_limits<std::int32_t>::min() && type == DType::i32) text = "-2147483647 - 1";
  const Text plain{text, value >= 0};
  return is_narrow(type) ? cast_to(type, plain) : plain;
}

Text constant_text(const kernel::Value& constant) {
  return is_floating(constant.type) ? number_text(constant.real, constant.type)
                                    : number_text(constant.integer, constant.type);
}

Text extent_text(const kernel::Extent& e) {
  return e.is_constant() ? Text{std::to_string(e.value), e.value >= 0} : Text{"e" + std::to_string(e.slot)};
}

Text instruction_text(ScalarOp op, DType result, DType operand, std::span<const Text> args) {
  if (op == ScalarOp::cast) return cast(result, operand, args[0]);
  if (op == ScalarOp::bitcast) return bitcast(result, operand, args[0]);
  if (op == ScalarOp::bit_not && operand == DType::bool_) return fill("!$0", args);
  if (op == ScalarOp::neg && operand == DType::i64) return fill("wrapping_sub(0ll, $0)", args);
  const Text text = fill(pattern_of(op, operand), args);
  return is_narrow(result) && rule_of(op) == kernel::TypeRule::arg ? cast_to(result, text) : text;
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  const auto add = [&](const char* pattern) {
    if (!pattern || pattern[0] == '$') return;
    const std::string_view text(pattern);
    if (text.find('(') != text.npos) names.push_back(text.substr(0, text.find('(')));
  };
  for (const Row& row : rows)
    for (const char* pattern : {row.f32, row.f64, row.integer, row.narrow}) add(pattern);
  for (const Conversion& c : conversions)
    for (const char* pattern : {c.widen, c.narrow}) add(pattern);
  return names;
}

}  // namespace bitale::codegen::cuda
