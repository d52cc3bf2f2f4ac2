#include "runtime/memory/array.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::tests;

TEST_CASE("shapes are counted, and absurd ones refused") {
  REQUIRE(element_count(Extents{}) == 1);
  REQUIRE(element_count(Extents{2, 3}) == 6);
  REQUIRE(element_count(Extents{std::int64_t{1} << 62, 8, 0}) == 0);
  REQUIRE_THROWS_WITH(element_count(Extents{2, -1}), contains("[2, -1] has a negative extent"));
  REQUIRE_THROWS_WITH(element_count(Extents{std::int64_t{1} << 62, 8}), contains("more elements than"));
  REQUIRE_THROWS_WITH(Array(DType::f64, {std::int64_t{1} << 61}), contains("more bytes than"));
  REQUIRE_THROWS_WITH(Array(DType::f32, {std::int64_t{1} << 58}), contains("cannot allocate"));
  REQUIRE(shape_text(Extents{2, 3}) == "[2, 3]");
}

TEST_CASE("storage is aligned to 64 bytes and padded") {
  for (const std::size_t bytes : {0, 1, 63, 64, 1000}) {
    const auto s = Storage::allocate(bytes);
    REQUIRE(s->size() == bytes);
    REQUIRE(reinterpret_cast<std::uintptr_t>(s->data()) % 64 == 0);
    std::memset(s->data(), 1, bytes + 64);
  }
}

TEST_CASE("guarded storage ends at a page and is full of NaN") {
  const bool saved = flags().guard;
  flags().guard = true;
  const Array a(DType::f32, {1001});
  const Array nothing(DType::f32, {0});
  flags().guard = saved;
  REQUIRE((reinterpret_cast<std::uintptr_t>(a.data()) + a.bytes()) % 4096 == 0);
  for (std::int64_t i = 0; i < a.size(); ++i) REQUIRE(std::isnan(a.at(i)));
  REQUIRE(nothing.data() != nullptr);
}

TEST_CASE("elements, views and scalars") {
  const Array a = array<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  REQUIRE(a.rank() == 2);
  REQUIRE(a.size() == 6);
  REQUIRE(a.bytes() == 24);
  REQUIRE(a.at(5) == 6);
  REQUIRE_THROWS_WITH(a.at(6), contains("element 6 of an array of 6"));
  REQUIRE_THROWS_WITH(a.view<double>(), contains("dtype float32 viewed as float64"));
  REQUIRE_THROWS_WITH(Array().view<float>(), contains("holds nothing"));
  REQUIRE(Array::scalar<std::int64_t>(7).at(0) == 7);
  REQUIRE(Array::scalar(7.0).rank() == 0);
  REQUIRE_THROWS_WITH(array<float>({1, 2}, {3}), contains("from 2 values"));
}

TEST_CASE("copies share and clones do not") {
  Array a = array<int>({1, 2}, {2});
  const Array b = a, c = a.clone();
  a.view<int>()[0] = 9;
  REQUIRE(b.at(0) == 9);
  REQUIRE(c.at(0) == 1);
  REQUIRE(a.same_bits(b));
  REQUIRE_FALSE(a.same_bits(c));
  REQUIRE_FALSE(a.same_bits(Array()));
  REQUIRE(Array().same_bits(Array()));
  REQUIRE(a.reshaped({1, 2}).storage() == a.storage());
  REQUIRE_FALSE(a.same_bits(a.reshaped({1, 2})));
  REQUIRE_THROWS_WITH(a.reshaped({3}), contains("[2] cannot be reshaped to [3]"));
  REQUIRE_THROWS_WITH(Array(DType::f32, {3}, a.storage()), contains("does not fit into 8 bytes"));
}

TEST_CASE("casts truncate, saturate and wrap") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const Array f = array<float>({1.9f, -1.9f, 300, -300, nan, inf, -inf, 0}, {8});
  REQUIRE(values<std::int8_t>(f.cast(DType::i8)) == std::vector<std::int8_t>{1, -1, 127, -128, 0, 127, -128, 0});
  REQUIRE(f.cast(DType::i64).view<std::int64_t>()[5] == std::numeric_limits<std::int64_t>::max());
  REQUIRE(f.cast(DType::bool_).at(4) == 1);
  REQUIRE(f.cast(DType::bool_).at(7) == 0);
  REQUIRE(values<std::uint8_t>(array<int>({256, -1}, {2}).cast(DType::u8)) == std::vector<std::uint8_t>{0, 255});
  REQUIRE(f.cast(DType::f32).storage() != f.storage());
}

TEST_CASE("16-bit floats are cast by way of float32, looked at and printed") {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Array a = array<float>({1, -2.5f, 0.1f, 1e30f, 3}, {5}).cast(dtype);
    REQUIRE(a.bytes() == 10);
    REQUIRE(a.at(1) == -2.5);
    REQUIRE(a.at(2) == Approx(0.1).epsilon(epsilon_of(dtype)));
    REQUIRE(std::isinf(a.at(3)) == (dtype == DType::f16));
    REQUIRE(a.cast(DType::f32).cast(dtype).same_bits(a));
    REQUIRE(a.cast(DType::f64).at(2) == a.at(2));
    REQUIRE(a.cast(DType::i32).at(4) == 3);
    REQUIRE(array<int>({7, -1}, {2}).cast(dtype).at(0) == 7);
    REQUIRE_THROWS_WITH(a.view<float>(), contains("viewed as float32"));
  }
  REQUIRE(to_string(array<float>({1, 0.1f}, {2}).cast(DType::f16)) == "float16 [2] {1, 0.099975586}");
  REQUIRE(to_string(array<float>({1, 0.1f}, {2}).cast(DType::bf16)) == "bfloat16 [2] {1, 0.100097656}");
  REQUIRE(array<float>({0.5f}, {1}).cast(DType::f16).cast(DType::bf16).at(0) == 0.5);
}

TEST_CASE("arrays print themselves, long ones shortened") {
  REQUIRE(to_string(array<float>({1, 2.5}, {2})) == "float32 [2] {1, 2.5}");
  REQUIRE(to_string(Array()) == "no array");
  REQUIRE(to_string(Array::zeros(DType::bool_, {1})) == "bool [1] {false}");
  REQUIRE(to_string(Array::zeros(DType::i8, {100})) == "int8 [100] {0, 0, 0, 0, 0, 0, ..., 0, 0, 0, 0, 0, 0}");
  REQUIRE(to_string(DeviceId{}) == "cpu");
  REQUIRE(to_string(DeviceId{DeviceId::Kind::cuda, 1}) == "cuda:1");
}
