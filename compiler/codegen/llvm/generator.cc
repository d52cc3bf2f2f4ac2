// The module's door: generates code for the entries of a request, on several threads.

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <optional>
#include <thread>

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/llvm/frame.h"
#include "compiler/codegen/llvm/leaves.h"
#include "compiler/codegen/llvm/target.h"
#include "runtime/base/flags.h"
#include "runtime/base/stopwatch.h"

namespace bitale::codegen::host {
namespace {

// Relative cost of generating an entry, so that the long ones do not come last.
double cost_of(const Request& request, std::size_t entry) {
  const std::size_t kernels = request.kernels.size();
  if (entry < kernels) return 10 + static_cast<double>(request.kernels[entry]->values.size());
  return 30;
}

std::vector<std::size_t> longest_first(const Request& request) {
  std::vector<std::size_t> order(request.kernels.size() + request.leaves.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cost_of(request, a) > cost_of(request, b); });
  return order;
}

void emit_entry(Unit& unit, const Request& request, std::size_t entry) {
  const std::size_t kernels = request.kernels.size();
  if (entry < kernels) return emit_kernel(unit, *request.kernels[entry]);
  emit_micro(unit, request.leaves[entry - kernels]);
}

// One thread's share of a request: an object for each entry that it is given. Kernels and leaves differ in optimisation
// when the request is quick.
class Worker {
 public:
  Worker(const Request& request, Generated& out) : request_(request), out_(out) {}

  void generate(std::size_t entry) {
    const Stopwatch watch;
    Unit unit(machine(request_.quick && entry < request_.kernels.size()));
    emit_entry(unit, request_, entry);
    if (!out_.listing.empty()) out_.listing[entry] = unit.text();
    out_.objects[entry] = unit.emit();
    out_.seconds[entry] = watch.seconds();
  }

 private:
  Machine& machine(bool quick) {
    std::optional<Machine>& machine = machines_[quick];
    if (!machine) machine.emplace(request_.isa, quick);
    return *machine;
  }

  const Request& request_;
  Generated& out_;
  std::optional<Machine> machines_[2];
};

class HostGenerator : public Generator {
 public:
  Generated generate(const Request& request) override {
    const std::vector<std::size_t> order = longest_first(request);
    Generated out;
    out.objects.resize(order.size());
    out.seconds.assign(order.size(), 0);
    if (!flags().dump.empty()) out.listing.resize(order.size());

    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> errors(
        static_cast<std::size_t>(std::clamp(request.threads, 1, std::max(static_cast<int>(order.size()), 1))));
    const auto work = [&](std::exception_ptr& error) {
      try {
        Worker worker(request, out);
        for (std::size_t i; (i = next++) < order.size();) worker.generate(order[i]);
      } catch (...) {
        error = std::current_exception();
      }
    };
    std::vector<std::thread> threads;
    for (std::size_t t = 1; t < errors.size(); ++t) threads.emplace_back([&, t] { work(errors[t]); });
    work(errors[0]);
    for (std::thread& t : threads) t.join();
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
    return out;
  }

  std::string version() const override { return "LLVM " + llvm_version(); }
};

}  // namespace
}  // namespace bitale::codegen::host

extern "C" __attribute__((visibility("default"))) bitale::codegen::Generator* bitale_llvm_generator() {
  static bitale::codegen::host::HostGenerator generator;
  return &generator;
}
