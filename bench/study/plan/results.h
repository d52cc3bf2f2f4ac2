// What has been measured, in a file that grows by one line with every measurement, so that a study can go on later.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::bench {

class StudyResults {
 public:
  // Takes from the file what `version` measured (which program on which machine). Lines that are none, as the last one
  // of a study that was killed may be, are left where they are and named in `skipped`. `fresh`: what is there is
  // removed first. Error if the file is there and cannot be read.
  StudyResults(std::filesystem::path file, std::string version, bool fresh);

  const std::string* find(const std::string& key)
      const;  // a result's JSON; null: not measured; the last one, if it was measured several times
  // Appends a line at once. `json` is an object's text. Error if the file cannot be written.
  void add(const std::string& key, const std::string& json);

  const std::vector<std::string>& skipped() const { return skipped_; }

  struct Line {
    std::string key, version;
    std::string json;  // an object's text
  };
  static bool read_line(std::string_view text, Line& line);  // false: it is none

 private:
  std::filesystem::path file_;
  std::string version_;
  bool ends_line_ = true;  // the file does, or is empty
  std::map<std::string, std::string> results_;
  std::vector<std::string> skipped_;
};

}  // namespace bitale::bench
