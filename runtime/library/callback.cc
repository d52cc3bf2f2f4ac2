#include "runtime/library/callback.h"

#include <cstring>
#include <deque>
#include <mutex>
#include <vector>

namespace bitale::library {
namespace {

struct Row {
  Callback function;
  std::string message;
};

struct Table {
  std::mutex mutex;
  std::deque<Row> rows;  // references stay
};

Table& table() {
  static auto* t = new Table;
  return *t;
}

Row& row_of(std::int64_t number) {
  std::lock_guard lock(table().mutex);
  return table().rows.at(static_cast<std::size_t>(number));
}

int call(Context* context, const Arguments& a) {
  const std::int64_t number = a.integers[0];
  const auto inputs = static_cast<std::size_t>(a.integers[1]);
  Row& row = row_of(number);
  try {
    std::vector<Array> arrays;
    std::size_t extent = 0;
    for (std::size_t b = 0; b < a.buffers.size(); ++b) {
      const auto dtype = static_cast<DType>(a.integers[2 + 2 * b]);
      const auto rank = static_cast<std::size_t>(a.integers[3 + 2 * b]);
      arrays.emplace_back(dtype, Extents(a.extents.begin() + static_cast<std::ptrdiff_t>(extent),
                                         a.extents.begin() + static_cast<std::ptrdiff_t>(extent + rank)));
      extent += rank;
      if (b < inputs && arrays[b].bytes() > 0) std::memcpy(arrays[b].data(), a.buffers[b], arrays[b].bytes());
    }
    row.function(std::span(arrays).first(inputs), std::span(arrays).subspan(inputs));
    for (std::size_t b = inputs; b < arrays.size(); ++b)
      if (arrays[b].bytes() > 0) std::memcpy(a.buffers[b], arrays[b].data(), arrays[b].bytes());
    return 0;
  } catch (const std::exception& e) {
    std::lock_guard lock(table().mutex);
    row.message = e.what();
  } catch (...) {
    std::lock_guard lock(table().mutex);
    row.message = "something was thrown that is no std::exception";
  }
  context->error = static_cast<std::int32_t>(ErrorCode::callback);
  context->error_value = number;
  return context->error;
}

}  // namespace

std::int64_t add_callback(Callback function) {
  std::lock_guard lock(table().mutex);
  table().rows.push_back({std::move(function), {}});
  return static_cast<std::int64_t>(table().rows.size()) - 1;
}

bool is_callback(std::int64_t number) {
  std::lock_guard lock(table().mutex);
  return number >= 0 && number < std::ssize(table().rows);
}

LibraryFn find_callback(const std::string& name) { return name == "callback" ? call : nullptr; }

std::string callback_message(std::int64_t number) {
  const Row& row = row_of(number);
  std::lock_guard lock(table().mutex);
  return row.message;
}

}  // namespace bitale::library
