// Convolutions by cuDNN's call, on the host.
#include "runtime/library/convolution.h"

#include <array>
#include <cmath>
#include <vector>

#include "runtime/base/float16.h"
#include "runtime/library/form.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

// Two images of 4 channels in 2 groups, 6 filters of 3 x 2, a margin, strides and dilations; which side is computed.
struct Call {
  std::int64_t side;
  DType dtype;
  bool channels_last;

  std::vector<std::int64_t> extents{2, 2, 2, 3, 9, 8, 3, 2, 3, 7};  // the image's with its margin
  std::vector<std::int64_t> integers() const {
    return {static_cast<std::int64_t>(dtype), side, 1, 3, 1, 1, 1, channels_last, 0, 1, 0, 1, 2};
  }
  // Of the image, the filters and the result, and which of them the buffers are.
  static constexpr std::array<std::size_t, 3> sizes{2 * 4 * 7 * 6, 6 * 2 * 3 * 2, 2 * 6 * 3 * 7};
  std::array<std::size_t, 3> order() const {
    constexpr std::array<std::size_t, 3> orders[] = {{0, 1, 2}, {1, 2, 0}, {0, 2, 1}};  // of result, image, filters
    return orders[side];
  }

  void run(std::span<void* const> buffers) const {
    const std::vector<std::int64_t> numbers = integers();
    const auto call = library::find_convolution("conv_cudnn");
    REQUIRE(call(nullptr, {.buffers = buffers, .extents = extents, .integers = numbers, .reals = {}}) == 0);
  }
  void check_form() const {
    std::vector<library::CallForm::Buffer> buffers;
    for (std::size_t i = 0; i < 3; ++i)
      buffers.push_back({dtype, static_cast<std::int64_t>(sizes[order()[i]]), i == 2});
    library::check_form("conv_cudnn", {buffers, extents, integers(), {}});
  }
};

}  // namespace

TEST_CASE("convolutions of 16 bits add up in float32 and round once") {
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const std::int64_t side : {0, 1, 2})
      for (const bool channels_last : {false, true}) {
        CAPTURE(name_of(dtype), side, channels_last);
        const Call narrow_call{side, dtype, channels_last}, wide_call{side, DType::f32, channels_last};
        narrow_call.check_form();
        std::vector<std::uint16_t> narrow_buffers[3];
        std::vector<float> wide_buffers[3];
        void *in_16_bits[3], *in_float32[3];
        for (std::size_t i = 0; i < 3; ++i) {
          const std::size_t size = Call::sizes[narrow_call.order()[i]];
          narrow_buffers[i].resize(size);
          wide_buffers[i].resize(size);
          for (std::size_t k = 0; k < size; ++k)
            narrow_buffers[i][k] = narrow(dtype, static_cast<float>(std::sin(static_cast<double>(k * (i + 2)))));
          widen(dtype, narrow_buffers[i].data(), wide_buffers[i].data(), size);
          in_16_bits[i] = narrow_buffers[i].data();
          in_float32[i] = wide_buffers[i].data();
        }
        wide_call.run(in_float32);
        narrow_call.run(in_16_bits);
        for (std::size_t k = 0; k < wide_buffers[2].size(); ++k)
          REQUIRE(narrow_buffers[2][k] == narrow(dtype, wide_buffers[2][k]));
      }
}

TEST_CASE("a call of 16 bits is one for cuDNN in 16 bits") {
  using cudnn::DataType;
  for (const auto& [dtype, type] : {std::pair(DType::f32, DataType::f32),
                                    {DType::f64, DataType::f64},
                                    {DType::f16, DataType::f16},
                                    {DType::bf16, DataType::bf16}}) {
    const Call call{0, dtype, true};
    CHECK(library::cudnn_convolution(call.extents, call.integers()).type == type);
  }
}
