#include "directory.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "exclusion.hpp"
#include "kernel.hpp"
#include "regular_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

using What = IgnoreRules::What;

constexpr std::uint64_t file_flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
constexpr std::uint64_t directory_flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
constexpr std::size_t ignore_file_size_max = base::mib;
constexpr std::size_t ignore_level_count_max =
    1000;  // nested ignore files; bounds recursion when they are dropped
constexpr const char* cache_tag_name = "CACHEDIR.TAG";
constexpr std::string_view cache_tag_signature = "Signature: 8a477f597d28d172789f06886806bc55";

FileIdentity identity_of(const struct stat& status) {
  FileIdentity identity;
  identity.device = status.st_dev;
  identity.inode = status.st_ino;
  return identity;
}

/// The first `size_max` bytes of a regular file, or nothing when it is none or cannot be opened.
std::optional<std::string> read_beginning(int directory, const char* name, std::size_t size_max) {
  const base::Fd file(open_beneath(directory, name, file_flags));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string text(std::min(size_max, static_cast<std::size_t>(status.st_size)), '\0');
  text.resize(base::read_at(file.get(), 0, std::as_writable_bytes(std::span(text)), name));
  return text;
}

}  // namespace

std::shared_ptr<SourceDirectory> Directory::open(Place place, base::Fd handle) {
  struct stat status{};
  if (::fstat(handle.get(), &status) != 0)
    throw base::system_error(errno,
                             fmt::format("looking at {}", base::printable(place.path->absolute())));
  const FileIdentity now = identity_of(status);
  if (now.device != place.identity.device || now.inode != place.identity.inode)
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("{} was replaced by another directory while it was read",
                                  base::printable(place.path->absolute())));
  return std::make_shared<Directory>(std::move(place),
                                     std::make_shared<const base::Fd>(std::move(handle)));
}

std::shared_ptr<SourceDirectory> Directory::closed(Place place) {
  return std::make_shared<Directory>(std::move(place), nullptr);
}

Directory::Directory(Place place, HandleCache::Handle handle)
    : place_(std::move(place)), is_closed_(handle == nullptr), rules_(place_.rules) {
  if (!is_closed_) place_.tree->handles().keep(holder_, std::move(handle));
}

Directory::~Directory() { place_.tree->handles().drop(holder_); }

std::string Directory::description(const std::string& name) const {
  return base::printable(place_.path->absolute_of(name));
}

HandleCache::Handle Directory::handle() {
  if (auto kept = place_.tree->handles().find(holder_)) return kept;
  base::Fd opened = place_.tree->open_directory(*place_.path);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0 || status.st_ino != place_.identity.inode ||
      status.st_dev != place_.identity.device)
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("{} was moved or replaced while it was read",
                                  base::printable(place_.path->absolute())));
  auto handle = std::make_shared<const base::Fd>(std::move(opened));
  place_.tree->handles().keep(holder_, handle);
  return handle;
}

std::vector<ListedEntry> Directory::list(const ProblemSink& problems) {
  if (is_closed_) return {};
  const auto directory = handle();
  return place_.tree->list() != nullptr ? list_named(directory->get(), problems)
                                        : list_all(directory->get(), problems);
}

/// False when the entry vanished or could not be looked at, which is told.
bool Directory::look_at(int directory, const char* name, ListedEntry& listed,
                        const ProblemSink& problems) {
  struct stat status{};
  try {
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
      if (errno == ENOENT) return false;
      throw base::system_error(errno, fmt::format("looking at {}", description(name)));
    }
    place_.tree->reader().fill_status(status, listed);
    listed.entry.name = name;
    return true;
  } catch (const base::Error& error) {
    problems(problem_of(place_.path->absolute_of(name), error));
    return false;
  }
}

std::vector<ListedEntry> Directory::list_all(int directory, const ProblemSink& problems) {
  const Tree& tree = *place_.tree;
  const DirectoryNames names =
      base::with_context([&] { return fmt::format("listing {}", base::printable(path())); },
                         [&] { return DirectoryNames::read(directory); });
  std::vector<ListedEntry> found;
  if (tree.options().skip_cache_directories && is_tagged_cache(directory, names)) {
    if (!look_at(directory, cache_tag_name, found.emplace_back(), problems)) found.clear();
    return found;
  }
  const auto rules = load_rules(directory, names, problems);
  {
    const std::lock_guard lock(rules_mutex_);
    rules_ = rules;
  }
  Exclusion exclusion(tree, *place_.path, rules.get());
  const bool is_idle = exclusion.is_idle();
  const std::uint64_t size_max = tree.options().file_size_max.value_or(UINT64_MAX);
  found.reserve(names.sorted().size());
  for (const DirectoryNames::Name& name : names.sorted()) {
    const bool type_is_known = name.type != DT_UNKNOWN;
    if (!is_idle && type_is_known &&
        exclusion.leaves_out(name.text, name.type == DT_DIR ? What::directory : What::file))
      continue;
    ListedEntry& listed = found.emplace_back();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the kernel ends names with a zero
    bool is_taken = look_at(directory, name.text.data(), listed, problems);
    const bool is_directory = listed.entry.kind == EntryKind::directory;
    if (is_taken && !is_idle && !type_is_known)
      is_taken = !exclusion.leaves_out(name.text, is_directory ? What::directory : What::file);
    if (!is_taken || listed.entry.size > size_max) found.pop_back();
  }
  return found;
}

