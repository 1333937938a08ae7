// For the tests of this folder: a repository in memory, a site on disk, a clock that stands still.
#pragma once

#include "backup/backup.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "base/units.hpp"
#include "repository/repository.hpp"
#include "sources/filesystem/filesystem_source.hpp"
#include "storage/memory/memory_backend.hpp"

#include <fstream>
#include <map>
#include <string>

namespace holdfast::backup {

class TestSite {
public:
  TestSite() : repository_(make_repository(*backend_)) {}

  std::string path(const std::string& name = {}) const {
    return site_.path() + (name.empty() ? "" : "/" + name);
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }
  static std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, '\0');
    base::SeededRandom(seed).fill(std::as_writable_bytes(std::span(text)));
    return text;
  }

  BackupItem files() const {
    return {repository::ItemKind::files, sources::open_filesystem(path(), {})};
  }
  BackupRequest request() const {
    BackupRequest made;
    made.site = "test";
    made.host = "here";
    made.threads = 3;
    return made;
  }
  /// Changes made between two runs carry different times: by the clock the last ones are old.
  BackupResult back_up(BackupRequest made, std::stop_token stopping = {}) {
    clock_.advance_seconds(10);
    return run_backup(*repository_, std::move(made), progress_, std::move(stopping));
  }
  BackupResult back_up() {
    auto made = request();
    made.items.push_back(files());
    return back_up(std::move(made));
  }

  /// All files below a node: path -> content (symlinks: target, directories: "").
  std::map<std::string, std::string> contents(const repository::Snapshot& snapshot) {
    std::map<std::string, std::string> found;
    for (const auto& item : snapshot.items)
      collect(item.root, "", found);
    return found;
  }
  std::string content_of(repository::Node node) {
    repository::attach_lists(node, repository_->chunks());
    std::string text;
    for (const auto& id : node.chunks)
      text += base::as_text(repository_->chunks().load(id));
    return text;
  }

  repository::Repository& repository() { return *repository_; }
  storage::Backend& backend() { return *backend_; }
  base::ManualClock& clock() { return clock_; }
  /// Opens the same store again, as another process would, through `store`.
  void reopen(storage::Backend& store) { repository_ = open_repository(store); }
  void reopen() { reopen(*backend_); }

private:
  repository::Environment environment() { return {clock_, random_, cache_.path()}; }
  std::unique_ptr<repository::Repository> make_repository(storage::Backend& store) {
    repository::CreateOptions options;
    options.cost = {1, 8192};
    return repository::Repository::create(store, secret(), options, environment());
  }
  std::unique_ptr<repository::Repository> open_repository(storage::Backend& store) {
    return repository::Repository::open(store, secret(), environment());
  }
  static base::Secret secret() { return base::Secret(base::as_bytes("pass")); }

  void collect(const repository::Node& node, const std::string& above,
               std::map<std::string, std::string>& found) {
    const auto name = above + "/" + node.entry.name;
    if (node.tree) {
      found[name] = "";
      repository::read_tree(*node.tree, repository_->chunks(), [&](repository::Node&& below) {
        collect(below, name, found);
        return true;
      });
    } else {
      found[name] = node.entry.kind == sources::EntryKind::symlink ? node.entry.link_target
                                                                   : content_of(node);
    }
  }

  base::TemporaryDirectory site_;
  base::TemporaryDirectory cache_;
  base::SystemRandom random_;
  base::ManualClock clock_{base::SystemClock().wall_now()};
  base::NoProgress progress_;
  std::unique_ptr<storage::Backend> backend_ = storage::open_memory();
  std::unique_ptr<repository::Repository> repository_;
};

}  // namespace holdfast::backup
