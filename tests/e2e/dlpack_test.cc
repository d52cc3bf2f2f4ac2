// Tensors from and for other libraries.
#include <bitale/bitale.h>
#include <bitale/dlpack.h>
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
static_assert(sizeof(DLTensor) == sizeof(bitale::dlpack::Tensor) &&
              sizeof(DLManagedTensor) == sizeof(bitale::dlpack::ManagedTensor));
#endif

#include <cstddef>
#include <utility>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;

// The layout that the specification gives, on machines of 64 bits.
static_assert(offsetof(dlpack::Tensor, device) == 8 && offsetof(dlpack::Tensor, rank) == 16 &&
              offsetof(dlpack::Tensor, dtype) == 20 && offsetof(dlpack::Tensor, shape) == 24 &&
              offsetof(dlpack::Tensor, strides) == 32 && offsetof(dlpack::Tensor, byte_offset) == 40);
static_assert(offsetof(dlpack::ManagedTensor, context) == 48 && offsetof(dlpack::ManagedTensor, deleter) == 56);
static_assert(offsetof(dlpack::ManagedTensorVersioned, context) == 8 &&
              offsetof(dlpack::ManagedTensorVersioned, deleter) == 16 &&
              offsetof(dlpack::ManagedTensorVersioned, flags) == 24 &&
              offsetof(dlpack::ManagedTensorVersioned, tensor) == 32);

