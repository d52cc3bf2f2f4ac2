// One description of the fields serves both directions: transfer(archive, value) writes with a Writer and reads with a
// Reader.
#include "runtime/program/serialize.h"

#include <bit>
#include <cstring>
#include <mutex>
#include <set>
#include <type_traits>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/program/check.h"
#include "runtime/program/format.h"

namespace bitale::program {
namespace {

static_assert(std::endian::native == std::endian::little);

// Source lines refer to file names without owning them.
const char* intern(const std::string& file) {
  static std::mutex mutex;
  static std::set<std::string> files;
  const std::lock_guard lock(mutex);
  return files.insert(file).first->c_str();
}

class Writer {
 public:
  static constexpr bool reading = false;
  std::vector<std::uint8_t> bytes;

  void raw(const void* data, std::size_t size) {
    const auto* p = static_cast<const std::uint8_t*>(data);
    bytes.insert(bytes.end(), p, p + size);
  }
};

class Reader {
 public:
  static constexpr bool reading = true;
  int depth = 0;

  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  void raw(void* data, std::size_t size) {
    if (size > rest_.size()) throw Error("it ends too early");
    if (size > 0) std::memcpy(data, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::span<const std::uint8_t> rest_;
};

template <class A, class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
void transfer(A& a, T& value) {
  a.raw(&value, sizeof value);
}

template <class A>
void transfer(A& a, bool& value) {
  std::uint8_t byte = value;
  a.raw(&byte, 1);
  if (byte > 1) throw Error("a flag is neither 0 nor 1");
  value = byte != 0;
}

// The number of elements, each of which takes at least one byte.
std::size_t count(Writer& a, std::size_t n) {
  std::uint64_t value = n;
  transfer(a, value);
  return n;
}
std::size_t count(Reader& a, std::size_t) {
  std::uint64_t value = 0;
  transfer(a, value);
  if (value > a.left()) throw Error(fmt::format("a list of {} elements in {} bytes", value, a.left()));
  return static_cast<std::size_t>(value);
}

template <class A, class E>
void transfer_enum(A& a, E& value, E last) {
  auto number = static_cast<std::uint8_t>(value);
  transfer(a, number);
  if (number > static_cast<std::uint8_t>(last)) throw Error(fmt::format("an enumerator {} that is not known", number));
  value = static_cast<E>(number);
}

template <class A>
void transfer(A& a, DType& v) {
  transfer_enum(a, v, last_dtype);
}
template <class A>
void transfer(A& a, ExtentOp& v) {
  transfer_enum(a, v, ExtentOp::isqrt);
}
template <class A>
void transfer(A& a, ExtentCheck::Kind& v) {
  transfer_enum(a, v, ExtentCheck::Kind::at_least);
}
template <class A>
void transfer(A& a, Role& v) {
  transfer_enum(a, v, Role::workspace);
}
template <class A>
void transfer(A& a, BindingKind& v) {
  transfer_enum(a, v, BindingKind::stacked);
}
template <class A>
void transfer(A& a, ContractionCandidate& v) {
  transfer_enum(a, v, ContractionCandidate::cublaslt);
}

template <class A>
void transfer(A& a, std::string& text) {
  text.resize(count(a, text.size()));
  a.raw(text.data(), text.size());
}

template <class A>
void transfer(A& a, std::vector<std::uint8_t>& bytes) {
  bytes.resize(count(a, bytes.size()));
  a.raw(bytes.data(), bytes.size());
}

template <class A>
void transfer(A& a, std::vector<bool>& flags) {
  const std::size_t n = count(a, flags.size());
  flags.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    bool flag = flags[i];
    transfer(a, flag);
    flags[i] = flag;
  }
}

// Elements are made one by one as they are read: a false count cannot ask for much memory.
template <class A, class T>
void transfer(A& a, std::vector<T>& list) {
  const std::size_t n = count(a, list.size());
  for (std::size_t i = 0; i < n; ++i) {
    if constexpr (A::reading) list.emplace_back();
    transfer(a, list[i]);
  }
}

template <class A, class... T>
void all(A& a, T&... values) {
  (transfer(a, values), ...);
}

template <class A>
void transfer(A& a, SourceLine& line) {
  std::string file = line.file ? line.file : "";
  all(a, file, line.line);
  if constexpr (A::reading) line.file = file.empty() ? nullptr : intern(file);
}

template <class A>
void transfer(A& a, Program& p);

template <class A>
void transfer(A& a, std::shared_ptr<const Program>& body) {
  if constexpr (A::reading) {
    if (++a.depth > deepest_nesting) throw Error(fmt::format("bodies nested deeper than {}", deepest_nesting));
    auto p = std::make_shared<Program>();
    transfer(a, *p);
    body = std::move(p);
    --a.depth;
  } else {
    BITALE_ASSERT(body != nullptr, "a loop or branch without a body cannot be saved");
    transfer(a, const_cast<Program&>(*body));
  }
}

template <class A>
void transfer(A& a, ExtentDef& v) {
  all(a, v.op, v.a, v.b);
}
template <class A>
void transfer(A& a, ExtentCheck& v) {
  all(a, v.kind, v.a, v.b, v.message);
}
template <class A>
void transfer(A& a, Buffer& v) {
  all(a, v.name, v.storage, v.dims, v.role, v.index, v.alias_of, v.keep, v.in_place, v.over);
}
template <class A>
void transfer(A& a, Entry& v) {
  all(a, v.name, v.structure);
}
template <class A>
void transfer(A& a, Launch::Factor& v) {
  all(a, v.value, v.argument, v.per);
}
template <class A>
void transfer(A& a, Launch::Part& v) {
  all(a, v.per_block, v.work, v.least);
}
template <class A>
void transfer(A& a, Launch& v) {
  all(a, v.function, v.image, v.threads, v.per_block, v.work, v.least, v.together, v.cluster);
}
template <class A>
void transfer(A& a, Blob& v) {
  all(a, v.target, v.bytes, v.offsets, v.launches);
}
template <class A>
void transfer(A& a, Constant& v) {
  transfer(a, v.bytes);
}
template <class A>
void transfer(A& a, Port& v) {
  all(a, v.name, v.dtype, v.dims, v.integer_value);
}

template <class A>
void transfer(A& a, KernelStep& v) {
  all(a, v.entry, v.buffers, v.writes, v.extents);
}
template <class A>
void transfer(A& a, LibraryStep& v) {
  all(a, v.function, v.buffers, v.writes, v.extents, v.integers, v.reals, v.entry);
}
template <class A>
void transfer(A& a, CopyStep& v) {
  all(a, v.from, v.to);
}
template <class A>
void transfer(A& a, CheckStep& v) {
  all(a, v.condition, v.message);
}
template <class A>
void transfer(A& a, ContractionDim& v) {
  all(a, v.extent, v.a, v.b, v.operands);
}
template <class A>
void transfer(A& a, ContractionOperand& v) {
  all(a, v.buffer, v.offset, v.unit, v.written);
}
template <class A>
void transfer(A& a, ContractionTile& v) {
  all(a, v.mr, v.nr, v.micro);
}
template <class A>
void transfer(A& a, WholeContraction& v) {
  all(a, v.entry, v.extents, v.finish, v.tf32, v.rounds, v.bias, v.relu);
}
template <class A>
void transfer(A& a, ContractionStep& v) {
  all(a, v.dtype, v.a_storage, v.b_storage, v.batch, v.m, v.n, v.k, v.a, v.b, v.a_offset, v.b_offset, v.keep_a,
      v.keep_b, v.operands, v.epilogue, v.accumulating, v.sliced, v.candidate, v.tile, v.workspace, v.whole);
}
template <class A>
void transfer(A& a, LoopBinding& v) {
  all(a, v.kind, v.outer_in, v.inner_in, v.inner_out, v.outer_out, v.backwards, v.blocks);
}
template <class A>
void transfer(A& a, LoopKernel::Argument& v) {
  transfer_enum(a, v.kind, LoopKernel::Argument::Kind::bytes);
  transfer(a, v.index);
}
template <class A>
void transfer(A& a, LoopKernel& v) {
  all(a, v.entry, v.arguments, v.groups, v.by_rows, v.clusters, v.barriers, v.barriers_once);
}
template <class A>
void transfer(A& a, LoopStep& v) {
  all(a, v.trips, v.until, v.trips_taken, v.bindings, v.body, v.first, v.last, v.ended, v.rows, v.kernel);
}
template <class A>
void transfer(A& a, BranchStep::Binding& v) {
  all(a, v.outer, v.inner, v.written);
}
template <class A>
void transfer(A& a, BranchStep& v) {
  all(a, v.condition, v.then, v.otherwise, v.then_bindings, v.otherwise_bindings);
}
template <class A>
void transfer(A& a, Step& v);
template <class A>
void transfer(A& a, BlockedStep& v) {
  if constexpr (A::reading)
    if (++a.depth > deepest_nesting) throw Error(fmt::format("steps nested deeper than {}", deepest_nesting));
  all(a, v.dim, v.begin, v.size, v.tile, v.local, v.steps);
  if constexpr (A::reading) --a.depth;
}

template <class A, class... T>
void transfer(A& a, std::variant<T...>& v) {
  auto tag = static_cast<std::uint8_t>(v.index());
  transfer(a, tag);
  if (tag >= sizeof...(T)) throw Error(fmt::format("a step of the unknown kind {}", tag));
  if constexpr (A::reading) {
    std::uint8_t i = 0;
    ((i++ == tag ? void(v.template emplace<T>()) : void()), ...);
  }
  std::visit([&](auto& node) { transfer(a, node); }, v);
}

template <class A>
void transfer(A& a, Step& v) {
  all(a, v.node, v.label, v.origins, v.flops);
}

template <class A>
void transfer(A& a, Program& p) {
  all(a, p.name, p.extents, p.checks, p.inputs, p.outputs, p.shareds, p.buffers, p.constants, p.entries, p.blobs,
      p.steps);
}

}  // namespace

std::vector<std::uint8_t> serialize(const Program& program) {
  Writer writer;
  transfer(writer, const_cast<Program&>(program));
  return seal(writer.bytes);
}

Program deserialize(std::span<const std::uint8_t> bytes, const std::string& origin) {
  Reader reader(unseal(bytes, origin));
  Program program;
  try {
    transfer(reader, program);
    if (reader.left() != 0) throw Error(fmt::format("{} bytes follow its end", reader.left()));
    check(program);
  } catch (const std::exception& e) {
    throw Error(fmt::format("{}: not a consistent program: {}", origin, e.what()));
  }
  return program;
}

}  // namespace bitale::program
