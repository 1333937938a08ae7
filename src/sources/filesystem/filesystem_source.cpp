#include "sources/filesystem/filesystem_source.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "directory.hpp"
#include "kernel.hpp"
#include "regular_file.hpp"
#include "tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class FilesystemTree final : public TreeSource {
public:
  explicit FilesystemTree(std::shared_ptr<Tree> tree) : tree_(std::move(tree)) {}

  const std::string& path() const override { return tree_->path(); }

  ListedEntry root(const ProblemSink& problems) override {
    ListedEntry listed = look_at(path(), AT_SYMLINK_NOFOLLOW);
    listed.entry.name = last_part(path());
    load_details(path(), path(), listed, problems);
    if (tree_->list() != nullptr && listed.entry.kind != EntryKind::directory)
      for (const std::string& below : tree_->list()->strictly_below(tree_->list()->root_range()))
        problems({below, base::ErrorKind::not_found,
                  fmt::format("{} is listed, but {} is not a directory", base::printable(below),
                              base::printable(path()))});
    return listed;
  }

  std::shared_ptr<SourceDirectory> open_root() override {
    auto root = TreePath::root(path());
    base::Fd handle = tree_->open_directory(*root);
    const ListedEntry listed = look_at(path(), AT_SYMLINK_NOFOLLOW);
    Directory::Place place{tree_, std::move(root), listed.identity, nullptr, {}};
    if (tree_->list() != nullptr) place.listed = tree_->list()->root_range();
    return Directory::open(std::move(place), std::move(handle));
  }

  std::unique_ptr<SourceFile> open_root_file() override {
    base::Fd file = tree_->open_with(
        [&] { return open_given(path().c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY); },
        [&] { return fmt::format("opening {}", base::printable(path())); });
    return make_regular_file(tree_, std::move(file), last_part(path()), path());
  }

  std::vector<Entry> ancestors() override {
    std::vector<Entry> found;
    for (std::size_t end = path().find('/', 1); end != std::string::npos;
         end = path().find('/', end + 1)) {
      const std::string above = path().substr(0, end);
      // Links above the root count as the directories they lead to: that is how the root was
      // reached.
      ListedEntry listed = look_at(above, 0);
      listed.entry.name = last_part(above);
      load_details(above + "/.", above, listed, [](const ItemProblem&) {});
      found.push_back(std::move(listed.entry));
    }
    return found;
  }

private:
  ListedEntry look_at(const std::string& path, int flags) {
    struct stat status{};
    if (::fstatat(AT_FDCWD, path.c_str(), &status, flags) != 0)
      throw base::system_error(errno,
                               fmt::format("looking at the source {}", base::printable(path)))
          .set_hint("check that the path is right, and that what should be mounted there is");
    ListedEntry listed;
    tree_->reader().fill_status(status, listed);
    return listed;
  }

  void load_details(const std::string& access_path, const std::string& path, ListedEntry& listed,
                    const ProblemSink& problems) {
    tree_->reader().fill_details(
        {.access_path = access_path.c_str(), .display_path = [&] { return path; }}, listed,
        problems);
  }

  const std::shared_ptr<Tree> tree_;
};

}  // namespace

std::unique_ptr<TreeSource> open_filesystem(const std::string& path,
                                            const FilesystemOptions& options) {
  return std::make_unique<FilesystemTree>(
      std::make_shared<Tree>(normalize_path(path), options, std::nullopt));
}

std::unique_ptr<TreeSource> open_path_list(const std::vector<std::string>& paths) {
  if (paths.empty())
    throw base::Error(base::ErrorKind::invalid_input, "the list of paths is empty");
  std::vector<std::string> clean;
  clean.reserve(paths.size());
  for (const std::string& path : paths)
    clean.push_back(normalize_path(path));
  PathList list(std::move(clean));
  const std::string root = list.common_root();
  return std::make_unique<FilesystemTree>(
      std::make_shared<Tree>(root, FilesystemOptions{}, std::move(list)));
}

}  // namespace holdfast::sources
