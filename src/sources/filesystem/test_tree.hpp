#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/temporary_directory.hpp"
#include "sources/filesystem/filesystem_source.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace holdfast::sources::test {

/// A scratch tree for one test.
class ScratchTree {
public:
  explicit ScratchTree(const std::string& parent = {}) : directory_(parent) {}

  const std::string& path() const { return directory_.path(); }
  std::string at(const std::string& name) const { return directory_.file(name); }

  void make_directory(const std::string& name) const {
    ASSERT_EQ(::mkdir(at(name).c_str(), 0755), 0) << name;
  }
  void write(const std::string& name, std::string_view text) const {
    const base::Fd file = base::open_file(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    base::write_all(file.get(), base::as_bytes(text), name);
  }

private:
  base::TemporaryDirectory directory_;
};

/// Keeps what was told.
struct Problems {
  std::vector<ItemProblem> told;
  ProblemSink sink() {
    return [this](ItemProblem problem) { told.push_back(std::move(problem)); };
  }
};

/// Everything below the root by its relative path, details filled.
inline std::map<std::string, ListedEntry> walk(TreeSource& source, const ProblemSink& problems) {
  std::map<std::string, ListedEntry> found;
  std::function<void(const std::shared_ptr<SourceDirectory>&, const std::string&)> visit =
      [&](const std::shared_ptr<SourceDirectory>& directory, const std::string& prefix) {
        for (ListedEntry& listed : directory->list(problems)) {
          directory->load_details(listed, problems);
          const std::string path = prefix + listed.entry.name;
          if (listed.entry.kind == EntryKind::directory) {
            try {
              visit(directory->open_directory(listed), path + "/");
            } catch (const base::Error& error) {
              problems({path, error.kind(), error.what()});
            }
          }
          found.emplace(path, std::move(listed));
        }
      };
  visit(source.open_root(), "");
  return found;
}

inline std::vector<std::string> names_of(const std::map<std::string, ListedEntry>& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries)
    names.push_back(name);
  return names;
}

inline std::string content_of(SourceFile& file) {
  std::string text(1 << 16, '\0');
  text.resize(file.read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace holdfast::sources::test
