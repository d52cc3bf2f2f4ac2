// A stand-in for NVIDIA's cuDNN beside that for its driver library (cuda_stub.cc), for tests of what runs convolutions:
// every plan that is run is recorded there, and convolutions are computed by plain loops, when they are asked for or
// when the graph is launched that they were captured for. Attributes have to be of their type, descriptors finalised
// before they are used, and memory as large as the operands say.
//
// It proposes two engines, the first of which uses tensor cores and rounds its operands, and the same as fallbacks.
// Each takes 1 ms, as the driver's events see it. CUDNN_STUB_VERSION: what it says its version is. CUDNN_STUB_ENGINES:
// "6:0.5:4096,8:fails:0", more engines behind the two: number, ms or that it fails when it is run, bytes of workspace.
// CUDNN_STUB_COMPUTE=0: convolutions are only recorded.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <dlfcn.h>

#include "runtime/device/cudnn/backend.h"
#include "tests/cuda_stub/cuda_stub.h"
#include "tests/cuda_stub/sixteen_bits.h"

using namespace bitale::cudnn;

namespace {

constexpr int bad_param = 2000;
std::string last_error;

int refuse(const std::string& why) {
  last_error = why;
  return bad_param;
}

template <class F>
F* of_driver(const char* name) {
  static void* const driver = dlopen(BITALE_CUDA_STUB "/libcuda.so.1", RTLD_NOW);
  return reinterpret_cast<F*>(dlsym(driver, name));
}
std::string memory(const void* address) { return of_driver<CudaStubMemory>("cuda_stub_memory")(address); }
std::size_t bytes_at(const void* address) { return of_driver<CudaStubBytes>("cuda_stub_bytes")(address); }

struct Handle {
  void* stream = nullptr;
};

struct Values {
  int type = -1;
  std::int64_t count = 0;
  std::vector<std::uint8_t> bytes;
};
struct Described {
  Kind kind;
  bool finalised = false;
  std::map<int, Values> values;

  template <class T>
  std::vector<T> all(Attribute<T> a) const {
    const auto found = values.find(a.number);
    if (found == values.end()) return {};
    std::vector<T> out(static_cast<std::size_t>(found->second.count));
    std::memcpy(out.data(), found->second.bytes.data(), out.size() * sizeof(T));
    return out;
  }
  const Described* part(Attribute<Descriptor> a) const {
    const auto found = values.find(a.number);
    void* part = nullptr;
    if (found != values.end()) std::memcpy(&part, found->second.bytes.data(), sizeof part);
    return static_cast<const Described*>(part);
  }
  template <class T>
  void put(Attribute<T> a, int type, const std::vector<T>& v) {
    Values& to = values[a.number];
    to = {type, static_cast<std::int64_t>(v.size()), std::vector<std::uint8_t>(v.size() * sizeof(T))};
    std::memcpy(to.bytes.data(), v.data(), to.bytes.size());
  }
  void put(Attribute<Descriptor> a, const void* part) {
    Values& to = values[a.number];
    to = {type_number<Descriptor>, 1, std::vector<std::uint8_t>(sizeof part)};
    std::memcpy(to.bytes.data(), &part, sizeof part);
  }
};

std::size_t size_of_type(int type) {
  switch (type) {
    case type_number<char>:
      return 1;
    case type_number<HandleValue>:
    case type_number<std::int64_t>:
    case type_number<double>:
    case type_number<void*>:
    case type_number<Descriptor>:
      return 8;
    default:
      return 4;  // enumerations, float
  }
}

// Scales may also be double.
bool may_be(int attribute, int type) {
#define BITALE_CUDNN_ATTRIBUTE(name, nvidia, value, T) \
  if (attribute == value)                              \
    return type == type_number<T> || (type_number<T> == type_number<float> && type == type_number<double>);
#include "runtime/device/cudnn/values.def"
  return false;
}

// ---- what is computed ----

struct Operand {
  std::vector<std::int64_t> extents, strides;
  std::int64_t name, alignment;

