// What the public handles hold, and the way from one side to the other.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>

#include <bitale/custom.h>
#include <bitale/tensor.h>

#include "compiler/prim/prim.h"
#include "ops/api/index.h"

namespace bitale {

class IndexItem;

// A shared_mutex that lets writers in however many readers there are: who comes while a writer waits, waits behind it.
// A thread that holds one must not lock it again.
class FairMutex {
 public:
  void lock() {
    const std::lock_guard gate(gate_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard gate(gate_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;
  std::shared_mutex mutex_;
};

// The value side of a Shared. Calls that read it hold the lock shared, calls that update it exclusively; several are
// locked in order of key. The version grows with every change of the value.
struct Shared::State {
  std::string name;
  std::int64_t key = 0;
  mutable FairMutex mutex;
  Array value;
  Array spare;  // memory of an earlier value, for the next one: of a Shared that is updated, but not in place
  std::int64_t version = 0;
  DeviceId home;
  bool random = false;  // a RandomStream's: functions that read it advance it
};

namespace detail {

struct DimHandle {
  ir::Dim dim;
};
struct TensorHandle {
  ir::Tensor tensor;
};

struct Access {
  static ir::Dim in(const Dim& d) { return d.handle_->dim; }
  static Dim out(const ir::Dim& d) { return Dim(std::make_shared<const DimHandle>(DimHandle{d})); }
  static ir::Shape in(const Shape& s);
  static ir::Tensor in(const Tensor& t, const char* what = "an operand");  // Error if it is empty
  static std::vector<ir::Tensor> in(const std::vector<Tensor>& list, const char* what = "an operand");
  static Tensor out(const ir::Tensor& t) { return Tensor(std::make_shared<const TensorHandle>(TensorHandle{t})); }
  static std::vector<Tensor> out(const std::vector<ir::Tensor>& list);
  static ir::Operand in(const Operand& o);
  static ops::IndexItem in(const IndexItem& i);
  static SourceLine line(const Operand& o) { return SourceLine(o.at_); }
  static const std::shared_ptr<Shared::State>& state(const Shared& s) { return s.state_; }
  static ir::Tensor symbol(const Shared& s) { return in(s.symbol_); }
  // The Shared behind a symbolic leaf, and the leaf as its handle named it.
  static std::shared_ptr<Shared::State> find(const ir::Tensor& leaf);
  static ir::Tensor named(const ir::Tensor& leaf);
  static CustomOp custom(std::shared_ptr<const CustomOp::Definition> definition);
};

}  // namespace detail

// Registers ops and rules; called by everything that makes a graph.
void ensure_ready();

}  // namespace bitale
