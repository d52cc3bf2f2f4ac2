#include "runtime/device/cudnn/backend.h"

#include <algorithm>

#include <dlfcn.h>

#include "runtime/device/cuda_libraries.h"
#include "runtime/device/cudnn/functions.h"

namespace bitale::cudnn {
namespace {

constexpr std::size_t least_version = 90800;  // the first that can be asked about a GPU that is not there

constexpr const char* help =
    "; it is in PyPI's nvidia-cudnn-cu13 and nvidia-cudnn-cu12 and on NVIDIA's pages. Folders to look in first: "
    "BITALE_CUDA";

std::string text_of(std::size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

struct Named {
  int value;
  const char* name;
};
std::string find_name(std::span<const Named> names, int value) {
  for (const Named& n : names)
    if (n.value == value) return n.name;
  return std::to_string(value);
}

constexpr Named kinds[] = {
#define BITALE_CUDNN_KIND(name, nvidia, value) {value, #name},
#include "runtime/device/cudnn/values.def"
};
constexpr Named attributes[] = {
#define BITALE_CUDNN_ATTRIBUTE(name, nvidia, value, type) {value, #nvidia},
#include "runtime/device/cudnn/values.def"
};

std::string text_of(Kind kind) { return "the descriptor '" + find_name(kinds, static_cast<int>(kind)) + "'"; }
std::string text_of(int attribute, Kind kind) { return find_name(attributes, attribute) + " of " + text_of(kind); }

const Functions& functions() { return Library::get().functions(); }

}  // namespace

std::string name_of(DataType type) {
  constexpr Named names[] = {
#define BITALE_CUDNN_DATA_TYPE(name, nvidia, value) {value, #name},
#include "runtime/device/cudnn/values.def"
  };
  return find_name(names, static_cast<int>(type));
}
std::string name_of(NumericalNote note) {
  constexpr Named names[] = {
#define BITALE_CUDNN_NUMERICAL_NOTE(name, nvidia, value) {value, #name},
#include "runtime/device/cudnn/values.def"
  };
  return find_name(names, static_cast<int>(note));
}
std::string name_of(BehaviorNote note) {
  constexpr Named names[] = {
#define BITALE_CUDNN_BEHAVIOR_NOTE(name, nvidia, value) {value, #name},
#include "runtime/device/cudnn/values.def"
  };
  return find_name(names, static_cast<int>(note));
}
std::string name_of(Knob knob) {
  constexpr Named names[] = {
#define BITALE_CUDNN_KNOB(name, nvidia, value) {value, #name},
#include "runtime/device/cudnn/values.def"
  };
  return find_name(names, static_cast<int>(knob));
}

// ---- the library ----

Library::Library(std::span<const char* const> names) {
  const CudaLibrary library = open_cuda_library(names);
  if (!library.handle) {
    why_not_ = "cuDNN is not there: looked for " + list_of(library.searched) + help;
    return;
  }
  path_ = library.path;
  auto found = std::make_shared<Functions>();
  std::string lacking;
#define BITALE_CUDNN_LOAD(result, name, arguments)                                   \
  found->name = reinterpret_cast<result(*) arguments>(dlsym(library.handle, #name)); \
  if (!found->name) lacking += (lacking.empty() ? "" : ", ") + std::string(#name);
  BITALE_CUDNN_FUNCTIONS(BITALE_CUDNN_LOAD)
#undef BITALE_CUDNN_LOAD
  const std::size_t version = found->cudnnGetVersion ? found->cudnnGetVersion() : 0;
  if (!lacking.empty())
    why_not_ = "cuDNN, " + path_ + ", lacks " + lacking;
  else if (version < least_version)
    why_not_ =
        "cuDNN, " + path_ + ", is version " + text_of(version) + "; " + text_of(least_version) + " or later is needed";
  else
    functions_ = std::move(found);
}

const Library& Library::installed() {
  static constexpr const char* names[] = {"libcudnn.so.9", "libcudnn_graph.so.9"};
  static const Library library(names);
  return library;
}

const Library* Library::find() { return installed().functions_ ? &installed() : nullptr; }

const Library& Library::get() {
  if (const Library* found = find()) return *found;
  throw Error(installed().why_not());
}

std::string Library::version() const { return text_of(functions_->cudnnGetVersion()); }

// ---- failures ----

namespace {

// Why the latest call of this thread failed: the condition that did not hold, in cuDNN's words.
std::string said(int status) {
  std::array<char, 2048> text{};
  functions().cudnnGetLastErrorString(text.data(), text.size());
  std::string why = text.data();
  while (!why.empty() && (why.back() == '\n' || why.back() == ' ')) why.pop_back();
  return std::string(functions().cudnnGetErrorString(status)) + (why.empty() ? "" : " (" + why + ")");
}

}  // namespace

Failure::Failure(const std::string& doing, int s) : Error("cuDNN: " + doing + ": " + said(s)), status(s) {}

void check(int status, const std::string& doing) {
  if (status != static_cast<int>(Status::success)) throw Failure(doing, status);
}

// ---- descriptors ----

Descriptor::State::State(Kind k) : kind(k) {
  check(functions().cudnnBackendCreateDescriptor(static_cast<int>(k), &value), "making " + text_of(k));
}
Descriptor::State::~State() { functions().cudnnBackendDestroyDescriptor(value); }

Descriptor::Descriptor(Kind kind) : state_(std::make_shared<State>(kind)) {}

void Descriptor::set(int attribute, int type, std::size_t count, const void* values) {
  check(functions().cudnnBackendSetAttribute(state_->value, attribute, type, static_cast<std::int64_t>(count), values),
        "setting " + text_of(attribute, state_->kind));
}

void Descriptor::set(Attribute<Descriptor> a, const Descriptor& value) {
  state_->parts.push_back(value);
  set(a.number, type_number<Descriptor>, 1, &value.state_->value);
}

void Descriptor::finalize() {
  check(functions().cudnnBackendFinalize(state_->value), "finalising " + text_of(state_->kind));
}

std::size_t Descriptor::count(int attribute, int type) const { return get(attribute, type, 0, nullptr); }

std::size_t Descriptor::get(int attribute, int type, std::size_t count, void* values) const {
  std::int64_t there = 0;
  check(functions().cudnnBackendGetAttribute(state_->value, attribute, type, static_cast<std::int64_t>(count), &there,
                                             values),
        "reading " + text_of(attribute, state_->kind));
  return static_cast<std::size_t>(there);
}

// The caller makes the descriptors, cuDNN makes them what they are.
std::vector<Descriptor> Descriptor::get(Attribute<Descriptor> a, Kind kind, std::size_t room) const {
  std::vector<Descriptor> made;
  std::vector<void*> values;
  for (std::size_t i = 0; i < room; ++i) {
    values.push_back(made.emplace_back(kind).value());
    made.back().state_->parts.push_back(*this);
  }
  const std::size_t there = room > 0 ? get(a.number, type_number<Descriptor>, room, values.data()) : 0;
  made.erase(made.begin() + static_cast<std::ptrdiff_t>(std::min(there, room)), made.end());
  return made;
}

Descriptor Descriptor::get_one(Attribute<Descriptor> a, Kind kind) const {
  std::vector<Descriptor> one = get(a, kind, 1);
  BITALE_ASSERT(one.size() == 1, "cuDNN has no " + text_of(a.number, state_->kind));
  return one[0];
}

}  // namespace bitale::cudnn