namespace {

// A producer of tensors that counts how often their deleter is called.
template <class Managed>
struct Producer {
  std::vector<float> data{0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<std::int64_t> shape{2, 3}, strides{3, 1};
  int deleted = 0;
  Managed managed{};

  Producer() {
    managed.tensor = {data.data(),
                      {dlpack::DeviceType::cpu, 0},
                      2,
                      {dlpack::TypeCode::floating, 32, 1},
                      shape.data(),
                      strides.data(),
                      0};
    managed.context = this;
    managed.deleter = [](Managed* m) { ++static_cast<Producer*>(m->context)->deleted; };
    if constexpr (requires { managed.version; }) managed.version = {1, 1};
  }
  Producer(const Producer&) = delete;
  Array import() { return from_dlpack(&managed); }
};
using Old = Producer<dlpack::ManagedTensor>;
using New = Producer<dlpack::ManagedTensorVersioned>;

template <class P, class Spoil>
void refused(Spoil spoil, const std::string& message) {
  P p;
  spoil(p.managed);
  INFO(message);
  CHECK_THROWS_WITH(p.import(), contains(message));
  CHECK(p.deleted == 1);
}

}  // namespace

TEMPLATE_TEST_CASE("an imported tensor is shared, and deleted once with the last Array", "", Old, New) {
  TestType p;
  {
    Array a = p.import();
    CHECK(a.data() == p.data.data());
    CHECK(a.shape() == Extents{2, 3});
    const Array b = a;
    a.view<float>()[4] = 40;
    a = Array();
    CHECK(p.deleted == 0);
    CHECK(p.data[4] == 40);
    const Tensor x = input("x", float32, {2, 3});
    CHECK(function({x}, {sum(x)})(b)[0].at(0) == 51);
    CHECK(p.deleted == 0);
  }
  CHECK(p.deleted == 1);
}

TEST_CASE("offsets, missing strides, strides of single elements, scalars and empty tensors") {
  Old p;
  p.managed.tensor.byte_offset = 8;
  p.managed.tensor.strides = nullptr;
  CHECK(p.import().at(0) == 2);
  p.shape = {1, 3};
  p.strides = {100, 1};
  p.managed.tensor.strides = p.strides.data();
  CHECK(p.import().data() == p.data.data() + 2);
  p.managed.tensor.rank = 0;
  p.managed.tensor.shape = p.managed.tensor.strides = nullptr;
  CHECK(p.import().shape().empty());
  CHECK(p.deleted == 3);
  p.managed.tensor.rank = 2;
  p.shape = {0, 3};
  p.managed.tensor.shape = p.shape.data();
  p.managed.tensor.data = nullptr;
  p.managed.deleter = nullptr;  // nobody to tell
  CHECK(p.import().size() == 0);
}

TEST_CASE("what is not dense or not aligned is copied, and let go at once") {
  Old p;
  p.shape = {3, 2};
  p.strides = {1, 3};
  const Array turned = p.import();
  CHECK(p.deleted == 1);
  CHECK(turned.at(1) == 3);
  CHECK(turned.at(2) == 1);
  p.managed.tensor.byte_offset = 1;
  p.managed.tensor.strides = nullptr;
  p.import();
  CHECK(p.deleted == 2);
}

TEST_CASE("a read-only tensor is a read-only Array, and exported as one") {
  New p;
  p.managed.flags = dlpack::flag_read_only;
  Array a = p.import();
  CHECK_THROWS_WITH(a.view<float>(), contains("is read-only"));
  CHECK(std::as_const(a).view<float>()[1] == 1);
  CHECK_THROWS_WITH(to_dlpack(a), contains("read-only, which this form cannot say"));
  auto* again = to_dlpack_versioned(a);
  CHECK(again->flags == dlpack::flag_read_only);
  again->deleter(again);
  const Tensor x = input("x", float32, {2, 3});
  CHECK_THROWS_WITH(function({x}, {x * 2.0}).call_into({a}, {a}), contains("read-only memory"));
  a = Array();
  CHECK(p.deleted == 1);
}

TEST_CASE("an imported Array is not written over when it is donated: the producer may look at it") {
  New p;
  const Tensor x = input("x", float32, {2, 3});
  CHECK(function({x}, {x * 2.0})(donate(p.import()))[0].at(1) == 2);
  CHECK(p.data[1] == 1);
  CHECK(p.deleted == 1);
}

TEST_CASE("an exported Array lives until both sides are done") {
  Array a = Array::of<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  const std::weak_ptr<Storage> alive = a.storage();
  auto* older = to_dlpack(a);
  auto* newer = to_dlpack_versioned(a);
  CHECK(newer->version.major == 1);
  CHECK(newer->flags == 0);
  CHECK(newer->tensor.rank == 2);
  CHECK(newer->tensor.shape[1] == 3);
  CHECK(newer->tensor.strides[0] == 3);
  CHECK(newer->tensor.device.type == dlpack::DeviceType::cpu);
  a = Array();
  older->deleter(older);
  CHECK_FALSE(alive.expired());
  CHECK(static_cast<const float*>(newer->tensor.data)[5] == 6);
  newer->deleter(newer);
  CHECK(alive.expired());
}

TEST_CASE("every dtype goes out and comes back as it was") {
  for (const DType d : {boolean, int8, int16, int32, int64, uint8, float32, float64, float16, bfloat16}) {
    const Array a = function({}, {cast(reshape(arange(4, float32), {4, 1}), d)})()[0];
    CHECK(from_dlpack(to_dlpack(a)).same_bits(a));
    const Array b = from_dlpack(to_dlpack_versioned(a));
    CHECK(b.same_bits(a));
    CHECK(std::as_const(b).data() == std::as_const(a).data());
  }
  CHECK_THROWS_WITH(to_dlpack(Array()), contains("to_dlpack: the Array holds nothing"));
  CHECK_THROWS_WITH(to_dlpack_versioned(Array()), contains("holds nothing"));
}

TEST_CASE("what cannot be imported is refused by name, and deleted once") {
  refused<Old>([](auto& m) { m.tensor.device = {dlpack::DeviceType::cuda, 1}; },
               "lies on cuda:1; only memory of the host");
  refused<Old>([](auto& m) { m.tensor.device.type = dlpack::DeviceType{10}; }, "device type 10, number 0");
  refused<New>([](auto& m) { m.tensor.dtype = {dlpack::TypeCode::floating, 8, 1}; },
               "elements of float8; there are bool");
  refused<Old>([](auto& m) { m.tensor.dtype = {dlpack::TypeCode::bfloat, 8, 1}; }, "elements of bfloat8");
  refused<Old>([](auto& m) { m.tensor.dtype = {dlpack::TypeCode::unsigned_integer, 32, 1}; }, "elements of uint32");
  refused<Old>([](auto& m) { m.tensor.dtype = {dlpack::TypeCode::complex, 64, 1}; }, "elements of complex64");
  refused<Old>([](auto& m) { m.tensor.dtype.lanes = 4; }, "elements of float32 in 4 lanes");
  refused<Old>([](auto& m) { m.tensor.dtype.code = dlpack::TypeCode{9}; }, "elements of type 9 of bits 32");
  refused<Old>([](auto& m) { m.tensor.rank = -1; }, "a rank of -1");
  refused<Old>([](auto& m) { m.tensor.rank = 1000; }, "a rank of 1000; 0 to 64");
  refused<Old>([](auto& m) { m.tensor.shape = nullptr; }, "a rank of 2 without a shape");
  refused<Old>([](auto& m) { m.tensor.data = nullptr; }, "a tensor of shape [2, 3] without data");
  refused<Old>([](auto& m) { m.tensor.shape[0] = -2; }, "[-2, 3] has a negative extent");
  refused<Old>([](auto& m) { m.tensor.shape[0] = std::int64_t{1} << 60; }, "more bytes than 64 bits can count");
  refused<Old>([](auto& m) { m.tensor.shape[0] = std::int64_t{1} << 62; }, "more elements than 64 bits can count");
  refused<New>([](auto& m) { m.version = {2, 0}; }, "of version 2.0 of DLPack; major version 1 is known");
  CHECK_THROWS_WITH(from_dlpack(static_cast<dlpack::ManagedTensor*>(nullptr)), contains("no tensor"));
}
