#include "regular_file.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

constexpr std::size_t hole_count_max =
    1 << 18;  // 4 MiB of list; a file with more is stored with some zeros
constexpr std::uint64_t status_block_size = 512;  // what st_blocks counts, whatever the filesystem
constexpr std::uint64_t read_ahead_size_min =
    256 * base::kib;  // below that the usual read-ahead has it all

class RegularFile final : public SourceFile {
public:
  RegularFile(std::shared_ptr<Tree> tree, base::Fd file, std::string name, std::string path)
      : tree_(std::move(tree)),
        file_(std::move(file)),
        name_(std::move(name)),
        path_(std::move(path)),
        opened_(status()) {
    if (!S_ISREG(opened_.st_mode))
      throw base::Error(base::ErrorKind::conflict,
                        fmt::format("{} is not a regular file any more", base::printable(path_)));
    if (static_cast<std::uint64_t>(opened_.st_size) >= read_ahead_size_min)
      ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  std::size_t read_at(std::uint64_t offset, base::MutableBytes into) override {
    return base::read_at(file_.get(), offset, into, path_);
  }

  std::vector<Hole> find_holes() override {
    const auto size = static_cast<std::uint64_t>(opened_.st_size);
    if (static_cast<std::uint64_t>(opened_.st_blocks) * status_block_size >= size) return {};
    return find_holes_of(file_.get(), size, hole_count_max);
  }

  ListedEntry current() override {
    ListedEntry listed;
    listed.entry.name = name_;
    tree_->reader().fill_status(status(), listed);
    return listed;
  }

  void load_details(ListedEntry& listed, const ProblemSink& problems) override {
    tree_->reader().fill_details({.file = file_.get(), .display_path = [this] { return path_; }},
                                 listed, problems);
  }

private:
  struct stat status() const {
    struct stat now{};
    if (::fstat(file_.get(), &now) != 0)
      throw base::system_error(errno, fmt::format("looking at {}", base::printable(path_)));
    return now;
  }

  const std::shared_ptr<Tree> tree_;
  const base::Fd file_;
  const std::string name_;
  const std::string path_;
  const struct stat opened_;  // whoever reads compares with current() at the end
};

}  // namespace

std::vector<Hole> find_holes_of(int fd, std::uint64_t size, std::size_t count_max) {
  std::vector<Hole> holes;
  std::uint64_t at = 0;
  while (at < size && holes.size() < count_max) {
    const off_t hole = ::lseek(fd, static_cast<off_t>(at), SEEK_HOLE);
    // A file that shrinks meanwhile, or a filesystem that cannot tell: all of it is read.
    if (hole < 0 || static_cast<std::uint64_t>(hole) >= size) break;
    const off_t data = ::lseek(fd, hole, SEEK_DATA);
    if (data < 0 && errno != ENXIO) break;
    const std::uint64_t end =
        data < 0 ? size : std::min<std::uint64_t>(size, static_cast<std::uint64_t>(data));
    const auto begin = static_cast<std::uint64_t>(hole);
    if (end > begin) holes.push_back({begin, end - begin});
    at = std::max(end, begin + 1);
  }
  return holes;
}

std::unique_ptr<SourceFile> make_regular_file(std::shared_ptr<Tree> tree, base::Fd file,
                                              std::string name, std::string path) {
  return std::make_unique<RegularFile>(std::move(tree), std::move(file), std::move(name),
                                       std::move(path));
}

}  // namespace holdfast::sources
