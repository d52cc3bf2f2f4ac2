#include "runtime/device/emulated_streams.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/hash.h"

namespace bitale {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(hash_combine(seed, 1)) {}
  std::size_t below(std::size_t n) {
    state_ = hash_combine(state_, ++drawn_);
    return static_cast<std::size_t>((state_ >> 33) % n);
  }

 private:
  std::uint64_t state_, drawn_ = 0;
};

}  // namespace

void EmulatedStreams::choose_stream(int stream) {
  BITALE_ASSERT(stream >= 0 && at(stream) < tails_.size(), "a stream that was not asked for");
  chosen_ = at(stream);
}

int EmulatedStreams::event() {
  events_.push_back(tails_[chosen_]);
  return static_cast<int>(events_.size()) - 1;
}

void EmulatedStreams::wait_for(int event) { append(nothing, events_.at(at(event))); }

void EmulatedStreams::add(Request request) {
  if (chosen_ > 0 && tails_[chosen_] == nothing)
    throw Error("device 'emulated': stream " + std::to_string(chosen_) +
                " of a recording is asked for something before it has waited for an event");
  requests_.push_back(std::move(request));
  append(static_cast<int>(requests_.size()) - 1, nothing);
}

void EmulatedStreams::append(int request, int awaited) {
  Node node{static_cast<int>(chosen_), request, {}};
  for (const int before : {tails_[chosen_], awaited})
    if (before != nothing) node.after.push_back(before);
  tails_[chosen_] = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(node));
}

void EmulatedStreams::finish() {
  std::vector<bool> awaited(nodes_.size());
  if (tails_[0] != nothing) awaited[at(tails_[0])] = true;
  for (std::size_t n = nodes_.size(); n-- > 0;)
    if (awaited[n])
      for (const int before : nodes_[n].after) awaited[at(before)] = true;
  for (std::size_t n = 0; n < nodes_.size(); ++n)
    if (!awaited[n])
      throw Error("device 'emulated': a recording ends while the first stream has not waited for stream " +
                  std::to_string(nodes_[n].stream));
}

std::vector<int> EmulatedStreams::order(std::uint64_t seed) const {
  Draws draws(seed);
  const bool goes_far = draws.below(2) == 0;
  std::vector<std::size_t> rank(tails_.size());
  std::iota(rank.begin(), rank.end(), std::size_t{0});
  for (std::size_t i = rank.size(); i > 1; --i) std::swap(rank[i - 1], rank[draws.below(i)]);

  std::vector<std::vector<int>> followers(nodes_.size());
  std::vector<std::size_t> missing(nodes_.size());
  std::vector<int> ready, order;
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    missing[n] = nodes_[n].after.size();
    for (const int before : nodes_[n].after) followers[at(before)].push_back(static_cast<int>(n));
    if (missing[n] == 0) ready.push_back(static_cast<int>(n));
  }
  while (!ready.empty()) {
    const auto by_rank = [&](int a, int b) { return rank[at(nodes_[at(a)].stream)] < rank[at(nodes_[at(b)].stream)]; };
    const auto next = goes_far ? std::min_element(ready.begin(), ready.end(), by_rank)
                               : ready.begin() + static_cast<std::ptrdiff_t>(draws.below(ready.size()));
    const int n = *next;
    ready.erase(next);
    if (nodes_[at(n)].request != nothing) order.push_back(nodes_[at(n)].request);
    for (const int f : followers[at(n)])
      if (--missing[at(f)] == 0) ready.push_back(f);
  }
  return order;
}

}  // namespace bitale
