#include "models/data/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "models/data/file.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "the bytes of arrays are written as they lie in memory");

constexpr std::uint64_t max_header_bytes = 100 << 20;  // the limit of the format
constexpr std::size_t length_bytes = 8;
constexpr const char* metadata_key = "__metadata__";

struct DTypeName {
  DType dtype;
  const char* name;
};
constexpr DTypeName dtype_names[] = {
    {DType::bool_, "BOOL"}, {DType::i8, "I8"},   {DType::i16, "I16"}, {DType::i32, "I32"}, {DType::i64, "I64"},
    {DType::u8, "U8"},      {DType::f32, "F32"}, {DType::f64, "F64"}, {DType::f16, "F16"}, {DType::bf16, "BF16"},
};

const char* format_name(DType dtype) {
  for (const DTypeName& row : dtype_names)
    if (row.dtype == dtype) return row.name;
  throw InternalError("safetensors: a dtype without a name");
}

std::string reason() { return std::error_code(errno, std::generic_category()).message(); }

// A file descriptor that is closed with the object.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// ---- writing ----

std::string header_of(const NamedArrays& content) {
  Json header = Json::object();
  if (!content.metadata.empty()) header[metadata_key] = content.metadata;
  std::size_t offset = 0;
  for (const auto& [name, array] : content.arrays) {
    BITALE_ASSERT(name != metadata_key && !header.contains(name),
                  "names of arrays in a checkpoint are distinct: " + name);
    header[name] = {{"dtype", format_name(array.dtype())},
                    {"shape", array.shape()},
                    {"data_offsets", {offset, offset + array.bytes()}}};
    offset += array.bytes();
  }
  std::string text = header.dump();
  text.append((length_bytes - text.size() % length_bytes) % length_bytes, ' ');  // the arrays start aligned
  return text;
}

// ---- reading ----

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Extents shape;
  std::uint64_t begin = 0, end = 0;
};

