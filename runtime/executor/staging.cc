#include "runtime/executor/staging.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/log.h"

namespace bitale::executor {
namespace {

constexpr std::size_t alignment = 64;  // of what shares a piece

}  // namespace

std::shared_ptr<Staging> Staging::of(const std::shared_ptr<Driver>& driver) {
  static std::mutex mutex;
  static auto* const known = new std::map<Driver*, std::weak_ptr<Staging>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Staging>& entry = (*known)[driver.get()];
  std::shared_ptr<Staging> staging = entry.lock();
  if (!staging) entry = staging = std::make_shared<Staging>(driver);
  return staging;
}

Staging::Staging(std::shared_ptr<Driver> driver, const StagingSizes& sizes)
    : driver_(std::move(driver)), sizes_(sizes), read_(sizes.pieces) {
  BITALE_ASSERT(sizes.pieces > 0 && sizes.piece > 0 && sizes.piece % alignment == 0, "pieces of pinned memory");
}

// With the mutex of the pieces held.
bool Staging::has(Pieces& pieces, std::size_t count) {
  if (std::exchange(pieces.asked_for, true)) return pieces.memory != nullptr;
  try {
    pieces.memory = {driver_->allocate_pinned(count * sizes_.piece),
                     [driver = driver_](void* memory) { driver->release_pinned(memory); }};
  } catch (const Error& e) {
    if (!warned_.exchange(true)) warn(std::string(e.what()) + "; copies from and to the device wait for each other");
  }
  return pieces.memory != nullptr;
}

// What lies in the full piece was asked for; the next one is free when the device has read what lay there before.
void Staging::next_piece() {
  read_[filled_] = driver_->mark();
  const std::size_t next = (filled_ + 1) % sizes_.pieces;
  if (read_[next]) driver_->wait_until(*read_[next]);
  filled_ = next;
  used_ = 0;
}

void Staging::to_device(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(out_.mutex);
  if (!has(out_, sizes_.pieces)) return driver_->to_device(to, from, bytes);
  auto* target = static_cast<std::uint8_t*>(to);
  const auto* source = static_cast<const std::uint8_t*>(from);
  while (bytes > 0) {
    if (used_ == sizes_.piece) next_piece();
    const std::size_t n = std::min(bytes, sizes_.piece - used_);
    std::uint8_t* const pinned = out_.at(filled_, sizes_.piece) + used_;
    std::memcpy(pinned, source, n);
    driver_->send(target, pinned, n);
    used_ += (n + alignment - 1) / alignment * alignment;
    target += n;
    source += n;
    bytes -= n;
  }
}

// While one piece is taken to where it belongs, the next is on its way.
void Staging::to_host(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(in_.mutex);
  if (!has(in_, 2)) return driver_->to_host(to, from, bytes);
  Marked there[2];
  std::size_t asked_for = 0;
  const auto ask_for = [&](std::size_t piece) {
    if (asked_for == bytes) return;
    const std::size_t n = std::min(bytes - asked_for, sizes_.piece);
    driver_->receive(in_.at(piece, sizes_.piece), static_cast<const std::uint8_t*>(from) + asked_for, n);
    asked_for += n;
    there[piece] = asked_for < bytes ? driver_->mark() : nullptr;
  };
  ask_for(0);
  std::size_t piece = 0;
  for (std::size_t done = 0; done < bytes; piece ^= 1) {
    ask_for(piece ^ 1);
    there[piece] ? driver_->wait_until(*there[piece]) : driver_->wait();  // for the last
    const std::size_t n = std::min(bytes - done, sizes_.piece);
    std::memcpy(static_cast<std::uint8_t*>(to) + done, in_.at(piece, sizes_.piece), n);
    done += n;
  }
}

}  // namespace bitale::executor
