// cuDNN's backend API: descriptors with attributes. The library is opened at run time; nothing of it is needed to
// build.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace bitale::cudnn {

#define BITALE_CUDNN_STATUS(name, nvidia, value) name = value,
enum class Status : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_KIND(name, nvidia, value) name = value,
enum class Kind : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_DATA_TYPE(name, nvidia, value) name = value,
enum class DataType : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_CONVOLUTION_MODE(name, nvidia, value) name = value,
enum class ConvolutionMode : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_HEURISTIC_MODE(name, nvidia, value) name = value,
enum class HeuristicMode : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_NUMERICAL_NOTE(name, nvidia, value) name = value,
enum class NumericalNote : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_BEHAVIOR_NOTE(name, nvidia, value) name = value,
enum class BehaviorNote : int {
#include "runtime/device/cudnn/values.def"
};
#define BITALE_CUDNN_KNOB(name, nvidia, value) name = value,
enum class Knob : int {
#include "runtime/device/cudnn/values.def"
};

// The names of values.def; "7" for a number that is not there.
std::string name_of(DataType);
std::string name_of(NumericalNote);
std::string name_of(BehaviorNote);
std::string name_of(Knob);

struct Functions;

class Library {
 public:
  static const Library& installed();  // cuDNN's, usable or not
  static const Library* find();       // null if it cannot be used
  static const Library& get();        // Error that says why not

  // The first library of these names.
  explicit Library(std::span<const char* const> names);

  // Why it cannot be used: where it was looked for, what it lacks, that it is too old. Empty if it can; only then it
  // has a version and functions.
  const std::string& why_not() const { return why_not_; }
  std::string version() const;  // "9.19.0"
  const std::string& path() const { return path_; }
  const Functions& functions() const { return *functions_; }

 private:
  std::string path_, why_not_;
  std::shared_ptr<const Functions> functions_;
};

// What cuDNN refused, in its words.
class Failure : public Error {
 public:
  Failure(const std::string& doing, int status);
  const int status;  // of cudnnStatus_t
  bool not_supported() const { return status / 1000 * 1000 == static_cast<int>(Status::not_supported); }
};
void check(int status, const std::string& doing);  // Failure unless success

class Descriptor;
struct HandleValue {
  void* value;
};

// An attribute whose elements are T.
template <class T>
struct Attribute {
  int number;
};
template <class T>
inline constexpr int type_number = -1;
#define BITALE_CUDNN_TYPE(type, nvidia, value) \
  template <>                                  \
  inline constexpr int type_number<type> = value;
#include "runtime/device/cudnn/values.def"

namespace attribute {
#define BITALE_CUDNN_ATTRIBUTE(name, nvidia, value, type) inline constexpr Attribute<type> name{value};
#include "runtime/device/cudnn/values.def"
}  // namespace attribute

// A handle: copies are the same descriptor. It keeps those alive that are its attributes, or that it was read from.
// Attributes are set first, then it is finalised, then they are read. What cuDNN refuses is a Failure.
class Descriptor {
 public:
  explicit Descriptor(Kind kind);

  template <class T>
  void set(Attribute<T> a, std::span<const T> values) {
    set(a.number, type_number<T>, values.size(), values.data());
  }
  template <class T>
  void set(Attribute<T> a, const std::vector<T>& values) {
    set(a, std::span<const T>(values));
  }
  template <class T>
  void set(Attribute<T> a, const T& value) {
    set(a, std::span<const T>(&value, 1));
  }
  void set(Attribute<Descriptor> a, const Descriptor& value);
  void finalize();

  template <class T>
  std::vector<T> get(Attribute<T> a) const {
    std::vector<T> values(count(a.number, type_number<T>));
    values.resize(get(a.number, type_number<T>, values.size(), values.data()));
    return values;
  }
  std::size_t count(Attribute<Descriptor> a) const { return count(a.number, type_number<Descriptor>); }
  // At most `room`, which are of this kind.
  std::vector<Descriptor> get(Attribute<Descriptor> a, Kind kind, std::size_t room) const;
  Descriptor get_one(Attribute<Descriptor> a, Kind kind) const;

  void* value() const { return state_->value; }

 private:
  struct State {
    explicit State(Kind k);
    State(const State&) = delete;
    ~State();
    const Kind kind;
    void* value = nullptr;
    std::vector<Descriptor> parts;
  };
  void set(int attribute, int type, std::size_t count, const void* values);
  std::size_t count(int attribute, int type) const;
  std::size_t get(int attribute, int type, std::size_t count, void* values) const;

  std::shared_ptr<State> state_;
};

}  // namespace bitale::cudnn
