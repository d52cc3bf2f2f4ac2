// Copies between ordinary memory of the host and a device, by way of pinned memory (Driver::allocate_pinned). What goes
// to the device is in pinned memory when the function returns, and its owner may change it: nobody waits for what the
// device was asked for before. Pinned memory is scarce, so there is little of it, which goes round: what has no room
// waits until the device has read what was put there the last time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/device/driver.h"

namespace bitale::executor {

// Of pinned memory: the device is told of what it is to read piece by piece.
struct StagingSizes {
  std::size_t piece = std::size_t{2} << 20;  // bytes; a multiple of 64
  std::size_t pieces = 4;                    // on their way to the device; two more are for what comes from it
};

// May be used by several threads at once.
class Staging {
 public:
  // The one of this driver; it is there as long as somebody has it.
  static std::shared_ptr<Staging> of(const std::shared_ptr<Driver>& driver);
  explicit Staging(std::shared_ptr<Driver> driver, const StagingSizes& sizes = {});

  const std::shared_ptr<Driver>& driver() const { return driver_; }

  // As those of the driver, which do it where there is no pinned memory: a warning says so once.
  void to_device(void* to, const void* from, std::size_t bytes);
  void to_host(void* to, const void* from, std::size_t bytes);

 private:
  using Marked = std::shared_ptr<const Driver::Mark>;

  // Pieces that lie behind each other; made when they are first needed.
  struct Pieces {
    std::uint8_t* at(std::size_t piece, std::size_t bytes) const {
      return static_cast<std::uint8_t*>(memory.get()) + piece * bytes;
    }
    std::mutex mutex;
    bool asked_for = false;
    std::shared_ptr<void> memory;  // null: there is none
  };

  bool has(Pieces& pieces, std::size_t count);
  void next_piece();

  const std::shared_ptr<Driver> driver_;
  const StagingSizes sizes_;
  std::atomic<bool> warned_{false};

  Pieces out_;                // to the device
  std::size_t filled_ = 0;    // the piece that is filled now
  std::size_t used_ = 0;      // bytes of it
  std::vector<Marked> read_;  // by piece: when the device has read it; null: it was never full
  Pieces in_;                 // from the device: two
};

}  // namespace bitale::executor
