// Convolutions by cuDNN: which of its engines compute one, and running one of them. The form is that of conv in
// ops/conv/conv.h, with padding: image [N, C, image...], filters [F, C/groups, taps...], result [N, F, positions...];
// one of the three is computed from the other two.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/device/cudnn/backend.h"
#include "runtime/device/cudnn/target.h"

namespace bitale::cudnn {

enum class Form { forward, backward_data, backward_filters };  // result, image, filters
std::string to_string(Form form);

struct Operand {
  std::vector<std::int64_t> extents, strides;  // strides in elements
  auto operator<=>(const Operand&) const = default;
};
Operand channels_first(std::vector<std::int64_t> extents);  // N, C, then rows: NCHW
Operand channels_last(std::vector<std::int64_t> extents);   // the same extents, in memory N, rows, C: NHWC

struct Convolution {
  Form form = Form::forward;
  DataType type = DataType::f32;  // of all three; 16-bit floats are added up in float32, others in their own type
  Operand image, filters, result;
  std::vector<std::int64_t> before, after, stride, dilation;  // zeros around the image first; one per spatial axis
  bool flip = false;                                          // as a mathematician's convolution
  bool tf32 = false;            // float32 operands may be rounded to 10 bits of mantissa, for tensor cores
  bool deterministic = false;   // the same bits in every run
  std::int64_t alignment = 16;  // addresses are multiples of so many bytes
  auto operator<=>(const Convolution&) const = default;
};
std::string to_string(const Convolution& c);  // "backward-data, image [64, 20, 12, 12], ..."

struct KnobChoice {
  Knob knob;
  std::int64_t value;
};

// An engine of cuDNN with its knobs.
struct Engine {
  std::int64_t number = 0;  // another in every version of cuDNN
  std::vector<KnobChoice> knobs;
  std::vector<NumericalNote> numerical;
  std::vector<BehaviorNote> behavior;

  bool has(NumericalNote note) const;
  bool has(BehaviorNote note) const;
};
std::string to_string(const Engine& engine);  // "engine 38, tile_size 4, stages 3: strict_nan"

// Addresses of the GPU, as aligned as the convolution says; the workspace may be null if it has no bytes. What is
// computed overlaps nothing else.
struct ConvolutionMemory {
  void *image = nullptr, *filters = nullptr, *result = nullptr, *workspace = nullptr;
};

// An engine made ready. It lives without the target that it was made for; threads may share it.
class ConvolutionPlan {
 public:
  // Of an engine configuration; Failure if cuDNN cannot.
  ConvolutionPlan(const Descriptor& config, const Target& target);

  const Engine& engine() const { return engine_; }
  std::int64_t workspace_bytes() const { return workspace_bytes_; }

  // In the handle's stream, after what was asked for there before.
  void run(const Handle& handle, const ConvolutionMemory& memory) const;

 private:
  Engine engine_;
  Descriptor plan_;
  std::int64_t workspace_bytes_ = 0;
};

// What cuDNN's heuristics propose, best first (mode A, then what it falls back on): what may be used, and what not.
struct PlanSearch {
  struct Refused {
    Engine engine;
    std::string why;
  };
  std::vector<ConvolutionPlan> plans;
  std::vector<Refused> refused;
};
// A convolution that is malformed, or that cuDNN does not take at all, is an Error with the convolution and cuDNN's
// words.
PlanSearch search_plans(const Convolution& convolution, const Target& target);

// The plans, at least one; having none is an Error that says why all were refused.
std::vector<ConvolutionPlan> find_plans(const Convolution& convolution, const Target& target);

}  // namespace bitale::cudnn
