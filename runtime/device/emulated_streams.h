// What is recorded on the emulated device: requests of several streams, and the order in which they are done.
//
// That order is drawn anew each time: any that the order within each stream and the events allow may come. So a wait
// that is missing shows as data that is wrong, in some of the orders.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/device/driver.h"

namespace bitale {

class EmulatedStreams final : public Driver::Recording, public std::enable_shared_from_this<EmulatedStreams> {
 public:
  struct Request {
    std::function<void()> run;
    std::vector<const void*> touched;  // addresses, and perhaps integers that are none
  };

  explicit EmulatedStreams(int streams) : tails_(static_cast<std::size_t>(streams), nothing) {}

  // As a Driver's, before finish(). Errors: a stream but the first is asked for something, and has waited for nothing.
  void choose_stream(int stream);
  int event();
  void wait_for(int event);
  void add(Request request);

  // Nothing is added any more. Error: the first stream does not wait for all that another was asked for.
  void finish();

  const std::vector<Request>& requests() const { return requests_; }
  // Their numbers. In half of the orders a stream goes on as long as it can before the next one does.
  std::vector<int> order(std::uint64_t seed) const;

 private:
  static constexpr int nothing = -1;
  // Something that is done after others: a request, or a wait. Others come before it in the list.
  struct Node {
    int stream = 0, request = nothing;
    std::vector<int> after;
  };

  void append(int request, int awaited);

  std::vector<Request> requests_;
  std::vector<Node> nodes_;
  std::vector<int> tails_;   // by stream: its last node
  std::vector<int> events_;  // which node each is of
  std::size_t chosen_ = 0;
};

}  // namespace bitale
