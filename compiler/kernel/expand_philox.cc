// Philox 4x32-10 on int64 lanes that hold 32-bit words; see philox.h for the generator.
#include "compiler/kernel/expand_parts.h"
#include "compiler/kernel/philox.h"

namespace bitale::kernel::expansion {
namespace {

Expr low_word(Expr v) { return v & v.integer(0xffffffff); }
Expr high_word(Expr v) { return v >> 32; }

}  // namespace

// Words stay clean (upper half 0) where they are multiplied; the products of clean words are exact.
Expr philox(Expr key, Expr counter, Expr index) {
  Expr c0 = low_word(index), c1 = high_word(index), c2 = low_word(counter), c3 = high_word(counter);
  Expr k0 = low_word(key), k1 = high_word(key);
  for (int round = 0; round < philox_rounds; ++round) {
    const Expr p0 = c0 * c0.integer(philox_multipliers[0]);
    const Expr p1 = c2 * c2.integer(philox_multipliers[1]);
    c0 = high_word(p1) ^ c1 ^ k0;
    c2 = high_word(p0) ^ c3 ^ k1;
    c1 = low_word(p1);
    c3 = low_word(p0);
    k0 = low_word(k0 + k0.integer(philox_key_steps[0]));
    k1 = low_word(k1 + k1.integer(philox_key_steps[1]));
  }
  return c0 | (c1 << 32);
}

}  // namespace bitale::kernel::expansion
