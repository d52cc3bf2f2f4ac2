#include "tests/unit/compiler/kernel/tape.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bitale::tests {
namespace {

using kernel::ScalarOp;

constexpr std::size_t lanes = 1024;  // of a block: a count known to the compiler, so that it makes vector loops

// One value on all lanes of a block, as elements of its own type (bool: one byte).
struct Block {
  alignas(64) std::byte bytes[lanes * 8];

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes);
  }
};

using Args = std::vector<const Block*>;

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

// f is called with the first operand, or the first two; the result has its own type.
template <class T, class F>
void each(const Args& args, Block& out, F f) {
  const T* __restrict a = args[0]->as<T>();
  if constexpr (std::is_invocable_v<F, T>) {
    using R = decltype(f(*a));
    R* __restrict to = out.as<R>();
    for (std::size_t i = 0; i < lanes; ++i) to[i] = f(a[i]);
  } else {
    const T* __restrict b = args[1]->as<T>();
    using R = decltype(f(*a, *b));
    R* __restrict to = out.as<R>();
    for (std::size_t i = 0; i < lanes; ++i) to[i] = f(a[i], b[i]);
  }
}

#if defined(__x86_64__)
template <class T>
__attribute__((target("avx2,fma"))) void fast_fma(const T* a, const T* b, const T* c, T* __restrict to) {
  for (std::size_t i = 0; i < lanes; ++i)
    to[i] = std::is_same_v<T, float> ? __builtin_fmaf(a[i], b[i], c[i]) : __builtin_fma(a[i], b[i], c[i]);
}
bool has_fma() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
template <class T>
void fast_fma(const T*, const T*, const T*, T*) {}
bool has_fma() { return false; }
#endif

template <class T>
void fma(bool fuses, const Args& args, Block& out) {
  const T *a = args[0]->as<T>(), *b = args[1]->as<T>(), *c = args[2]->as<T>();
  T* to = out.as<T>();
  if (fuses && has_fma()) return fast_fma(a, b, c, to);
  for (std::size_t i = 0; i < lanes && fuses; ++i) to[i] = std::fma(a[i], b[i], c[i]);
  if (fuses) return;
  for (std::size_t i = 0; i < lanes; ++i) to[i] = a[i] * b[i];  // loops of their own: never fused
  for (std::size_t i = 0; i < lanes; ++i) to[i] += c[i];
}

template <class T>
void real(ScalarOp op, bool fuses, const Args& args, Block& out) {
  switch (op) {
    case ScalarOp::add:
      return each<T>(args, out, [](T a, T b) { return a + b; });
    case ScalarOp::sub:
      return each<T>(args, out, [](T a, T b) { return a - b; });
    case ScalarOp::mul:
      return each<T>(args, out, [](T a, T b) { return a * b; });
    case ScalarOp::div:
      return each<T>(args, out, [](T a, T b) { return a / b; });
    case ScalarOp::neg:
      return each<T>(args, out, [](T a) { return -a; });
    case ScalarOp::abs:
      return each<T>(args, out, [](T a) { return std::fabs(a); });
    case ScalarOp::sqrt:
      return each<T>(args, out, [](T a) { return std::sqrt(a); });
    case ScalarOp::floor:
      return each<T>(args, out, [](T a) { return std::floor(a); });
    case ScalarOp::fma:
      return fma<T>(fuses, args, out);
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " of floats");
  }
}

template <class T>
void compare(ScalarOp op, const Args& args, Block& out) {
  switch (op) {
    case ScalarOp::lt:
      return each<T>(args, out, [](T a, T b) { return a < b; });
    case ScalarOp::le:
      return each<T>(args, out, [](T a, T b) { return a <= b; });
    case ScalarOp::eq:
      return each<T>(args, out, [](T a, T b) { return a == b; });
    case ScalarOp::ne:
      return each<T>(args, out, [](T a, T b) { return a != b; });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " compares nothing");
  }
}

template <class U>
void integral(ScalarOp op, const Args& args, Block& out) {
  constexpr U mask = sizeof(U) * 8 - 1;
  switch (op) {
    case ScalarOp::add:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a + b); });
    case ScalarOp::sub:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a - b); });
    case ScalarOp::mul:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a * b); });
    case ScalarOp::bit_and:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a & b); });
    case ScalarOp::bit_or:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a | b); });
    case ScalarOp::bit_xor:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a ^ b); });
    case ScalarOp::shl:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a << (b & mask)); });
    case ScalarOp::shr:
      return each<U>(args, out, [](U a, U b) { return static_cast<U>(a >> (b & mask)); });
    default:
      throw InternalError("tape: " + std::string(name_of(op)) + " of integers");
  }
}

template <class U>
void select(const Args& args, Block& out) {
  const bool* condition = args[0]->as<bool>();
  const U *a = args[1]->as<U>(), *b = args[2]->as<U>();
  U* __restrict to = out.as<U>();
  for (std::size_t i = 0; i < lanes; ++i) to[i] = condition[i] ? a[i] : b[i];
}

