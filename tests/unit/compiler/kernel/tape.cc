#include "tests/unit/compiler/kernel/tape.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bitale::tests {
namespace {

using kernel::ScalarOp;
using Column = std::vector<std::uint64_t>;

template <class T>
T get(std::uint64_t word) {
  T value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

template <class T>
std::uint64_t put(T value) {
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  return word;
}

template <class T, class F>
void each(const std::vector<const Column*>& args, Column& out, F f) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const T a = get<T>((*args[0])[i]);
    const T b = args.size() > 1 ? get<T>((*args[1])[i]) : T{};
    const T c = args.size() > 2 ? get<T>((*args[2])[i]) : T{};
    out[i] = put(f(a, b, c));
  }
}

template <class T>
void real(ScalarOp op, bool fuses, const std::vector<const Column*>& args, Column& out) {
  switch (op) {
    case ScalarOp::add:
      return each<T>(args, out, [](T a, T b, T) { return a + b; });
    case ScalarOp::sub:
      return each<T>(args, out, [](T a, T b, T) { return a - b; });
    case ScalarOp::mul:
      return each<T>(args, out, [](T a, T b, T) { return a * b; });
    case ScalarOp::div:
      return each<T>(args, out, [](T a, T b, T) { return a / b; });
    case ScalarOp::neg:
      return each<T>(args, out, [](T a, T, T) { return -a; });
    case ScalarOp::abs:
      return each<T>(args, out, [](T a, T, T) { return std::fabs(a); });
    case ScalarOp::sqrt:
      return each<T>(args, out, [](T a, T, T) { return std::sqrt(a); });
    case ScalarOp::floor:
      return each<T>(args, out, [](T a, T, T) { return std::floor(a); });
    case ScalarOp::round:
      return each<T>(args, out, [](T a, T, T) { return std::nearbyint(a); });
    case ScalarOp::fma:
      if (fuses) return each<T>(args, out, [](T a, T b, T c) { return std::fma(a, b, c); });
      return each<T>(args, out, [](T a, T b, T c) {
        volatile T product = a * b;  // kept from being fused
        return product + c;
      });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " of floats");
  }
}

template <class T>
void compare(ScalarOp op, const std::vector<const Column*>& args, Column& out) {
  switch (op) {
    case ScalarOp::lt:
      return each<T>(args, out, [](T a, T b, T) { return a < b; });
    case ScalarOp::le:
      return each<T>(args, out, [](T a, T b, T) { return a <= b; });
    case ScalarOp::eq:
      return each<T>(args, out, [](T a, T b, T) { return a == b; });
    case ScalarOp::ne:
      return each<T>(args, out, [](T a, T b, T) { return a != b; });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " compares nothing");
  }
}

template <class U>
void integral(ScalarOp op, const std::vector<const Column*>& args, Column& out) {
  constexpr U mask = sizeof(U) * 8 - 1;
  switch (op) {
    case ScalarOp::add:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a + b); });
    case ScalarOp::sub:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a - b); });
    case ScalarOp::mul:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a * b); });
    case ScalarOp::bit_and:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a & b); });
    case ScalarOp::bit_or:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a | b); });
    case ScalarOp::bit_xor:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a ^ b); });
    case ScalarOp::shl:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a << (b & mask)); });
    case ScalarOp::shr:
      return each<U>(args, out, [](U a, U b, U) { return static_cast<U>(a >> (b & mask)); });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " of integers");
  }
}

void logical(ScalarOp op, const std::vector<const Column*>& args, Column& out) {
  switch (op) {
    case ScalarOp::bit_and:
      return each<bool>(args, out, [](bool a, bool b, bool) { return a && b; });
    case ScalarOp::bit_or:
      return each<bool>(args, out, [](bool a, bool b, bool) { return a || b; });
    case ScalarOp::bit_xor:
      return each<bool>(args, out, [](bool a, bool b, bool) { return a != b; });
    case ScalarOp::bit_not:
      return each<bool>(args, out, [](bool a, bool, bool) { return !a; });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " of bool");
  }
}

void cast(DType to, DType from, const Column& a, Column& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (to == DType::f64 && from == DType::f32)
      out[i] = put(static_cast<double>(get<float>(a[i])));
    else if (to == DType::f32 && from == DType::f64)
      out[i] = put(static_cast<float>(get<double>(a[i])));
    else
      throw InternalError("tape: this cast is slow on vector units");
  }
}

}  // namespace

Tape::Handle Tape::push(Step step) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const bool same =
        s.what == step.what && s.type == step.type && s.op == step.op && s.args == step.args && s.bits == step.bits;
    if (same && s.what != What::input) return reinterpret_cast<Handle>(i + 1);
  }
  steps_.push_back(std::move(step));
  return reinterpret_cast<Handle>(steps_.size());
}