  explicit Operand(const Described& d)
      : extents(d.all(attribute::tensor_extents)),
        strides(d.all(attribute::tensor_strides)),
        name(d.all(attribute::tensor_name).at(0)),
        alignment(d.all(attribute::tensor_alignment).at(0)) {}
  std::size_t elements() const {  // from the first to the last
    std::int64_t last = 0;
    for (std::size_t i = 0; i < extents.size(); ++i) last += (extents[i] - 1) * strides[i];
    return static_cast<std::size_t>(last + 1);
  }
  bool is_channels_last() const { return strides[1] < strides[3]; }
  std::int64_t at(std::int64_t a, std::int64_t b, std::int64_t y, std::int64_t x) const {
    return a * strides[0] + b * strides[1] + y * strides[2] + x * strides[3];
  }
};

// To 10 bits of mantissa, the nearest; doubles stay.
float rounded_to_tf32(float x) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x1000U) & ~0x1fffU); }
double rounded_to_tf32(double x) { return x; }

struct Convolution {
  Kind form;
  DataType type;
  Operand image, filters, result;
  std::vector<std::int64_t> before, after, stride, dilation;
  bool flipped;

  static Convolution of(const Described& operation) {
    using namespace attribute;
    const auto part = [&](Attribute<Descriptor> f, Attribute<Descriptor> d, Attribute<Descriptor> w) {
      return operation.part(operation.kind == Kind::forward ? f : operation.kind == Kind::backward_data ? d : w);
    };
    const Described& image = *part(forward_image, data_image, filters_image);
    const Described& windows = *part(forward_convolution, data_convolution, filters_convolution);
    return {operation.kind,
            image.all(tensor_type).at(0),
            Operand(image),
            Operand(*part(forward_filters, data_filters, filters_filters)),
            Operand(*part(forward_result, data_result, filters_result)),
            windows.all(convolution_before),
            windows.all(convolution_after),
            windows.all(convolution_strides),
            windows.all(convolution_dilations),
            windows.all(convolution_mode).at(0) == ConvolutionMode::flipped};
  }

  const Operand& computed() const {
    return form == Kind::forward ? result : form == Kind::backward_data ? image : filters;
  }

  // Whether the result has as many positions as there are windows.
  bool fits() const {
    for (std::size_t k = 0; k < stride.size(); ++k) {
      const std::int64_t room =
          image.extents[2 + k] + before[k] + after[k] - (filters.extents[2 + k] - 1) * dilation[k];
      if (room < 1 || (room - 1) / stride[k] + 1 != result.extents[2 + k]) return false;
    }
    return true;
  }

  template <class T>
  void compute(T* x, T* w, T* y, bool rounded) const {
    const auto value = [&](T v) { return rounded ? rounded_to_tf32(v) : v; };
    T* const to = form == Kind::forward ? y : form == Kind::backward_data ? x : w;
    std::memset(to, 0, computed().elements() * sizeof(T));
    const std::int64_t channels = filters.extents[1], groups = image.extents[1] / channels,
                       group_filters = filters.extents[0] / groups, height = filters.extents[2],
                       width = filters.extents[3];
    for (std::int64_t i = 0; i < result.extents[0] * result.extents[1]; ++i)
      for (std::int64_t j = 0; j < result.extents[2] * result.extents[3]; ++j)
        for (std::int64_t k = 0; k < channels * height * width; ++k) {
          const std::int64_t n = i / result.extents[1], f = i % result.extents[1], p = j / result.extents[3],
                             q = j % result.extents[3], c = k / (height * width), r = k / width % height, s = k % width;
          const std::int64_t v = p * stride[0] + r * dilation[0] - before[0],
                             u = q * stride[1] + s * dilation[1] - before[1];
          if (v < 0 || u < 0 || v >= image.extents[2] || u >= image.extents[3]) continue;
          T& xi = x[image.at(n, f / group_filters * channels + c, v, u)];
          T& wi = w[filters.at(f, c, flipped ? height - 1 - r : r, flipped ? width - 1 - s : s)];
          T& yi = y[result.at(n, f, p, q)];
          if (form == Kind::forward)
            yi += value(xi) * value(wi);
          else if (form == Kind::backward_data)
            xi += value(yi) * value(wi);
          else
            wi += value(xi) * value(yi);
        }
  }

  // Sums in float32, which are rounded once.
  void compute_in_16_bits(void* const (&of)[3]) const {
    const bool bfloat = type == DataType::bf16;
    const Operand* const operands[] = {&image, &filters, &result};
    std::vector<float> wide[3];
    for (int i = 0; i < 3; ++i) {
      wide[i].resize(operands[i]->elements());
      const auto* const given = static_cast<const std::uint16_t*>(of[i]);
      if (operands[i] != &computed())
        std::transform(given, given + wide[i].size(), wide[i].begin(),
                       [=](std::uint16_t bits) { return static_cast<float>(widened(bits, bfloat)); });
    }
    compute(wide[0].data(), wide[1].data(), wide[2].data(), false);
    for (int i = 0; i < 3; ++i)
      if (operands[i] == &computed())
        std::transform(wide[i].begin(), wide[i].end(), static_cast<std::uint16_t*>(of[i]),
                       [=](float x) { return narrowed(x, bfloat); });
  }
};

