// A set of pictures with labels, wherever it lies: what is decoded, batched and converted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/data/datum.h"
#include "models/data/picture.h"

namespace bitale::models {

// What pictures are asked for as: picture.h's fitted().
struct ReadOptions {
  std::int64_t side = 0;  // 0: as they are
  Fit fit = Fit::shorter;
};

// All functions may be called by several threads at once.
class ImageSet {
 public:
  virtual ~ImageSet() = default;

  virtual std::string source() const = 0;                  // where it lies, in words for a person
  virtual std::int64_t count() const = 0;                  // at least 1
  virtual std::string name(std::int64_t index) const = 0;  // of a picture, in messages and keys
  virtual std::optional<MeanPicture> mean() const = 0;     // that lies with the set, if one does
  virtual bool scaled() const = 0;                         // somebody saw to the size of its pictures: a database

  // Calls `use` with what the set holds, pixels or the bytes of a JPEG file, which is gone when it returns.
  virtual void get(std::int64_t index, const std::function<void(const Datum& datum)>& use) const = 0;

  // Calls `use` with the picture, decoded and of the size asked for, whose pixels are gone when it returns. Error that
  // names the picture if it cannot be read.
  using Use = std::function<void(const PictureView& picture, std::int32_t label)>;
  void read(std::int64_t index, const ReadOptions& options, const Use& use) const;
};

// The picture of a Datum as `options` ask for it.
Picture read_picture(const Datum& datum, const std::string& name, const ReadOptions& options);

// A database (it has a data.mdb), or a folder of JPEGs. What the pictures of a folder are is said by its labels.tsv, or
// else by its subfolders: each is a class, numbered in alphabetical order, and all *.jpg, *.jpeg and *.JPEG in it
// belong to it. Pictures are numbered in the order of labels.tsv, or of classes and names. Error if there is none.
std::unique_ptr<ImageSet> open_images(const std::filesystem::path& path);

struct LabelledFile {
  std::string file;  // relative to the folder
  std::int32_t label = 0;
};

// Lines of tab-separated columns, behind a line that names them: `file` and `class`, a number from 0, are needed;
// others are passed over. Error that names the line if something else is there, or the file would lie outside the
// folder.
std::vector<LabelledFile> parse_labels(std::string_view text, const std::string& name);

}  // namespace bitale::models
