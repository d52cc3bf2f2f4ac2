#include "models/data/image_set.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "models/data/file.h"
#include "models/data/image_database.h"
#include "models/data/jpeg.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* labels_file = "labels.tsv";

std::optional<MeanPicture> mean_in(const fs::path& folder) {
  const fs::path path = folder / mean_file_name;
  std::error_code failure;
  if (!fs::exists(path, failure)) return std::nullopt;
  return parse_mean(read_data_file(path), path.string());
}

// ---- a folder ----

class FolderImages : public ImageSet {
 public:
  FolderImages(fs::path folder, std::vector<LabelledFile> files)
      : folder_(std::move(folder)), files_(std::move(files)) {}

  std::string source() const override { return folder_.string(); }
  std::int64_t count() const override { return static_cast<std::int64_t>(files_.size()); }
  std::string name(std::int64_t index) const override { return at(index).file; }
  std::optional<MeanPicture> mean() const override { return mean_in(folder_); }
  bool scaled() const override { return false; }

  void get(std::int64_t index, const std::function<void(const Datum&)>& use) const override {
    const LabelledFile& file = at(index);
    const std::string bytes = read_data_file(folder_ / file.file);
    use({.data = bytes, .label = file.label, .encoded = true});
  }

 private:
  const LabelledFile& at(std::int64_t index) const { return files_[static_cast<std::size_t>(index)]; }

  fs::path folder_;
  std::vector<LabelledFile> files_;
};

bool is_jpeg_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return ending == ".jpg" || ending == ".jpeg";
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure))
    entries.push_back(at->path());
  if (failure) throw Error(fmt::format("the folder '{}' cannot be read: {}.", folder.string(), failure.message()));
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<LabelledFile> files_of_classes(const fs::path& folder) {
  std::vector<LabelledFile> files;
  std::int32_t label = 0;
  for (const fs::path& path : sorted_entries(folder)) {
    if (!fs::is_directory(path)) continue;
    const std::size_t before = files.size();
    for (const fs::path& file : sorted_entries(path))
      if (is_jpeg_name(file)) files.push_back({(path.filename() / file.filename()).string(), label});
    if (files.size() > before) ++label;  // a folder without pictures is no class
  }
  return files;
}

// ---- a database ----

class DatabaseImages : public ImageSet {
 public:
  explicit DatabaseImages(const fs::path& folder) : database_(folder) {}

  std::string source() const override { return database_.folder().string(); }
  std::int64_t count() const override { return database_.count(); }
  std::optional<MeanPicture> mean() const override { return mean_in(database_.folder()); }
  bool scaled() const override { return true; }
  // Of a key, what lies behind its index.
  std::string name(std::int64_t index) const override {
    const std::string& key = database_.key(index);
    const auto underscore = key.find('_');
    return underscore == std::string::npos ? key : key.substr(underscore + 1);
  }

  void get(std::int64_t index, const std::function<void(const Datum&)>& use) const override {
    database_.read(index, [&](std::string_view value) { use(parse_datum(value, database_.key(index))); });
  }

 private:
  ImageDatabase database_;
};

// ---- labels.tsv ----

constexpr std::size_t no_column = std::numeric_limits<std::size_t>::max();

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find('\t', begin);
    cells.push_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return cells;
    begin = end + 1;
  }
}

std::size_t column_of(const std::vector<std::string_view>& header, std::string_view title) {
  const auto at = std::find(header.begin(), header.end(), title);
  return at == header.end() ? no_column : static_cast<std::size_t>(at - header.begin());
}

bool lies_inside(std::string_view file) {
  const fs::path path(file);
  return !file.empty() && file.find('\0') == std::string_view::npos && path.is_relative() &&
         std::find(path.begin(), path.end(), "..") == path.end();
}

LabelledFile parse_row(const std::vector<std::string_view>& cells, std::size_t file, std::size_t label,
                       const std::string& where) {
  if (cells.size() <= std::max(file, label))
    throw Error(
        fmt::format("{}: {} columns; {} were expected at least.", where, cells.size(), std::max(file, label) + 1));
  LabelledFile row{std::string(cells[file]), 0};
  if (!lies_inside(row.file))
    throw Error(fmt::format("{}: '{}' is not the name of a file in this folder or below.", where, row.file));
  const char *begin = cells[label].data(), *end = begin + cells[label].size();
  const auto [rest, failure] = std::from_chars(begin, end, row.label);
  if (failure != std::errc{} || rest != end || row.label < 0)
    throw Error(fmt::format("{}: the class is '{}'; a number from 0 was expected.", where, cells[label]));
  return row;
}

}  // namespace

std::vector<LabelledFile> parse_labels(std::string_view text, const std::string& name) {
  std::vector<LabelledFile> rows;
  std::size_t file = no_column, label = no_column;
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    std::string_view content = text.substr(0, end);
    if (content.ends_with('\r')) content.remove_suffix(1);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::vector<std::string_view> cells = cells_of(content);
    if (line == 1) {
      file = column_of(cells, "file");
      label = column_of(cells, "class");
      if (file == no_column || label == no_column)
        throw Error(fmt::format("'{}', line 1: columns 'file' and 'class' were expected.", name));
    } else {
      rows.push_back(parse_row(cells, file, label, fmt::format("'{}', line {}", name, line)));
    }
  }
  if (rows.empty()) throw Error(fmt::format("'{}' names no pictures.", name));
  return rows;
}

Picture read_picture(const Datum& datum, const std::string& name, const ReadOptions& options) {
  Picture picture;
  if (!datum.encoded) {
    picture = copy(view(datum, name));
  } else if (options.side > 0) {
    picture = decode_jpeg(datum.data, name, fitted(jpeg_size(datum.data, name), options.side, options.fit));
  } else {
    picture = decode_jpeg(datum.data, name);
  }
  return resized(picture, fitted(picture.size, options.side, options.fit));
}

void ImageSet::read(std::int64_t index, const ReadOptions& options, const Use& use) const {
  get(index, [&](const Datum& datum) {
    const std::string name = this->name(index);
    if (!datum.encoded) {
      const PictureView pixels = view(datum, name);
      if (fitted(pixels.size, options.side, options.fit) == pixels.size) return use(pixels, datum.label);
    }
    const Picture picture = read_picture(datum, name, options);
    use(view(picture), datum.label);
  });
}

std::unique_ptr<ImageSet> open_images(const fs::path& path) {
  if (is_database(path)) return std::make_unique<DatabaseImages>(path);
  std::error_code failure;
  if (!fs::is_directory(path, failure))
    throw Error(fmt::format("'{}' is no folder of pictures: there is {}.", path.string(),
                            fs::exists(path, failure) ? "a file of this name" : "nothing of this name"));
  const fs::path labels = path / labels_file;
  std::vector<LabelledFile> files =
      fs::exists(labels, failure) ? parse_labels(read_data_file(labels), labels.string()) : files_of_classes(path);
  if (files.empty())
    throw Error(
        fmt::format("there are no pictures in '{}': a {} with columns 'file' and 'class' was looked for, a "
                    "data.mdb, and subfolders with JPEGs.",
                    path.string(), labels_file));
  return std::make_unique<FolderImages>(path, std::move(files));
}

}  // namespace bitale::models