std::vector<ListedEntry> Directory::list_named(int directory, const ProblemSink& problems) {
  const PathList& list = *place_.tree->list();
  std::vector<ListedEntry> found;
  for (const PathList::Child& child : list.children(place_.listed)) {
    ListedEntry& listed = found.emplace_back();
    bool told = false;
    const std::string name(child.name);
    const bool is_there = look_at(directory, name.c_str(), listed, [&](ItemProblem problem) {
      told = true;
      problems(std::move(problem));
    });
    const bool is_directory = is_there && listed.entry.kind == EntryKind::directory;
    if (!is_there && !told)
      problems({place_.path->absolute_of(name), base::ErrorKind::not_found,
                fmt::format("{} is listed but not there", description(name))});
    if (is_there && !is_directory)
      for (const std::string& path : list.strictly_below(child.range))
        problems({path, base::ErrorKind::not_found,
                  fmt::format("{} is listed, but {} is not a directory", base::printable(path),
                              description(name))});
    if (!is_there) found.pop_back();
  }
  return found;
}

bool Directory::is_tagged_cache(int directory, const DirectoryNames& names) {
  if (names.find(cache_tag_name) == nullptr) return false;
  return read_beginning(directory, cache_tag_name, cache_tag_signature.size()) ==
         cache_tag_signature;
}

/// The rules that hold for the entries of this directory: those above, and its own in front of
/// them.
std::shared_ptr<const RuleLevel> Directory::load_rules(int directory, const DirectoryNames& names,
                                                       const ProblemSink& problems) const {
  const auto& files = place_.tree->options().ignore_files;
  const bool has_one = std::any_of(files.begin(), files.end(),
                                   [&](const auto& name) { return names.find(name) != nullptr; });
  if (!has_one) return place_.rules;
  auto level = std::make_shared<RuleLevel>();
  for (const std::string& name : files)
    if (names.find(name) != nullptr) load_ignore_file(directory, name, level->rules, problems);
  if (level->rules.empty()) return place_.rules;
  if (place_.rules) level->depth = place_.rules->depth + 1;
  if (level->depth > ignore_level_count_max) {
    problems({path(), base::ErrorKind::unsupported,
              fmt::format("{}: ignore files nested deeper than {} levels are not read",
                          base::printable(path()), ignore_level_count_max)});
    return place_.rules;
  }
  const std::size_t above = place_.path->relative().size();
  level->path_skip = above == 0 ? 0 : above + 1;
  level->above = place_.rules;
  return level;
}

/// A pattern that can never match is told: what it was to leave out is taken.
void Directory::load_ignore_file(int directory, const std::string& name, IgnoreRules& rules,
                                 const ProblemSink& problems) const {
  const auto tell = [&](const base::Error& error) {
    problems(problem_of(place_.path->absolute_of(name), error));
  };
  const auto text = read_beginning(directory, name.c_str(), ignore_file_size_max + 1);
  if (!text || text->size() > ignore_file_size_max) {
    tell(
        base::Error(base::ErrorKind::unsupported,
                    fmt::format("{} is not used: it is not a readable file of at most {}",
                                description(name), base::format_byte_count(ignore_file_size_max))));
    return;
  }
  std::string_view rest = *text;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    try {
      rules.add(line);
    } catch (base::Error& error) {
      tell(error.add_context(fmt::format("{}:{}", description(name), number)));
    }
  }
}

void Directory::load_details(ListedEntry& listed, const ProblemSink& problems) {
  const auto directory = handle();
  const std::string access_path = path_by_handle(directory->get(), listed.entry.name);
  place_.tree->reader().fill_details(
      {.access_path = access_path.c_str(),
       .display_path = [&] { return place_.path->absolute_of(listed.entry.name); }},
      listed, problems);
}

std::unique_ptr<SourceFile> Directory::open_file(const ListedEntry& listed) {
  const std::string& name = listed.entry.name;
  const auto directory = handle();
  base::Fd file = place_.tree->open_with(
      [&] { return open_beneath(directory->get(), name.c_str(), file_flags); },
      [&] { return fmt::format("opening {}", description(name)); });
  return make_regular_file(place_.tree, std::move(file), name, place_.path->absolute_of(name));
}

std::shared_ptr<SourceDirectory> Directory::open_directory(const ListedEntry& listed) {
  const std::string& name = listed.entry.name;
  Place place{place_.tree, TreePath::child(place_.path, name), listed.identity, nullptr, {}};
  {
    const std::lock_guard lock(rules_mutex_);
    place.rules = rules_;
  }
  if (const PathList* list = place_.tree->list()) place.listed = list->below(place_.listed, name);
  const bool is_other_filesystem = listed.identity.device != place_.tree->root_device();
  if (place_.tree->options().one_file_system && is_other_filesystem)
    return closed(std::move(place));
  const auto directory = handle();
  base::Fd opened = place_.tree->open_with(
      [&] { return open_beneath(directory->get(), name.c_str(), directory_flags); },
      [&] { return fmt::format("opening {}", description(name)); });
  return open(std::move(place), std::move(opened));
}

}  // namespace holdfast::sources