std::size_t size_of_element(DataType type) {
  return type == DataType::f64 ? 8 : type == DataType::f16 || type == DataType::bf16 ? 2 : 4;
}
std::string to_text(DataType type) {
  return type == DataType::f64 ? "f64" : type == DataType::f16 ? "f16" : type == DataType::bf16 ? "bf16" : "f32";
}

std::string to_text(Kind form) {
  return form == Kind::forward ? "forward" : form == Kind::backward_data ? "backward-data" : "backward-filters";
}
std::string to_text(const std::vector<std::int64_t>& extents) {
  std::string text;
  for (const std::int64_t e : extents) text += (text.empty() ? "" : "x") + std::to_string(e);
  return text;
}

bool computes() {
  const char* const setting = std::getenv("CUDNN_STUB_COMPUTE");
  return !setting || setting != std::string("0");
}

// ---- engines ----

struct Engine {
  std::int64_t number;
  bool tensor_core;
  double ms;  // negative: it fails
  std::int64_t workspace;
};

std::vector<Engine> engines() {
  std::vector<Engine> all{{7, true, 1, 0}, {5, false, 1, 1000}};
  const char* const more = std::getenv("CUDNN_STUB_ENGINES");
  std::istringstream text(more ? more : "");
  std::string number, ms, workspace;
  while (std::getline(text, number, ':') && std::getline(text, ms, ':') && std::getline(text, workspace, ','))
    all.push_back({std::stoll(number), false, ms == "fails" ? -1 : std::stod(ms), std::stoll(workspace)});
  return all;
}

Engine engine_of(const Described& plan) {
  const std::int64_t number =
      plan.part(attribute::plan_config)->part(attribute::config_engine)->all(attribute::engine_number).at(0);
  for (const Engine& e : engines())
    if (e.number == number) return e;
  std::abort();
}

}  // namespace