Tape::Handle Tape::constant(double value, DType type) {
  const std::uint64_t bits = type == DType::f32 ? put(static_cast<float>(value)) : put(value);
  return push({.what = What::constant, .type = type, .bits = bits});
}

Tape::Handle Tape::integer(std::int64_t value, DType type) {
  return push({.what = What::constant,
               .type = type,
               .bits = type == DType::i32 ? put(static_cast<std::int32_t>(value)) : put(value)});
}

Tape::Handle Tape::emit(ScalarOp op, DType type, std::span<const Handle> args) {
  Step step{.type = type, .op = op};
  for (const Handle arg : args) step.args.push_back(index_of(arg));
  return push(std::move(step));
}

Tape::Handle Tape::scale_by_power(Handle x, Handle n) {
  if (!traits_.scales) return Emitter::scale_by_power(x, n);
  return push({.what = What::scale, .type = type_of(x), .args = {index_of(x), index_of(n)}});
}

void Tape::run(const Step& step, const std::vector<Column>& lanes, Column& out) const {
  std::vector<const Column*> args;
  for (const std::size_t arg : step.args) args.push_back(&lanes[arg]);
  const DType operand = steps_[step.args[0]].type;
  const bool wide = operand == DType::f64 || operand == DType::i64;
  if (step.what == What::scale) {
    if (wide)
      return each<double>(args, out, [](double x, double n, double) { return std::scalbn(x, static_cast<int>(n)); });
    return each<float>(args, out, [](float x, float n, float) { return std::scalbn(x, static_cast<int>(n)); });
  }
  if (step.op == ScalarOp::bitcast) {
    out = *args[0];
  } else if (step.op == ScalarOp::select) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = (*args[0])[i] ? (*args[1])[i] : (*args[2])[i];
  } else if (step.op == ScalarOp::cast) {
    cast(step.type, operand, *args[0], out);
  } else if (operand == DType::bool_) {
    logical(step.op, args, out);
  } else if (rule_of(step.op) == kernel::TypeRule::boolean) {
    switch (operand) {
      case DType::f32:
        return compare<float>(step.op, args, out);
      case DType::f64:
        return compare<double>(step.op, args, out);
      case DType::i32:
        return compare<std::int32_t>(step.op, args, out);
      default:
        return compare<std::int64_t>(step.op, args, out);
    }
  } else if (is_floating(operand)) {
    wide ? real<double>(step.op, traits_.fuses, args, out) : real<float>(step.op, traits_.fuses, args, out);
  } else {
    wide ? integral<std::uint64_t>(step.op, args, out) : integral<std::uint32_t>(step.op, args, out);
  }
}

Column Tape::run(const std::vector<Column>& inputs, Handle output) const {
  constexpr std::size_t block = 1024;  // keeps all lanes of a block in the cache
  Column result(inputs[0].size());
  std::vector<Column> lanes(steps_.size());
  for (std::size_t begin = 0; begin < result.size(); begin += block) {
    const std::size_t n = std::min(block, result.size() - begin);
    std::size_t input = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (step.what == What::constant && lanes[i].size() == n) continue;
      lanes[i].assign(n, step.bits);
      if (step.what == What::input) {
        std::copy_n(inputs[input].begin() + static_cast<std::ptrdiff_t>(begin), n, lanes[i].begin());
        ++input;
      } else if (step.what != What::constant) {
        run(step, lanes, lanes[i]);
      }
    }
    std::copy_n(lanes[index_of(output)].begin(), n, result.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  return result;
}

int Tape::instructions() const {
  int count = 0;
  for (const Step& step : steps_)
    count += (step.what == What::instruction && step.op != ScalarOp::bitcast) || step.what == What::scale;
  return count;
}

std::string Tape::listing() const {
  std::string text;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.what == What::constant || step.what == What::input) continue;
    text += "t" + std::to_string(i) + " = " + std::string(step.what == What::scale ? "scale" : name_of(step.op));
    for (const std::size_t arg : step.args) {
      const Step& s = steps_[arg];
      if (s.what != What::constant)
        text += " t" + std::to_string(arg);
      else if (s.type == DType::f32)
        text += " " + std::to_string(get<float>(s.bits));
      else if (s.type == DType::f64)
        text += " " + std::to_string(get<double>(s.bits));
      else
        text += " " + std::to_string(s.type == DType::i32 ? get<std::int32_t>(s.bits) : get<std::int64_t>(s.bits));
    }
    text += "\n";
  }
  return text;
}

}  // namespace bitale::tests