class Reader {
 public:
  explicit Reader(const fs::path& path) : name_(path.string()), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info{};
    if (file_.descriptor() < 0 || ::fstat(file_.descriptor(), &info) != 0)
      throw Error(fmt::format("'{}' cannot be opened: {}.", name_, reason()));
    if (!S_ISREG(info.st_mode)) throw Error(fmt::format("'{}' is not a file.", name_));
    size_ = static_cast<std::uint64_t>(info.st_size);
  }

  NamedArrays read() {
    const Json header = read_header();
    NamedArrays content;
    std::vector<Entry> entries;
    for (const auto& [key, value] : header.items()) {
      if (key == metadata_key) {
        read_metadata(value, content);
      } else {
        entries.push_back(read_entry(key, value));
      }
    }
    check_ranges(entries);
    for (const Entry& entry : entries) content.arrays.emplace_back(entry.name, read_array(entry));
    return content;
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(fmt::format_string<Parts...> format, Parts&&... parts) const {
    throw Error(fmt::format("'{}' is not a usable safetensors file: {}.", name_,
                            fmt::format(format, std::forward<Parts>(parts)...)));
  }

  void read_at(std::uint64_t offset, void* to, std::size_t size) const {
    for (char* at = static_cast<char*>(to); size > 0;) {
      const ssize_t got = ::pread(file_.descriptor(), at, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Error(fmt::format("'{}' cannot be read: {}.", name_, reason()));
      if (got == 0) reject("it ended at byte {} while it was read", offset);
      at += got;
      offset += static_cast<std::uint64_t>(got);
      size -= static_cast<std::size_t>(got);
    }
  }

  Json read_header() {
    if (size_ < length_bytes) reject("it has {} bytes, less than the length of its header takes", size_);
    std::uint64_t length = 0;
    read_at(0, &length, length_bytes);
    if (length > max_header_bytes) reject("its header claims {} bytes, and {} are allowed", length, max_header_bytes);
    if (length > size_ - length_bytes) reject("its header claims {} bytes, and the file has {}", length, size_);
    std::string text(length, '\0');
    read_at(length_bytes, text.data(), text.size());
    data_ = length_bytes + length;
    Json header = Json::parse(text, nullptr, false);
    if (!header.is_object()) reject("its header is not a JSON object");
    return header;
  }

  void read_metadata(const Json& value, NamedArrays& content) const {
    if (!value.is_object()) reject("its metadata is not a JSON object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) reject("its metadata '{}' is not a text", key);
      content.metadata[key] = text.get<std::string>();
    }
  }

  Entry read_entry(const std::string& name, const Json& value) const {
    const auto field = [&](const char* key) -> const Json& {
      if (!value.is_object() || !value.contains(key)) reject("the array '{}' has no {}", name, key);
      return value[key];
    };
    Entry entry;
    entry.name = name;
    entry.dtype = read_dtype(name, field("dtype"));
    entry.shape = read_numbers<std::int64_t>(name, "shape", field("shape"));
    const auto range = read_numbers<std::uint64_t>(name, "data_offsets", field("data_offsets"));
    if (range.size() != 2) reject("the array '{}' has {} data_offsets instead of 2", name, range.size());
    entry.begin = range[0];
    entry.end = range[1];
    if (entry.begin > entry.end || entry.end > size_ - data_)
      reject("the array '{}' claims the bytes {} to {} of {}", name, entry.begin, entry.end, size_ - data_);
    check_size(entry);
    return entry;
  }

  DType read_dtype(const std::string& name, const Json& value) const {
    for (const DTypeName& row : dtype_names)
      if (value == row.name) return row.dtype;
    reject("the array '{}' has the dtype {}, which is not supported", name,
           value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  template <class Number>
  std::vector<Number> read_numbers(const std::string& name, const char* key, const Json& value) const {
    constexpr std::uint64_t largest = std::uint64_t{1} << 62;
    const bool good = value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& v) {
                        return v.is_number_unsigned() && v.get<std::uint64_t>() <= largest;
                      });
    if (!good) reject("the {} of the array '{}' is not a list of whole numbers", key, name);
    return value.get<std::vector<Number>>();
  }

  // The range has exactly the bytes of the shape. A division, since a product of absurd extents overflows.
  void check_size(const Entry& entry) const {
    std::uint64_t left = (entry.end - entry.begin) / size_of(entry.dtype);
    bool fits = (entry.end - entry.begin) % size_of(entry.dtype) == 0, has_zero = false;
    std::uint64_t count = 1;
    for (const std::int64_t extent : entry.shape) has_zero = has_zero || extent == 0;
    if (has_zero) {
      count = 0;
    } else {
      for (const std::int64_t extent : entry.shape) {
        if (count > left / static_cast<std::uint64_t>(extent)) fits = false;
        if (!fits) break;
        count *= static_cast<std::uint64_t>(extent);
      }
    }
    if (!fits || count != left)
      reject("the array '{}' has {} bytes, which is not what {}{} takes", entry.name, entry.end - entry.begin,
             name_of(entry.dtype), shape_text(entry.shape));
  }

  // The arrays fill the file's data: no byte belongs to two of them or to none.
  void check_ranges(std::vector<Entry> entries) const {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    std::uint64_t at = 0;
    for (const Entry& entry : entries) {
      if (entry.begin < at) reject("the array '{}' overlaps the one before it", entry.name);
      if (entry.begin > at) reject("no array has the bytes {} to {}", at, entry.begin);
      at = entry.end;
    }
    if (at != size_ - data_) reject("its arrays take {} bytes, and it has {}", at, size_ - data_);
  }

  Array read_array(const Entry& entry) const {
    Array array(entry.dtype, entry.shape);
    read_at(data_ + entry.begin, array.data(), array.bytes());
    if (entry.dtype == DType::bool_) {
      const auto* bytes = static_cast<const unsigned char*>(array.data());
      if (std::any_of(bytes, bytes + array.bytes(), [](unsigned char b) { return b > 1; }))
        reject("the array '{}' has a truth value that is neither 0 nor 1", entry.name);
    }
    return array;
  }

  std::string name_;
  File file_;
  std::uint64_t size_ = 0, data_ = 0;
};

}  // namespace

const Array& NamedArrays::array(const std::string& name, DType dtype, const Extents& shape,
                                const std::string& file) const {
  for (const auto& [key, array] : arrays) {
    if (key != name) continue;
    if (array.dtype() != dtype || array.shape() != shape)
      throw Error(fmt::format("'{}': the array '{}' is {}{}, and {}{} was expected.", file, name,
                              name_of(array.dtype()), shape_text(array.shape()), name_of(dtype), shape_text(shape)));
    return array;
  }
  throw Error(fmt::format("'{}' has no array '{}'.", file, name));
}

const std::string& NamedArrays::text(const std::string& key, const std::string& file) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw Error(fmt::format("'{}' has no metadata '{}'.", file, key));
  return found->second;
}

void write_safetensors(const fs::path& path, const NamedArrays& content) {
  const std::string header = header_of(content);
  const std::uint64_t length = header.size();
  std::vector<std::string_view> parts{{reinterpret_cast<const char*>(&length), length_bytes}, header};
  for (const auto& [name, array] : content.arrays)
    parts.emplace_back(static_cast<const char*>(array.data()), array.bytes());
  replace_file(path, parts);
}

NamedArrays read_safetensors(const fs::path& path) { return Reader(path).read(); }

}  // namespace bitale::models
