#include "compiler/codegen/link.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/base/error.h"

namespace bitale::codegen {
namespace {

constexpr std::uint64_t unplaced = ~std::uint64_t{0};

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

// Where the loaded sections of an object lie in its piece.
struct Placed {
  Reader reader;
  std::vector<std::uint64_t> base;  // per section; unplaced if it is not loaded

  explicit Placed(const std::string& bytes) : reader(bytes), base(reader.sections().size(), unplaced) {}
};

bool is_loaded(const Elf64_Shdr& s) { return (s.sh_flags & SHF_ALLOC) && s.sh_size > 0; }

void pad(Piece& piece, std::uint64_t alignment, bool code) {
  piece.resize((piece.size() + alignment - 1) / alignment * alignment, code ? 0xcc : 0);
}

void place(Placed& object, bool code, Piece& piece) {
  const auto& sections = object.reader.sections();
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Elf64_Shdr& s = sections[i];
    if (!is_loaded(s) || code != bool(s.sh_flags & SHF_EXECINSTR)) continue;
    if ((s.sh_flags & (SHF_WRITE | SHF_TLS)) || s.sh_type != SHT_PROGBITS)
      throw InternalError("generated code has data that is written: section " + object.reader.name(s));
    const std::uint64_t alignment = std::max<std::uint64_t>(s.sh_addralign, 1);
    BITALE_ASSERT(alignment <= piece_alignment, "section " + object.reader.name(s) + " is aligned beyond a piece");
    pad(piece, alignment, code);
    object.base[i] = piece.size();
    const char* data = object.reader.data(s);
    piece.insert(piece.end(), data, data + s.sh_size);
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

void relocate(const Placed& object, const Elf64_Rela& row, std::uint64_t section_base, Piece& piece) {
  const Elf64_Sym symbol = object.reader.symbol(ELF64_R_SYM(row.r_info));
  const std::uint64_t target = address_of(object, symbol);
  const std::uint64_t at = section_base + row.r_offset;
  const auto type = ELF64_R_TYPE(row.r_info);
  const auto distance = static_cast<std::int64_t>(target + static_cast<std::uint64_t>(row.r_addend) - at);
  if (type == R_X86_64_PC64) {
    std::memcpy(&piece.at(at + 7) - 7, &distance, 8);
    return;
  }
  if (type != R_X86_64_PC32 && type != R_X86_64_PLT32)
    throw InternalError("generated code needs an address of '" + object.reader.name(symbol) +
                        "' that is not relative to the program counter (relocation type " + std::to_string(type) + ")");
  const auto narrow = static_cast<std::int32_t>(distance);
  BITALE_ASSERT(narrow == distance, "piece beyond 2 GiB");
  std::memcpy(&piece.at(at + 3) - 3, &narrow, 4);
}

void relocate(const Placed& object, Piece& piece) {
  for (const Elf64_Shdr& s : object.reader.sections()) {
    BITALE_ASSERT(s.sh_type != SHT_REL, "relocations without addends");
    if (s.sh_type != SHT_RELA || object.base.at(s.sh_info) == unplaced) continue;
    for (std::uint64_t i = 0; i < s.sh_size; i += sizeof(Elf64_Rela))
      relocate(object, object.reader.at<Elf64_Rela>(s.sh_offset + i), object.base[s.sh_info], piece);
  }
}

bool starts_with_entry(const Placed& object) {
  for (std::size_t i = 1; i < object.reader.symbol_count(); ++i) {
    const Elf64_Sym symbol = object.reader.symbol(i);
    if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && object.reader.name(symbol) == entry_symbol)
      return address_of(object, symbol) == 0;
  }
  return false;
}

}  // namespace

Piece link(const std::string& object) {
  Piece piece;
  Placed placed(object);
  place(placed, true, piece);
  place(placed, false, piece);
  relocate(placed, piece);
  BITALE_ASSERT(starts_with_entry(placed), "an object whose code does not start with its entry");
  return piece;
}

program::Blob join(std::span<const Piece> pieces, const std::string& target) {
  program::Blob blob;
  blob.target = target;
  for (const Piece& piece : pieces) {
    blob.offsets.push_back(blob.bytes.size());
    blob.bytes.insert(blob.bytes.end(), piece.begin(), piece.end());
    pad(blob.bytes, piece_alignment, true);
  }
  return blob;
}

Piece piece_of(const program::Blob& blob, std::size_t entry) {
  const auto bound = [&](std::size_t i) { return i < blob.offsets.size() ? blob.offsets[i] : blob.bytes.size(); };
  const std::uint64_t begin = bound(entry), end = bound(entry + 1);
  if (entry >= blob.offsets.size() || begin >= end || end > blob.bytes.size() || begin % piece_alignment != 0 ||
      end % piece_alignment != 0)
    throw Error("code for " + blob.target + " has no piece " + std::to_string(entry));
  return {blob.bytes.begin() + static_cast<std::ptrdiff_t>(begin),
          blob.bytes.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace bitale::codegen
