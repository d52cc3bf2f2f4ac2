#include "tests/fuzz/readers.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

#include "bench/study/plan/figures.h"
#include "bench/study/plan/paper.h"
#include "bench/study/plan/results.h"
#include "compiler/codegen/link.h"
#include "compiler/driver/kernel_cache.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/parse.h"
#include "models/data/datum.h"
#include "models/data/idx.h"
#include "models/data/image_set.h"
#include "models/data/reviews.h"
#include "models/data/safetensors.h"
#include "models/data/study_lengths.h"
#include "models/data/tokens.h"
#include "models/data/utf8.h"
#include "models/data/vocabulary.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/program/format.h"
#include "runtime/program/placement.h"
#include "runtime/program/serialize.h"
#include "tests/support/temp_folder.h"

namespace bitale::tests {
namespace {

void must(bool condition, const std::string& what) {
  if (!condition) throw std::logic_error("taken, but " + what);
}

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- graph text ----

bool read_graph_text(std::span<const std::uint8_t> bytes) {
  ops::register_all();
  const std::string text(bytes.begin(), bytes.end());
  ir::Graph graph;
  try {
    graph = ir::parse(text);
  } catch (const Error&) {
    return false;
  }
  ir::verify(graph);
  const std::string printed = ir::to_string(graph, false, true);
  must(ir::to_string(ir::parse(printed), false, true) == printed, "its text is not read back:\n" + printed);
  return true;
}

// ---- saved programs: parser, verifier, placement, and the pieces of its code ----

constexpr std::int64_t axis_extent = 3, scalar_value = 2;

// Placed for a call with inputs of these extents, if the program's checks let it.
void place_somehow(const program::Program& p) {
  program::CallShapes shapes;
  for (const program::Port& port : p.inputs) shapes.inputs.emplace_back(port.dims.size(), axis_extent);
  for (const program::Port& port : p.shareds) shapes.shareds.emplace_back(port.dims.size(), axis_extent);
  shapes.values.assign(p.inputs.size(), scalar_value);
  const program::Placement placed = program::place(p, program::evaluate_extents(p, shapes), 2);
  for (std::size_t b = 0; b < p.buffers.size(); ++b)
    must(placed.offsets[b] < 0 || (placed.bytes[b] >= 0 && placed.offsets[b] + placed.bytes[b] <= placed.arena_bytes),
         "buffer " + std::to_string(b) + " lies outside the arena");
}

bool read_program(std::span<const std::uint8_t> bytes) {
  program::Program p;
  try {
    p = program::deserialize(program::seal(bytes), "bytes");
  } catch (const Error&) {
    return false;
  }
  program::to_string(p);
  const auto again = program::serialize(p);
  must(program::to_string(program::deserialize(again, "again")) == program::to_string(p), "it does not come back");
  for (const program::Blob& blob : p.blobs)
    for (std::size_t i = 0; i < p.entries.size(); ++i) try {
        codegen::piece_of(blob, i);
      } catch (const Error&) {
      }
  try {
    place_somehow(p);
  } catch (const Error&) {
  } catch (const InternalError&) {  // found here, where extents are known: a contraction that leaves its buffers
  }
  return true;
}

// ---- the index of cached kernels ----

// As compiler/driver/kernel_cache.cc writes it.
Bytes index_file(std::span<const std::uint8_t> rows) {
  constexpr std::size_t row_bytes = 32;
  const std::uint64_t count = rows.size() / row_bytes;
  const Digest digest = Hasher().bytes(rows.data(), rows.size()).digest();
  Bytes file(8 + 8 + 16);
  std::memcpy(file.data(), "BITALEK\n", 8);
  std::memcpy(file.data() + 8, &count, 8);
  std::memcpy(file.data() + 16, digest.words.data(), 16);
  file.insert(file.end(), rows.begin(), rows.end());
  return file;
}

// A cache with one program in it, and the index of its kernels.
struct CacheInFolder {
  TempFolder folder;
  driver::Cache cache{folder.path().string()};
  driver::KernelCache kernels{cache, Isa::v3, false};
  program::Program program;
  std::filesystem::path index;

