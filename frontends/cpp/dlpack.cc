#include <memory>
#include <optional>
#include <utility>

#include <bitale/dlpack.h>
#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/memory/view.h"

namespace bitale {

namespace {

constexpr int most_axes = 64;

dlpack::DataType code_of(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(dtype));
  const auto code = kind_of(dtype) == DTypeKind::boolean ? dlpack::TypeCode::boolean
                    : dtype == DType::bf16               ? dlpack::TypeCode::bfloat
                    : is_floating(dtype)                 ? dlpack::TypeCode::floating
                    : dtype == DType::u8                 ? dlpack::TypeCode::unsigned_integer
                                                         : dlpack::TypeCode::integer;
  return {code, bits, 1};
}

std::optional<DType> same_as(dlpack::DataType type) {
  for (int i = 0; i <= static_cast<int>(last_dtype); ++i) {
    const auto d = static_cast<DType>(i);
    if (const auto code = code_of(d); code.code == type.code && code.bits == type.bits && type.lanes == 1) return d;
  }
  return std::nullopt;
}

std::string text_of(dlpack::DataType type) {
  const auto name = [&]() -> std::string {
    switch (type.code) {
      case dlpack::TypeCode::integer:
        return "int";
      case dlpack::TypeCode::unsigned_integer:
        return "uint";
      case dlpack::TypeCode::floating:
        return "float";
      case dlpack::TypeCode::bfloat:
        return "bfloat";
      case dlpack::TypeCode::complex:
        return "complex";
      case dlpack::TypeCode::boolean:
        return "bool";
    }
    return fmt::format("type {} of bits ", static_cast<int>(type.code));
  };
  return name() + std::to_string(type.bits) + (type.lanes == 1 ? "" : fmt::format(" in {} lanes", type.lanes));
}

std::string text_of(dlpack::Device device) {
  if (device.type == dlpack::DeviceType::cuda) return to_string(DeviceId{DeviceId::Kind::cuda, device.id});
  return fmt::format("device type {}, number {}", static_cast<int>(device.type), device.id);
}

[[noreturn]] void refuse(const std::string& what) { throw Error("from_dlpack: " + what); }

// Everything is checked before it is believed.
ArrayView checked(const dlpack::Tensor& t, bool writable) {
  if (t.device.type != dlpack::DeviceType::cpu)
    refuse("the tensor lies on " + text_of(t.device) + "; only memory of the host (device type 1) can be shared");
  const std::optional<DType> dtype = same_as(t.dtype);
  if (!dtype)
    refuse("elements of " + text_of(t.dtype) +
           "; there are bool, int8, int16, int32, int64, uint8, float16, bfloat16, float32 and float64, in one lane");
  if (t.rank < 0 || t.rank > most_axes) refuse(fmt::format("a rank of {}; 0 to {} is possible", t.rank, most_axes));
  if (t.rank > 0 && !t.shape) refuse(fmt::format("a rank of {} without a shape", t.rank));
  ArrayView view{*dtype, nullptr, Extents(t.shape, t.shape + t.rank), {}, writable};
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(view.shape), static_cast<std::int64_t>(size_of(*dtype)), &bytes))
    refuse("shape " + shape_text(view.shape) + " has more bytes than 64 bits can count");
  view.strides = t.strides ? Extents(t.strides, t.strides + t.rank) : row_major_strides(view.shape);
  if (bytes > 0 && !t.data) refuse("a tensor of shape " + shape_text(view.shape) + " without data");
  if (t.data) view.data = static_cast<std::uint8_t*>(t.data) + t.byte_offset;
  return view;
}

template <class Managed>
Array shared_by(const std::shared_ptr<Managed>& owner, bool writable) {
  const ArrayView view = checked(owner->tensor, writable);
  if (!is_dense(view)) return copy_of(view);
  const std::size_t bytes = static_cast<std::size_t>(element_count(view.shape)) * size_of(view.dtype);
  return {view.dtype, view.shape, Storage::adopt(view.data, bytes, owner, writable)};
}

// From now on the deleter is called, once, whatever happens: making the pointer too.
template <class Managed>
std::shared_ptr<Managed> own(Managed* tensor) {
  if (!tensor) refuse("no tensor");
  return {tensor, [](Managed* t) {
            if (t->deleter) t->deleter(t);
          }};
}

// A tensor and what it points to.
template <class Managed>
struct Exported {
  Managed managed{};
  Array array;
  Extents shape, strides;
};

template <class Managed>
Managed* exported(const Array& array) {
  if (array.empty()) throw Error("to_dlpack: the Array holds nothing");
  auto e = std::make_unique<Exported<Managed>>();
  e->array = array;
  e->shape = array.shape();
  e->strides = row_major_strides(array.shape());
  e->managed.tensor = {const_cast<void*>(array.data()),
                       {dlpack::DeviceType::cpu, 0},
                       array.rank(),
                       code_of(array.dtype()),
                       e->shape.data(),
                       e->strides.data(),
                       0};
  e->managed.context = e.get();
  e->managed.deleter = [](Managed* t) { delete static_cast<Exported<Managed>*>(t->context); };
  return &e.release()->managed;
}

}  // namespace

Array from_dlpack(dlpack::ManagedTensor* tensor) { return shared_by(own(tensor), true); }

Array from_dlpack(dlpack::ManagedTensorVersioned* tensor) {
  const auto owner = own(tensor);
  if (tensor->version.major != dlpack::version.major)
    refuse(fmt::format("the tensor is of version {}.{} of DLPack; major version {} is known", tensor->version.major,
                       tensor->version.minor, dlpack::version.major));
  return shared_by(owner, (tensor->flags & dlpack::flag_read_only) == 0);
}

dlpack::ManagedTensor* to_dlpack(const Array& array) {
  if (!array.empty() && !array.storage()->writable())
    throw Error("to_dlpack: the Array is read-only, which this form cannot say; use to_dlpack_versioned");
  return exported<dlpack::ManagedTensor>(array);
}

dlpack::ManagedTensorVersioned* to_dlpack_versioned(const Array& array) {
  auto* managed = exported<dlpack::ManagedTensorVersioned>(array);
  managed->version = dlpack::version;
  managed->flags = array.storage()->writable() ? 0 : dlpack::flag_read_only;
  return managed;
}

}  // namespace bitale
