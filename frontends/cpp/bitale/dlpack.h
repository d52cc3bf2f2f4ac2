// Arrays to and from other libraries of the process by DLPack (https://dmlc.github.io/dlpack): without copies, with
// shared ownership. Both forms of its exchange are known: the versioned one (major version 1) and the older one.
//
// The structs of DLPack's C interface are declared here under names of our own, so that this header and dlpack/dlpack.h
// can be included together in any order; they have the same layout, and a pointer to one is cast to the other:
//
//   Array a = from_dlpack(reinterpret_cast<dlpack::ManagedTensorVersioned*>(managed));
#pragma once

#include <cstdint>

#include "runtime/memory/array.h"

namespace bitale::dlpack {

struct Version {
  std::uint32_t major, minor;
};
inline constexpr Version version{1, 0};  // what is exported

enum class DeviceType : std::int32_t { cpu = 1, cuda = 2 };  // others have other numbers
struct Device {
  DeviceType type;
  std::int32_t id;
};

enum class TypeCode : std::uint8_t {
  integer = 0,
  unsigned_integer = 1,
  floating = 2,
  bfloat = 4,
  complex = 5,
  boolean = 6
};
struct DataType {
  TypeCode code;
  std::uint8_t bits;    // of one lane
  std::uint16_t lanes;  // 1, but for elements that are short vectors
};

struct Tensor {
  void* data;  // the first element lies byte_offset after it
  Device device;
  std::int32_t rank;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: dense and row-major
  std::uint64_t byte_offset;
};

struct ManagedTensor {
  Tensor tensor;
  void* context;                    // the producer's
  void (*deleter)(ManagedTensor*);  // called by the consumer when it is done; may be null
};

inline constexpr std::uint64_t flag_read_only = 1, flag_copied = 2;
struct ManagedTensorVersioned {
  Version version;
  void* context;
  void (*deleter)(ManagedTensorVersioned*);
  std::uint64_t flags;
  Tensor tensor;
};

static_assert(sizeof(void*) == 8 && sizeof(Tensor) == 48 && sizeof(ManagedTensor) == 64 &&
              sizeof(ManagedTensorVersioned) == 80);

}  // namespace bitale::dlpack

namespace bitale {

// A tensor of the host as an Array. The tensor is the Array's from now on, also if it is refused: its deleter is called
// once, when the last Array that shares the memory is gone, or before the Error leaves. A tensor that is not dense in
// row-major order, or whose elements are not aligned, is copied, and deleted at once. A read-only tensor gives an Array
// that is read-only (see Array). Errors, with what was given: another device, a dtype that Bitale has not, several
// lanes, another major version, a shape that cannot be.
Array from_dlpack(dlpack::ManagedTensor* tensor);
Array from_dlpack(dlpack::ManagedTensorVersioned* tensor);

// An Array as a tensor that shares its memory, which lives until the deleter is called and all Arrays are gone. Whoever
// gets it may write to it, unless the Array is read-only, which the older form cannot say: that is an Error, as is an
// Array that holds nothing.
dlpack::ManagedTensor* to_dlpack(const Array& array);
dlpack::ManagedTensorVersioned* to_dlpack_versioned(const Array& array);

}  // namespace bitale
