// A device that has memory of its own, as the executor sees it. What is asked for happens in the order of the calls;
// copying to the host waits until all before it has happened. Addresses are the device's: the host never follows them.
//
// A driver may be used by several threads at once; what each of them asks for is in its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/device/matrix_product.h"

namespace bitale {

namespace cudnn {
struct Convolution;
struct ConvolutionMemory;
class ConvolutionPlan;
}  // namespace cudnn

class Driver {
 public:
  // Functions of one loaded image, which live as long as it does.
  class Module {
   public:
    virtual ~Module() = default;
    virtual void* function(const std::string& name) const = 0;  // one that it lacks is an InternalError
  };

  virtual ~Driver() = default;

  virtual std::string target() const = 0;  // of the code that it runs: "emulated", "sm_90"
  virtual std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) = 0;

  // 256-byte aligned. Having none left is an Error that says how much was asked for.
  virtual void* allocate(std::size_t bytes) = 0;
  // What was asked for before may still use it; nothing that is asked for later may, nor a recording that is replayed.
  virtual void release(void* memory) noexcept = 0;

  virtual void to_device(void* to, const void* from, std::size_t bytes) = 0;  // `from` may change afterwards
  virtual void to_host(void* to, const void* from, std::size_t bytes) = 0;

  // Memory of the host that is locked in place, so that the device reads and writes it by itself: what goes between the
  // two is asked for like all else, and happens later. None to have is an Error.
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void release_pinned(void* memory) noexcept = 0;  // as release()
  // The pinned memory is the device's until this has happened. Never while something is recorded.
  virtual void send(void* to, const void* pinned, std::size_t bytes) = 0;
  virtual void receive(void* pinned, const void* from, std::size_t bytes) = 0;

  // All that was asked for before the mark was made; it is never made while something is recorded.
  class Mark {
   public:
    virtual ~Mark() = default;
  };
  virtual std::shared_ptr<const Mark> mark() = 0;
  virtual void wait_until(const Mark& mark) = 0;  // until all of it has happened

  virtual void wait() = 0;                                               // until all that was asked for has happened
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;  // within the device, not overlapping
  virtual void fill(void* to, std::uint8_t byte, std::size_t bytes) = 0;
  // parameters[i] is the address of parameter i, which has 8 bytes: an address of the device, or an integer.
  virtual void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) = 0;
  // A function whose blocks wait for each other: all are there at the same time. As many as are asked for, or as the
  // device holds at once, if that is less.
  virtual void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) = 0;

  // Products of matrices by the device's library, if it has one. How a product is done is planned before it is asked
  // for, and never while something is recorded. Null: there is no library, or it cannot do this one; a warning says so.
  class Product {
   public:
    virtual ~Product() = default;
  };
  virtual bool may_multiply() const { return false; }  // whether there could be such a library
  virtual std::shared_ptr<const Product> plan(const MatrixProduct&) { return nullptr; }
  // bias: null unless the product has one.
  virtual void multiply(const Product& plan, const void* a, const void* b, const void* bias, void* c);

  // Convolutions by cuDNN. They are planned before they are asked for: plans may be run to see which is the fastest, on
  // the memory of the convolution, whose result is overwritten, and not its workspace. While something is recorded only
  // what was planned before may be asked for. A plan is null where the device has no such library; that it is not
  // installed, or cannot do it, is an Error.
  virtual std::string why_not_convolve() const;  // empty: plans can be had, or could on the GPU that is compiled for
  virtual std::shared_ptr<const cudnn::ConvolutionPlan> plan_convolution(const cudnn::Convolution& convolution,
                                                                         const cudnn::ConvolutionMemory& memory);
  virtual void convolve(const cudnn::ConvolutionPlan& plan, const cudnn::ConvolutionMemory& memory);

  // What this thread asks for between record() and recorded() is not done but recorded, to be done as a whole, any
  // number of times: copies within the device, fills, launches, products and convolutions; nothing else may be asked
  // for meanwhile.
  //
  // Recorded requests go to streams, which are numbered from 0; the first is chosen to begin with. Those of one stream
  // are done in their order; those of different streams in any, or at the same time, but for what events say. An event
  // has happened when all is done that its stream was asked for before; a stream that waits for it does what it is
  // asked for later after that. Every other stream has to begin by waiting for an event, and the first to wait in the
  // end, maybe by way of others, for all that was asked of them: else recorded() is an Error.
  class Recording {
   public:
    virtual ~Recording() = default;
  };
  virtual void record(int streams) = 0;
  virtual void choose_stream(int stream) = 0;
  virtual int event() = 0;               // of the chosen stream; events are numbered from 0
  virtual void wait_for(int event) = 0;  // the chosen stream does
  virtual std::shared_ptr<const Recording> recorded() = 0;
  virtual void replay(const Recording& recording) = 0;
};

// Memory of a device, released with the last handle.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(std::shared_ptr<Driver> driver, std::size_t bytes);
  void* data() const { return memory_.get(); }

 private:
  std::shared_ptr<void> memory_;
};

// "cuda" or "cuda:1", a GPU (runtime/device/cuda.h); "emulated", which the host plays (runtime/device/emulated.h).
// Another name is an Error that lists these.
std::shared_ptr<Driver> open_driver(const std::string& device);
// Makes this driver known by a name, which open_driver() then finds before others: for tests.
void install_driver(const std::string& device, std::shared_ptr<Driver> driver);
bool is_architecture(const std::string& device);  // "sm_90": open_driver() knows it, and it runs nothing
bool is_device_name(const std::string& device);   // whether open_driver() knows it; it need not be there

}  // namespace bitale
