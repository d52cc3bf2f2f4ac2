// The linker on objects made by hand: what it lays out, and what it refuses.

#include "compiler/codegen/link.h"

#include <cstring>

#include <elf.h>

#include "runtime/program/code.h"
#include "tests/support/catch.h"

namespace bitale::codegen {
namespace {

using tests::contains;

// An object with one function `f` in .text, four bytes 42 in .rodata, and one relocation in .text.
struct Relocation {
  std::uint32_t type = R_X86_64_PC32;
  int symbol = 2;  // of the table below
  std::uint64_t offset = 2;
  std::int64_t addend = -4;
};
enum Symbol { none, f, constant, external };

template <class T>
void append(std::string& out, const T& t) {
  out.append(reinterpret_cast<const char*>(&t), sizeof t);
}

std::string object(const std::string& text, const std::vector<Relocation>& relocations,
                   std::uint64_t data_flags = SHF_ALLOC) {
  const std::string names("\0f\0constant\0fmaf\0", 17);
  const std::string section_names("\0.text\0.rodata\0.rela\0.symtab\0.strtab\0", 38);
  const std::uint32_t answer = 42;
  std::string symbols, rows;
  append(symbols, Elf64_Sym{});
  append(symbols, Elf64_Sym{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0, text.size()});
  append(symbols, Elf64_Sym{3, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 2, 0, 4});
  append(symbols, Elf64_Sym{12, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0, SHN_UNDEF, 0, 0});
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
      {7, SHT_PROGBITS, data_flags, std::string(reinterpret_cast<const char*>(&answer), 4), 0, 0, 64},
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

program::Blob link_one(const std::string& bytes) {
  const Object objects[] = {{bytes, {{0, "f"}}}};
  return link(objects, 1, "x86-64-v2");
}

TEST_CASE("linked code runs wherever it is mapped") {
  const std::string bytes = object(load_constant, {{}});
  const Object objects[] = {{bytes, {{1, "f"}}}, {bytes, {{0, "f"}}}};
  const program::Blob blob = link(objects, 2, "x86-64-v2");
  CHECK(blob.offsets == std::vector<std::uint64_t>{16, 0});
  const auto first = program::LoadedCode::load(blob), second = program::LoadedCode::load(blob);
  CHECK(first->entry(0) != second->entry(0));
  for (const auto& code : {first, second})
    for (int entry : {0, 1}) CHECK(reinterpret_cast<int (*)()>(const_cast<void*>(code->entry(entry)))() == 42);
}

TEST_CASE("what needs a loader is refused by name") {
  CHECK_THROWS_AS(link_one(object(load_constant, {{R_X86_64_PLT32, external}})), InternalError);
  CHECK_THROWS_WITH(link_one(object(load_constant, {{R_X86_64_PLT32, external}})),
                    contains("fmaf") && contains("library call"));
  CHECK_THROWS_WITH(link_one(object(load_constant, {{R_X86_64_32S, constant}})),
                    contains("'constant'") && contains("not relative"));
  CHECK_THROWS_WITH(link_one(object(load_constant, {{R_X86_64_GOTPCREL, constant}})), contains("'constant'"));
  CHECK_THROWS_WITH(link_one(object(load_constant, {{}}, SHF_ALLOC | SHF_WRITE)),
                    contains("written") && contains(".rodata"));
  const std::string bytes = object(load_constant, {{}});
  const Object objects[] = {{bytes, {{0, "f"}}}};
  CHECK_THROWS_WITH(link(objects, 2, "x86-64-v2"), contains("entry 1"));
}

}  // namespace
}  // namespace bitale::codegen
