#include "compiler/codegen/link.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/base/error.h"

namespace bitale::codegen {
namespace {

constexpr std::uint64_t unplaced = ~std::uint64_t{0};
constexpr std::uint64_t page = 4096;

// One object as the generator wrote it: headers are read where they lie, and the bytes are our own, so nothing is
// checked but what a change of the code generator could break.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {
    const auto header = at<Elf64_Ehdr>(0);
    BITALE_ASSERT(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_machine == EM_X86_64,
                  "not an x86-64 object");
    for (int i = 0; i < header.e_shnum; ++i)
      sections_.push_back(at<Elf64_Shdr>(header.e_shoff + static_cast<std::uint64_t>(i) * header.e_shentsize));
    names_ = sections_.at(header.e_shstrndx).sh_offset;
    for (const Elf64_Shdr& s : sections_)
      if (s.sh_type == SHT_SYMTAB) symbols_ = &s;
    BITALE_ASSERT(symbols_, "object without symbols");
  }

  template <class T>
  T at(std::uint64_t offset) const {
    BITALE_ASSERT(offset + sizeof(T) <= bytes_.size(), "object is cut short");
    T t;
    std::memcpy(&t, bytes_.data() + offset, sizeof t);
    return t;
  }
  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  std::string name(const Elf64_Shdr& s) const { return bytes_.c_str() + names_ + s.sh_name; }
  const char* data(const Elf64_Shdr& s) const { return bytes_.data() + s.sh_offset; }

  std::size_t symbol_count() const { return symbols_->sh_size / sizeof(Elf64_Sym); }
  Elf64_Sym symbol(std::size_t i) const { return at<Elf64_Sym>(symbols_->sh_offset + i * sizeof(Elf64_Sym)); }
  std::string name(const Elf64_Sym& s) const {
    if (ELF64_ST_TYPE(s.st_info) == STT_SECTION) return name(sections_.at(s.st_shndx));
    return bytes_.c_str() + sections_.at(symbols_->sh_link).sh_offset + s.st_name;
  }

 private:
  const std::string& bytes_;
  std::vector<Elf64_Shdr> sections_;
  std::uint64_t names_ = 0;
  const Elf64_Shdr* symbols_ = nullptr;
};

// Where the loaded sections of one object lie in the blob.
struct Placed {
  Reader reader;
  std::vector<std::uint64_t> base;  // per section; unplaced if it is not loaded

  explicit Placed(const std::string& bytes) : reader(bytes), base(reader.sections().size(), unplaced) {}
};

bool is_loaded(const Elf64_Shdr& s) { return (s.sh_flags & SHF_ALLOC) && s.sh_size > 0; }

void place(Placed& object, bool code, program::Blob& blob) {
  const auto& sections = object.reader.sections();
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Elf64_Shdr& s = sections[i];
    if (!is_loaded(s) || code != bool(s.sh_flags & SHF_EXECINSTR)) continue;
    if ((s.sh_flags & (SHF_WRITE | SHF_TLS)) || s.sh_type != SHT_PROGBITS)
      throw InternalError("generated code has data that is written: section " + object.reader.name(s));
    const std::uint64_t alignment = std::max<std::uint64_t>(s.sh_addralign, 1);
    BITALE_ASSERT(alignment <= page, "section " + object.reader.name(s) + " is aligned beyond a page");
    object.base[i] = (blob.bytes.size() + alignment - 1) / alignment * alignment;
    blob.bytes.resize(object.base[i], code ? 0xcc : 0);
    const char* data = object.reader.data(s);
    blob.bytes.insert(blob.bytes.end(), data, data + s.sh_size);
  }
}

std::uint64_t address_of(const Placed& object, const Elf64_Sym& symbol) {
  if (symbol.st_shndx == SHN_UNDEF)
    throw InternalError("generated code refers to the external symbol '" + object.reader.name(symbol) +
                        "': an instruction became a library call");
  const std::uint64_t base = symbol.st_shndx < object.base.size() ? object.base[symbol.st_shndx] : unplaced;
  if (base == unplaced)
    throw InternalError("generated code refers to '" + object.reader.name(symbol) + "', which is not loaded");
  return base + symbol.st_value;
}

void relocate(const Placed& object, const Elf64_Rela& row, std::uint64_t section_base, program::Blob& blob) {
  const Elf64_Sym symbol = object.reader.symbol(ELF64_R_SYM(row.r_info));
  const std::uint64_t target = address_of(object, symbol);
  const std::uint64_t at = section_base + row.r_offset;
  const auto type = ELF64_R_TYPE(row.r_info);
  const auto distance = static_cast<std::int64_t>(target + static_cast<std::uint64_t>(row.r_addend) - at);
  if (type == R_X86_64_PC64) {
    std::memcpy(&blob.bytes.at(at + 7) - 7, &distance, 8);
    return;
  }
  if (type != R_X86_64_PC32 && type != R_X86_64_PLT32)
    throw InternalError("generated code needs an address of '" + object.reader.name(symbol) +
                        "' that is not relative to the program counter (relocation type " + std::to_string(type) + ")");
  const auto narrow = static_cast<std::int32_t>(distance);
  BITALE_ASSERT(narrow == distance, "blob beyond 2 GiB");
  std::memcpy(&blob.bytes.at(at + 3) - 3, &narrow, 4);
}

void relocate(const Placed& object, program::Blob& blob) {
  for (const Elf64_Shdr& s : object.reader.sections()) {
    BITALE_ASSERT(s.sh_type != SHT_REL, "relocations without addends");
    if (s.sh_type != SHT_RELA || object.base.at(s.sh_info) == unplaced) continue;
    for (std::uint64_t i = 0; i < s.sh_size; i += sizeof(Elf64_Rela))
      relocate(object, object.reader.at<Elf64_Rela>(s.sh_offset + i), object.base[s.sh_info], blob);
  }
}

}  // namespace

program::Blob link(std::span<const Object> objects, int entries, const std::string& target) {
  program::Blob blob;
  blob.target = target;
  std::vector<Placed> placed;
  placed.reserve(objects.size());
  for (const Object& o : objects) placed.emplace_back(o.bytes);
  for (Placed& p : placed) place(p, true, blob);
  for (Placed& p : placed) place(p, false, blob);
  for (const Placed& p : placed) relocate(p, blob);

  blob.offsets.assign(static_cast<std::size_t>(entries), unplaced);
  for (std::size_t o = 0; o < objects.size(); ++o) {
    const Reader& reader = placed[o].reader;
    for (std::size_t i = 1; i < reader.symbol_count(); ++i) {
      const Elf64_Sym symbol = reader.symbol(i);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
      for (const auto& [entry, name] : objects[o].entries)
        if (name == reader.name(symbol))
          blob.offsets.at(static_cast<std::size_t>(entry)) = address_of(placed[o], symbol);
    }
  }
  for (std::size_t i = 0; i < blob.offsets.size(); ++i)
    BITALE_ASSERT(blob.offsets[i] != unplaced, "entry " + std::to_string(i) + " is defined by no object");
  return blob;
}

}  // namespace bitale::codegen
