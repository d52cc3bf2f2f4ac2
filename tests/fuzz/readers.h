// Everything of ours that reads bytes from outside, as functions of bytes: what libFuzzer drives (`./dev fuzz`), and
// what the ordinary tests feed with seeds and with what libFuzzer found before (tests/fuzz/corpus/<name>).
//
// A frame with a hash around the content (saved programs, indices of kernels) is put around the bytes here, so that
// damage reaches what lies behind it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitale::tests {

using Bytes = std::vector<std::uint8_t>;

struct ReaderUnderTest {
  const char* name;
  // True if the bytes were read, false if they were refused with an Error. Anything else that is thrown is a fault; so
  // is content that was taken and is not consistent, which throws std::logic_error.
  bool (*read)(std::span<const std::uint8_t> bytes);
  // Content that is read, of every kind that there is; small.
  std::vector<Bytes> (*seeds)();
};

std::span<const ReaderUnderTest> readers_under_test();
const ReaderUnderTest& reader_under_test(const std::string& name);

// The seeds, each made in the file of its kind.
std::vector<Bytes> graph_text_seeds();
std::vector<Bytes> program_seeds();
std::vector<Bytes> kernel_index_seeds();
std::vector<Bytes> safetensors_seeds();
std::vector<Bytes> idx_seeds();
std::vector<Bytes> datum_seeds();
std::vector<Bytes> jpeg_seeds();
std::vector<Bytes> mean_picture_seeds();
std::vector<Bytes> picture_labels_seeds();
std::vector<Bytes> reviews_seeds();
std::vector<Bytes> vocabulary_seeds();
std::vector<Bytes> lengths_seeds();
std::vector<Bytes> paper_table_seeds();
std::vector<Bytes> study_result_seeds();

}  // namespace bitale::tests
