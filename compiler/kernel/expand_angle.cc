// Reduction of large angles modulo pi/2 (Payne and Hanek 1983): 2/pi in chunks of 24 bits, so short that their products
// with x are exact in float64. Each product is reduced modulo 4 and added, and the sum brought back to [-1/2, 1/2] at
// once; what the sums round off is added in the end.
#include <cmath>
#include <cstdint>
#include <vector>

#include "compiler/kernel/expand_parts.h"

namespace bitale::kernel::expansion {
namespace {

// 24 i + 1 to 24 i + 24 are the bits behind the binary point of 2/pi that are in word i.
constexpr std::uint32_t two_by_pi_words[] = {
    0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb,
    0xc561b7, 0x246e3a, 0x424dd2, 0xe00649, 0x2eea09, 0xd1921c, 0xfe1deb, 0x1cb129, 0xa73ee8, 0x8235f5,
    0x2ebb44, 0x84e99c, 0x7026b4, 0x5f7e41, 0x3991d6, 0x398353, 0x39f49c, 0x845f8b, 0xbdf928, 0x3b1ff8,
    0x97ffde, 0x05980f, 0xef2f11, 0x8b5a0a, 0x6d1f6d, 0x367ecf, 0x27cb09, 0xb74f46, 0x3f669e, 0x5fea2d,
    0x7527ba, 0xc7ebe5, 0xf17b3d, 0x0739f7, 0x8a5292, 0xea6bfb, 0x5fb11f, 0x8d5d08};
constexpr int words = 48;

// Of these, the ones that matter for one x: behind them is less than 2^-64 for float32 and 2^-113 for float64.
constexpr int needed = 8;

double chunk(int i, int scale) { return std::ldexp(two_by_pi_words[i], scale - 24 * (i + 1)); }

// A sum of products of a number >= 0 with chunks.
class Turns {
 public:
  explicit Turns(Expr zero) : n_(zero), fraction_(zero), lost_(zero) {}

  // An exact product, less multiples of 4.
  void add(Expr product) {
    const double magic = rounding_constant(DType::f64);
    const Expr rest = fma(floor(product * 0.25), -4, product);
    const Expr sum = fraction_ + rest, back = sum - fraction_;
    lost_ = lost_ + ((fraction_ - (sum - back)) + (rest - back));
    const Expr k = (sum + magic) - magic;
    fraction_ = sum - k;
    n_ = n_ + k;
  }

  // With the sign of x.
  Reduced reduced(Expr x) const {
    const Expr r = (fraction_ + lost_) * 1.5707963267948966, negative = less(x, x.constant(0));
    return {select(negative, -n_, n_), select(negative, -r, r)};
  }

 private:
  Expr n_, fraction_, lost_;
};

// The chunks from number `first` on, first = 0..40: shifted by 32, 16, 8... places where that bit of it is set.
std::vector<Expr> chunks_from(Expr first, int scale) {
  std::vector<Expr> list;
  const Expr like = from_bits(first);
  for (int i = 0; i < words; ++i) list.push_back(like.constant(chunk(i, scale)));
  for (int bit = 32; bit > 0; bit /= 2) {
    const Expr stays = equal(first & first.integer(bit), first.integer(0));
    const auto keep = static_cast<std::size_t>(needed + bit - 1);  // the smaller bits may still ask for these
    for (std::size_t i = 0; i < keep && i < list.size(); ++i)
      if (i + static_cast<std::size_t>(bit) < list.size())
        list[i] = select(stays, list[i], list[i + static_cast<std::size_t>(bit)]);
    if (keep < list.size()) list.resize(keep);
  }
  return list;
}

// x in two halves, scaled down so that the last chunks can be scaled up to normal numbers. Chunks whose products are
// multiples of 4 are left out: x is a multiple of 2^(exponent - 52).
Reduced reduce_wide(Expr x) {
  constexpr int scale = 200;
  const Expr a = abs(x), b = bits(a);
  const Expr high = from_bits(b & b.integer(~std::int64_t{0x7ffffff}));
  const Expr exponent = b >> 52;
  // (exponent - 1023 - 54) / 24, where it is not negative, by a product.
  const Expr from_here = at_least(from_bits(exponent | b.integer(0x4330000000000000)) - 0x1p52 - (1023 + 54), 0);
  const double magic = rounding_constant(x.type);
  const Expr first = bits(floor((from_here + 0.5) * (1.0 / 24)) + magic) & b.integer(63);
  const std::vector<Expr> chunks = chunks_from(first, scale);
  const Expr scaled_high = high * std::ldexp(1.0, -scale), scaled_low = (a - high) * std::ldexp(1.0, -scale);
  Turns turns(x.constant(0));
  for (int i = 0; i < needed; ++i) {
    turns.add(scaled_high * chunks[static_cast<std::size_t>(i)]);
    turns.add(scaled_low * chunks[static_cast<std::size_t>(i)]);
  }
  return turns.reduced(x);
}

}  // namespace

Reduced reduce_large_angle(Expr x) {
  if (x.wide()) return reduce_wide(x);
  const Expr wide = cast(x, DType::f64);
  Turns turns(wide.constant(0));
  for (int i = 0; i < needed; ++i) turns.add(abs(wide) * chunk(i, 0));
  const Reduced r = turns.reduced(wide);
  return {cast(r.n, x.type), cast(r.r, x.type)};
}

}  // namespace bitale::kernel::expansion