void cast(DType to, DType from, const Args& args, Block& out) {
  if (to == DType::f64 && from == DType::f32)
    each<float>(args, out, [](float a) { return static_cast<double>(a); });
  else if (to == DType::f32 && from == DType::f64)
    each<double>(args, out, [](double a) { return static_cast<float>(a); });
  else
    throw InternalError("tape: this cast is slow on vector units");
}

void fill(Block& block, bool wide, const std::uint64_t* words, std::size_t n) {
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::uint64_t word = i < n ? words[i] : 0;
    if (wide)
      block.as<std::uint64_t>()[i] = word;
    else
      block.as<std::uint32_t>()[i] = static_cast<std::uint32_t>(word);
  }
}

bool is_wide(DType type) { return size_of(type) == 8; }

}  // namespace

Tape::Handle Tape::push(Step step) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const bool same =
        s.what == step.what && s.type == step.type && s.op == step.op && s.args == step.args && s.bits == step.bits;
    if (same && s.what != What::input) return handle_of(i);
  }
  steps_.push_back(std::move(step));
  return handle_of(steps_.size() - 1);
}

Tape::Handle Tape::constant(double value, DType type) {
  const std::uint64_t bits = type == DType::f32 ? put(static_cast<float>(value)) : put(value);
  return push({.what = What::constant, .type = type, .bits = bits});
}

Tape::Handle Tape::integer(std::int64_t value, DType type) {
  const std::uint64_t bits = type == DType::i32 ? put(static_cast<std::int32_t>(value)) : put(value);
  return push({.what = What::constant, .type = type, .bits = bits});
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

namespace {

// As AVX-512's scalef: NaN for an n that is NaN, and any finite n.
template <class T>
T scaled(T x, T n) {
  return std::isnan(n) ? n : std::scalbn(x, static_cast<int>(std::clamp(n, T{-10000}, T{10000})));
}

void run_scale(bool wide, const Args& args, Block& out) {
  if (wide) return each<double>(args, out, scaled<double>);
  each<float>(args, out, scaled<float>);
}

void run_instruction(ScalarOp op, DType result, DType operand, bool fuses, const Args& args, Block& out) {
  const bool wide = is_wide(operand);
  if (op == ScalarOp::bitcast) {
    out = *args[0];
  } else if (op == ScalarOp::select) {
    wide ? select<std::uint64_t>(args, out) : select<std::uint32_t>(args, out);
  } else if (op == ScalarOp::cast) {
    cast(result, operand, args, out);
  } else if (rule_of(op) == kernel::TypeRule::boolean) {
    if (is_floating(operand))
      wide ? compare<double>(op, args, out) : compare<float>(op, args, out);
    else
      wide ? compare<std::int64_t>(op, args, out) : compare<std::int32_t>(op, args, out);
  } else if (is_floating(operand)) {
    wide ? real<double>(op, fuses, args, out) : real<float>(op, fuses, args, out);
  } else {
    wide ? integral<std::uint64_t>(op, args, out) : integral<std::uint32_t>(op, args, out);
  }
}

}  // namespace

std::vector<std::uint64_t> Tape::run(const std::vector<std::vector<std::uint64_t>>& inputs, Handle output) const {
  std::vector<std::uint64_t> result(inputs[0].size());
  std::vector<Block> blocks(steps_.size());
  for (std::size_t i = 0; i < steps_.size(); ++i)
    if (steps_[i].what == What::constant)
      fill(blocks[i], is_wide(steps_[i].type), std::vector(lanes, steps_[i].bits).data(), lanes);

  for (std::size_t begin = 0; begin < result.size(); begin += lanes) {
    const std::size_t n = std::min(lanes, result.size() - begin);
    std::size_t input = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (step.what == What::constant) continue;
      if (step.what == What::input) {
        fill(blocks[i], is_wide(step.type), inputs[input++].data() + begin, n);
        continue;
      }
      Args args;
      for (const std::size_t arg : step.args) args.push_back(&blocks[arg]);
      const DType operand = steps_[step.args.back()].type;
      if (step.what == What::scale)
        run_scale(is_wide(operand), args, blocks[i]);
      else
        run_instruction(step.op, step.type, operand, traits_.fuses, args, blocks[i]);
    }
    const Block& out = blocks[index_of(output)];
    for (std::size_t i = 0; i < n; ++i)
      result[begin + i] = is_wide(type_of_step(output)) ? out.as<std::uint64_t>()[i] : out.as<std::uint32_t>()[i];
  }
  return result;
}

int Tape::instructions() const {
  int count = 0;
  for (const Step& step : steps_)
    count += (step.what == What::instruction && step.op != ScalarOp::bitcast) || step.what == What::scale;
  return count;
}

}  // namespace bitale::tests