extern "C" {

std::size_t cudnnGetVersion() {
  const char* version = std::getenv("CUDNN_STUB_VERSION");
  return version ? static_cast<std::size_t>(std::atoi(version)) : 91900;
}
const char* cudnnGetErrorString(int status) {
  return status == bad_param ? "CUDNN_STATUS_BAD_PARAM" : "CUDNN_STATUS_OF_THE_STAND_IN";
}
void cudnnGetLastErrorString(char* text, std::size_t size) { std::snprintf(text, size, "%s", last_error.c_str()); }

int cudnnCreate(void** handle) {
  *handle = new Handle;
  return 0;
}
int cudnnDestroy(void* handle) {
  delete static_cast<Handle*>(handle);
  return 0;
}
int cudnnSetStream(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return 0;
}

int cudnnBackendCreateDescriptor(int kind, void** descriptor) {
  *descriptor = new Described{static_cast<Kind>(kind), false, {}};
  return 0;
}
int cudnnBackendDestroyDescriptor(void* descriptor) {
  delete static_cast<Described*>(descriptor);
  return 0;
}
int cudnnBackendSetAttribute(void* descriptor, int attribute, int type, std::int64_t count, const void* values) {
  auto& d = *static_cast<Described*>(descriptor);
  if (d.finalised) return refuse("it is finalised");
  if (!may_be(attribute, type)) return refuse("attribute " + std::to_string(attribute) + " has another type");
  const auto* bytes = static_cast<const std::uint8_t*>(values);
  if (type == type_number<Descriptor> && !(*static_cast<Described* const*>(values))->finalised)
    return refuse("a part is not finalised");
  d.values[attribute] = {type, count, {bytes, bytes + static_cast<std::size_t>(count) * size_of_type(type)}};
  return 0;
}

int cudnnBackendFinalize(void* descriptor) {
  auto& d = *static_cast<Described*>(descriptor);
  if (d.finalised) return refuse("it is finalised");
  if (d.kind == Kind::tensor)
    for (const std::int64_t e : d.all(attribute::tensor_extents))
      if (e <= 0) return refuse("an extent is not positive");
  if (d.kind == Kind::forward || d.kind == Kind::backward_data || d.kind == Kind::backward_filters)
    if (!Convolution::of(d).fits()) return refuse("the result has other extents");
  if (d.kind == Kind::execution_plan)
    d.put(attribute::plan_workspace, type_number<std::int64_t>, std::vector{engine_of(d).workspace});
  d.finalised = true;
  return 0;
}

int cudnnBackendGetAttribute(void* descriptor, int attribute, int, std::int64_t room, std::int64_t* count,
                             void* values) {
  auto& d = *static_cast<Described*>(descriptor);
  if (!d.finalised) return refuse("it is not finalised");
  if (attribute == attribute::heuristic_results.number) {
    const std::vector<Engine> all = engines();
    *count = std::ssize(all);
    for (std::int64_t i = 0; i < std::min(room, *count); ++i) {
      static std::vector<std::unique_ptr<Described>> made;  // to the end: a test is short
      auto* const engine = made.emplace_back(new Described{Kind::engine, true, {}}).get();
      engine->put(attribute::engine_number, type_number<std::int64_t>, {all[static_cast<std::size_t>(i)].number});
      if (all[static_cast<std::size_t>(i)].tensor_core)
        engine->put(attribute::engine_numerical_notes, type_number<NumericalNote>, {NumericalNote::tensor_core});
      auto& config = **(static_cast<Described**>(values) + i);
      config.put(attribute::config_engine, engine);
      config.put(attribute::heuristic_graph, d.part(attribute::heuristic_graph));
      config.finalised = true;
    }
    return 0;
  }
  const auto found = d.values.find(attribute);
  *count = found == d.values.end() ? 0 : found->second.count;
  if (*count == 0 || room == 0) return 0;
  if (attribute == attribute::config_engine.number)
    **static_cast<Described**>(values) = *d.part(attribute::config_engine);
  else
    std::memcpy(values, found->second.bytes.data(),
                static_cast<std::size_t>(std::min(room, *count)) * size_of_type(found->second.type));
  return 0;
}

int cudnnBackendExecute(void* handle, void* plan, void* pack) {
  const auto& p = *static_cast<Described*>(plan);
  const auto& memory_of = *static_cast<Described*>(pack);
  const Described& graph = *p.part(attribute::plan_config)->part(attribute::heuristic_graph);
  const auto c = Convolution::of(*graph.part(attribute::graph_operations));
  const auto names = memory_of.all(attribute::pack_names);
  const auto pointers = memory_of.all(attribute::pack_pointers);
  void* const workspace = memory_of.all(attribute::pack_workspace).at(0);
  const std::size_t size = size_of_element(c.type);
  void* of[3] = {};
  const Operand* const operands[] = {&c.image, &c.filters, &c.result};
  const Engine engine = engine_of(p);
  std::string line = "engine " + std::to_string(engine.number) + (c.image.is_channels_last() ? " nhwc " : " nchw ") +
                     to_text(c.type) + " " + to_text(c.form) + " " + to_text(c.image.extents) + " " +
                     to_text(c.filters.extents);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t k = 0; k < names.size(); ++k)
      if (names[k] == operands[i]->name) {
        of[i] = pointers[k];
        line += " " + memory(of[i]);
        if (bytes_at(of[i]) < operands[i]->elements() * size) return refuse("an operand is larger than its memory");
        if (reinterpret_cast<std::uintptr_t>(of[i]) % static_cast<std::uintptr_t>(operands[i]->alignment) != 0)
          return refuse("an operand is less aligned than it says");
      }
  const auto needed = static_cast<std::size_t>(p.all(attribute::plan_workspace).at(0));
  if (bytes_at(workspace) < needed) return refuse("the workspace is too small");
  line += " " + memory(workspace);
  if (const int failed = of_driver<CudaStubNote>("cuda_stub_note")("cudnnBackendExecute", line.c_str())) return failed;
  if (engine.ms < 0) return refuse("the engine fails");
  return of_driver<CudaStubAsk>("cuda_stub_ask")(static_cast<Handle*>(handle)->stream, [=] {
    of_driver<CudaStubPass>("cuda_stub_pass")(engine.ms);
    if (!computes()) return 0;
    if (needed > 0) std::memset(workspace, 0xFF, needed);
    if (size == 8)
      c.compute(static_cast<double*>(of[0]), static_cast<double*>(of[1]), static_cast<double*>(of[2]), false);
    else if (size == 2)
      c.compute_in_16_bits(of);
    else
      c.compute(static_cast<float*>(of[0]), static_cast<float*>(of[1]), static_cast<float*>(of[2]), engine.tensor_core);
    return 0;
  });
}

}  // extern "C"