  CacheInFolder() {
    program.name = "code";
    program.entries = {{"kernel", "structure 0"}, {"kernel", "structure 1"}};
    const std::vector<codegen::Piece> pieces(2, codegen::Piece{0xc3});
    program.blobs.push_back(codegen::join(pieces, target_of(Isa::v3)));
    const Digest key = Hasher().text("code").digest();
    cache.store(key, program);
    kernels.add(program.entries, key);
    for (const auto& file : std::filesystem::directory_iterator(folder.path()))
      if (file.path().extension() == ".kernels") index = file.path();
  }
};

CacheInFolder& cache_in_folder() {
  static CacheInFolder one;
  return one;
}

// The first byte says whether the frame is right or is part of the bytes.
bool read_kernel_index(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return false;
  CacheInFolder& c = cache_in_folder();
  const Bytes file = bytes[0] % 2 ? index_file(bytes.subspan(1)) : Bytes(bytes.begin() + 1, bytes.end());
  std::ofstream(c.index, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  const auto count =
      driver::kernels_in(c.cache, {driver::CacheEntry::Kind::kernel_index, c.index.stem().string(), 0, 0});
  if (!count) return false;
  must(*count * 32 + 32 == static_cast<std::int64_t>(file.size()), "it has another number of rows");
  for (const auto& piece : c.kernels.find(c.program.entries))
    must(!piece || piece->front() == 0xc3, "a kernel has other code");
  return true;
}

// ---- checkpoints and data ----

// A file that exists in memory alone.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::uint8_t> bytes) : descriptor_(memfd_create("bytes", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("no file in memory");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

bool read_safetensors(std::span<const std::uint8_t> bytes) {
  try {
    const MemoryFile file(bytes);
    std::size_t total = 0;
    for (const auto& [name, array] : models::read_safetensors(file.path()).arrays) total += array.bytes();
    must(total <= bytes.size(), "its arrays have more bytes than the file");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool read_idx(std::span<const std::uint8_t> bytes) {
  const std::string_view text = text_of(bytes);
  bool read = false;
  for (std::size_t rank = 1; rank <= 3; ++rank) try {
      const models::Idx idx = models::parse_idx(text, rank, "bytes");
      std::size_t count = 1;
      for (const std::uint32_t e : idx.extents) count *= e;
      must(count == idx.bytes.size() && count <= bytes.size(), "its extents are not those of its elements");
      read = true;
    } catch (const Error&) {
    }
  return read;
}

// ---- pictures ----

void check_pixels(const models::PictureView& picture) {
  const models::Picture pixels = models::copy(picture);
  must(picture.size.width >= 1 && picture.size.height >= 1, "it is a picture without pixels");
  must(pixels.size == picture.size, "its copy has another size");
}

// Files in databases are read by read_jpeg.
bool read_datum(std::span<const std::uint8_t> bytes) {
  try {
    const models::Datum datum = models::parse_datum(text_of(bytes), "bytes");
    must(datum.data.size() <= bytes.size(), "it has more bytes than there are");
    if (!datum.encoded) check_pixels(models::view(datum, "bytes"));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// As it is, and as it is read to be scaled down.
bool read_jpeg(std::span<const std::uint8_t> bytes) {
  const models::Datum datum{.data = text_of(bytes), .encoded = true};
  bool read = false;
  for (const models::ReadOptions& options : {models::ReadOptions{}, models::ReadOptions{3, models::Fit::square}}) try {
      const models::Picture picture = models::read_picture(datum, "bytes", options);
      must(options.side == 0 || picture.size == models::PictureSize{options.side, options.side}, "it has another size");
      check_pixels(models::view(picture));
      read = true;
    } catch (const Error&) {
    }
  return read;
}

bool read_mean_picture(std::span<const std::uint8_t> bytes) {
  try {
    const models::MeanPicture mean = models::parse_mean(text_of(bytes), "bytes");
    must(mean.values.size() * sizeof(float) <= bytes.size(), "it has more values than there are bytes");
    const models::MeanPicture again = models::parse_mean(models::to_bytes(mean), "again");
    must(again.size == mean.size && again.values == mean.values, "it is not read back");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool read_picture_labels(std::span<const std::uint8_t> bytes) {
  try {
    for (const models::LabelledFile& row : models::parse_labels(text_of(bytes), "bytes"))
      must(!row.file.empty() && row.file[0] != '/' && row.label >= 0, "it has a row that is none");
    return true;
  } catch (const Error&) {
    return false;
  }
}

// ---- texts ----

void check_tokens(std::string_view text) {
  for (const std::string& token : models::tokenize(text)) {
    must(!token.empty() && models::find_malformed(token) == std::string_view::npos, "it has a token that is no text");
    for (const char c : token) must(c < 0 || c > ' ', "it has a token with white space");
  }
}

// Both tables: IMDB's and that of the bundled sentences.
bool read_reviews(std::span<const std::uint8_t> bytes) {
  bool read = false;
  for (const auto parse : {models::parse_reviews, models::parse_snippets}) try {
      const std::vector<models::Review> reviews = parse(text_of(bytes), "bytes");
      must(!reviews.empty(), "it has no reviews");
      for (const models::Review& review : reviews) {
        must(!review.text.empty() && (review.label == 0 || review.label == 1), "it has a review that is none");
        must(review.rating >= -4 && review.rating <= 10, "it has a rating that is none");
        check_tokens(review.text);
      }
      read = true;
    } catch (const Error&) {
    }
  return read;
}

bool read_vocabulary(std::span<const std::uint8_t> bytes) {
  check_tokens(text_of(bytes));
  try {
    const models::Vocabulary vocabulary = models::parse_vocabulary(text_of(bytes), "bytes");
    must(models::to_text(vocabulary).size() <= bytes.size() + 1, "it has more words than the file");
    must(models::parse_vocabulary(models::to_text(vocabulary), "again").words() == vocabulary.words(),
         "its text is not read back");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool read_lengths(std::span<const std::uint8_t> bytes) {
  try {
    const std::vector<std::int64_t> lengths = models::parse_lengths(text_of(bytes), "bytes");
    for (const std::int64_t length : lengths) must(length >= 1 && length <= 10000, "it has a length that is none");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool read_paper_table(std::span<const std::uint8_t> bytes) {
  try {
    for (const bench::PaperRow& row : bench::parse_paper_table(text_of(bytes), "bytes"))
      must(row.value > 0 && (row.device == "cpu" || row.device == "gpu"), "it has a row that is none");
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A line of a study's results, taken as a run's and as a compilation's.
bool read_study_result(std::span<const std::uint8_t> bytes) {
  bench::StudyResults::Line line;
  if (!bench::StudyResults::read_line(text_of(bytes), line)) return false;
  bool read = false;
  for (const auto kind : {bench::StudyKind::run, bench::StudyKind::compile}) try {
      const bench::StudyFigures figures = bench::figures_from_json(kind, line.key, line.json);
      must(!figures.run || figures.run->gflops(true) > 0, "its rate is none");
      must(!figures.compile || figures.compile->first.seconds > 0, "its time is none");
      read = true;
    } catch (const Error&) {
    }
  return read;
}

constexpr ReaderUnderTest list[] = {
    {"graph_text", read_graph_text, graph_text_seeds},        // compiler/ir/parse.h
    {"program", read_program, program_seeds},                 // runtime/program/serialize.h: cache entries, too
    {"kernel_index", read_kernel_index, kernel_index_seeds},  // compiler/driver/kernel_cache.h
    {"safetensors", read_safetensors, safetensors_seeds},     // models/data/safetensors.h: checkpoints
    {"idx", read_idx, idx_seeds},                             // models/data/idx.h: MNIST's files
    {"datum", read_datum, datum_seeds},                       // models/data/datum.h: values of databases of pictures
    {"jpeg", read_jpeg, jpeg_seeds},                          // models/data/jpeg.h, and what scales its pictures
    {"mean_picture", read_mean_picture, mean_picture_seeds},  // models/data/datum.h
    {"picture_labels", read_picture_labels, picture_labels_seeds},  // models/data/image_set.h: labels.tsv
    {"reviews", read_reviews, reviews_seeds},                 // models/data/reviews.h, and the tokens of their texts
    {"vocabulary", read_vocabulary, vocabulary_seeds},        // models/data/vocabulary.h
    {"lengths", read_lengths, lengths_seeds},                 // models/data/study_lengths.h
    {"paper_table", read_paper_table, paper_table_seeds},     // bench/study/plan/paper.h
    {"study_result", read_study_result, study_result_seeds},  // bench/study/plan/results.h
};

}  // namespace

std::span<const ReaderUnderTest> readers_under_test() { return list; }

const ReaderUnderTest& reader_under_test(const std::string& name) {
  for (const ReaderUnderTest& reader : list)
    if (name == reader.name) return reader;
  throw std::runtime_error("there is no reader '" + name + "'");
}

}  // namespace bitale::tests
