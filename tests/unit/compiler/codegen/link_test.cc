// The linker on objects made by hand: what it lays out, and what it refuses.

#include "compiler/codegen/link.h"

#include <cstring>

#include <elf.h>

#include "runtime/program/code.h"
#include "tests/support/catch.h"

namespace bitale::codegen {
namespace {

using tests::contains;

// An object with one function `entry` in .text, the constants 41 and 42 in .rodata, and relocations in .text.
struct Relocation {
  std::uint32_t type = R_X86_64_PC32;
  int symbol = 2;  // of the table below
  std::uint64_t offset = 2;
  std::int64_t addend = -4;
};
enum Symbol { none, entry, constant, external };

template <class T>
void append(std::string& out, const T& t) {
  out.append(reinterpret_cast<const char*>(&t), sizeof t);
}

std::string object(const std::string& text, const std::vector<Relocation>& relocations,
                   std::uint64_t data_flags = SHF_ALLOC, std::uint64_t start = 0) {
  const std::string names("\0entry\0constant\0fmaf\0", 21);
  const std::string section_names("\0.text\0.rodata\0.rela\0.symtab\0.strtab\0", 38);
  const std::uint32_t constants[] = {41, 42};
  std::string symbols, rows;
  append(symbols, Elf64_Sym{});
  append(symbols, Elf64_Sym{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, start, text.size()});
  append(symbols, Elf64_Sym{7, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 2, 4, 4});
  append(symbols, Elf64_Sym{16, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0, SHN_UNDEF, 0, 0});
  for (const Relocation& r : relocations)
    append(rows, Elf64_Rela{r.offset, ELF64_R_INFO(static_cast<std::uint64_t>(r.symbol), r.type), r.addend});

  struct Section {
    std::uint32_t name, type;
    std::uint64_t flags;
    std::string bytes;
    std::uint32_t link = 0, info = 0;
    std::uint64_t alignment = 1;
  };
  const Section sections[] = {
      {0, SHT_NULL, 0, ""},
      {1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text, 0, 0, 16},
      {7, SHT_PROGBITS, data_flags, std::string(reinterpret_cast<const char*>(constants), 8), 0, 0, 64},
      {15, SHT_RELA, 0, rows, 4, 1, 8},
      {21, SHT_SYMTAB, 0, symbols, 5, 3, 8},
      {29, SHT_STRTAB, 0, names + section_names}};

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_machine = EM_X86_64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 6;
  header.e_shstrndx = 5;
  std::string bytes(sizeof header, '\0');
  std::vector<Elf64_Shdr> table;
  for (const Section& s : sections) {
    Elf64_Shdr row{};
    row.sh_name = s.name == 0 ? 0 : s.name + static_cast<std::uint32_t>(names.size());
    row.sh_type = s.type, row.sh_flags = s.flags, row.sh_link = s.link, row.sh_info = s.info,
    row.sh_addralign = s.alignment;
    row.sh_offset = bytes.size(), row.sh_size = s.bytes.size();
    bytes += s.bytes;
    table.push_back(row);
  }
  header.e_shoff = bytes.size();
  for (const Elf64_Shdr& row : table) append(bytes, row);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

const std::string load_constant("\x8b\x05\0\0\0\0\xc3", 7);  // mov eax, [rip + constant]; ret

int call(const program::Blob& blob, int entry) {
  const auto code = program::LoadedCode::load(blob);
  return reinterpret_cast<int (*)()>(const_cast<void*>(code->entry(entry)))();
}

TEST_CASE("a linked piece runs wherever it is put") {
  const Piece piece = link(object(load_constant, {{}}));
  const Piece other = {0x90, 0xb8, 7, 0, 0, 0, 0xc3};  // nop; mov eax, 7; ret
  const program::Blob blob = join(std::vector{piece, other, piece}, "x86-64-v2");
  CHECK(blob.offsets == std::vector<std::uint64_t>{0, 128, 192});
  CHECK(blob.bytes.size() % piece_alignment == 0);
  CHECK(call(blob, 0) == 42);
  CHECK(call(blob, 1) == 7);
  CHECK(call(blob, 2) == 42);
}

TEST_CASE("pieces taken out of a program make the same code as new ones") {
  const Piece a = link(object(load_constant, {{}})), b = {0x90, 0xb8, 7, 0, 0, 0, 0xc3};
  const program::Blob ab = join(std::vector{a, b}, "x86-64-v2"), ba = join(std::vector{b, a}, "x86-64-v2");
  const program::Blob again = join(std::vector{piece_of(ab, 1), piece_of(ab, 0)}, "x86-64-v2");
  CHECK(again.bytes == ba.bytes);
  CHECK(again.offsets == ba.offsets);
}

TEST_CASE("code that is not made of pieces is refused") {
  const program::Blob good = join(std::vector<Piece>{{0xc3}, {0xc3}}, "x86-64-v2");
  CHECK(piece_of(good, 1).size() == piece_alignment);
  CHECK_THROWS_AS(piece_of(good, 2), Error);
  const auto refused = [&](auto change) {
    program::Blob bad = good;
    change(bad);
    CHECK_THROWS_AS(piece_of(bad, 0), Error);
  };
  refused([](program::Blob& b) { b.offsets[1] = 32; });
  refused([](program::Blob& b) { b.offsets[1] = 0; });
  refused([](program::Blob& b) { b.offsets[1] = 256; });
  refused([](program::Blob& b) { b.offsets[0] = ~std::uint64_t{0}; });
  refused([](program::Blob& b) { b.offsets[0] = 1; });
}

TEST_CASE("what needs a loader is refused by name") {
  CHECK_THROWS_AS(link(object(load_constant, {{R_X86_64_PLT32, external}})), InternalError);
  CHECK_THROWS_WITH(link(object(load_constant, {{R_X86_64_PLT32, external}})),
                    contains("fmaf") && contains("library call"));
  CHECK_THROWS_WITH(link(object(load_constant, {{R_X86_64_32S, constant}})),
                    contains("'constant'") && contains("not relative"));
  CHECK_THROWS_WITH(link(object(load_constant, {{R_X86_64_GOTPCREL, constant}})), contains("'constant'"));
  CHECK_THROWS_WITH(link(object(load_constant, {{}}, SHF_ALLOC | SHF_WRITE)),
                    contains("written") && contains(".rodata"));
  CHECK_THROWS_WITH(link(object(load_constant, {{}}, SHF_ALLOC, 1)), contains("start with its entry"));
}

}  // namespace
}  // namespace bitale::codegen
