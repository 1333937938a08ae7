#include "browse/find.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "json_values.hpp"
#include "repository/chunk_reader.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

namespace holdfast::cli {

namespace {

/// One version of one path, and the snapshots that have it.
struct Version {
  std::shared_ptr<const browse::Match> match;
  std::vector<const repository::Snapshot*> snapshots;
};

class FindCommand final : public Command {
public:
  std::string name() const override { return "find"; }
  bool only_reads() const override { return true; }
  std::string summary() const override {
    return "Find files in all snapshots, by name, size and time";
  }
  std::string examples() const override {
    return "  holdfast find '*.env'                    by name, every version\n"
           "  holdfast find '/srv/blog/*/avatar.png'   by path, where the pattern has a slash\n"
           "  holdfast find --site blog -i 'readme*' --type file\n"
           "  holdfast find --larger 1GiB --newer 2026-11-01\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("PATTERN", patterns_, "shell patterns: * ? [a-z]", Completes::nothing);
    arguments.option("-s,--site", "NAME", site_, "only snapshots of this site", Completes::sites);
    arguments.option("--snapshot", "ID", snapshots_, "only these snapshots; repeatable",
                     Completes::snapshots);
    arguments.option("--type", "TYPE", type_, "file, directory, symlink, ...");
    arguments.size("--larger", larger_, "files of more than this");
    arguments.size("--smaller", smaller_, "files of less than this");
    arguments.option("--newer", "TIME", newer_, "changed at or after this time");
    arguments.option("--older", "TIME", older_, "changed before this time");
    arguments.flag("-i,--ignore-case", ignore_case_, "upper and lower case are the same");
  }

  int run(Session& session) override {
    if (patterns_.empty() && !limited()) {
      throw base::Error(base::ErrorKind::invalid_input, "nothing was said to look for")
          .set_hint("holdfast find '*.env'");
    }
    if (newer_) from_ = base::parse_time(*newer_);
    if (older_) until_ = base::parse_time(*older_);
    repository::ChunkReader chunks(session.repository_to_read(), browse::kept_tree_bytes);
    browse::Finder finder(chunks, [this](const std::string& path, const sources::Entry& entry) {
      return is_wanted(path, entry);
    });
    std::map<std::string, std::vector<Version>> found;
    for (const auto* snapshot : chosen(session)) {
      base::check_cancelled(session.stopping());
      for (const auto& match : finder.find_in(*snapshot))
        add(found[match->path], match, *snapshot);
    }
    report(session.console(), found);
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  bool limited() const { return type_ || larger_ || smaller_ || newer_ || older_; }

  bool is_within_limits(const sources::Entry& entry) const {
    if (type_ && sources::name_of(entry.kind) != *type_) return false;
    const bool sized = larger_ || smaller_;
    if (sized && entry.kind != sources::EntryKind::file) return false;
    if (larger_ && entry.size <= *larger_) return false;
    if (smaller_ && entry.size >= *smaller_) return false;
    const base::WallTime changed{entry.mtime_seconds, entry.mtime_nanoseconds};
    return !(from_ && changed < *from_) && !(until_ && changed >= *until_);
  }

  bool is_wanted(const std::string& path, const sources::Entry& entry) const {
    if (!is_within_limits(entry)) return false;
    if (patterns_.empty()) return true;
    const int flags = ignore_case_ ? FNM_CASEFOLD : 0;
    return std::ranges::any_of(patterns_, [&](const std::string& pattern) {
      const bool by_path = pattern.find('/') != std::string::npos;
      return ::fnmatch(pattern.c_str(), (by_path ? path : entry.name).c_str(), flags) == 0;
    });
  }

  std::vector<const repository::Snapshot*> chosen(Session& session) const {
    std::vector<const repository::Snapshot*> result;
    result.reserve(snapshots_.size());
    for (const auto& text : snapshots_)
      result.push_back(&session.snapshot(text));
    if (!snapshots_.empty()) return result;
    for (const auto& snapshot : session.snapshots()) {
      if (!site_ || snapshot.site == *site_) result.push_back(&snapshot);
    }
    return result;
  }

  static void add(std::vector<Version>& versions, const std::shared_ptr<const browse::Match>& match,
                  const repository::Snapshot& snapshot) {
    const bool same = !versions.empty() && (versions.back().match == match ||
                                            versions.back().match->entry == match->entry);
    if (!same) versions.push_back({match, {}});
    versions.back().snapshots.push_back(&snapshot);
  }

  static void report(Console& console, const std::map<std::string, std::vector<Version>>& found) {
    auto& json = console.json();
    json.key("matches").begin_array();
    for (const auto& [path, versions] : found) {
      console.line(console.bold(base::printable(path)));
      for (const auto& version : versions) {
        json.begin_object();
        write_entry_fields(json, path, version.match->entry);
        json.key("snapshots").begin_array();
        for (const auto* snapshot : version.snapshots) {
          json.value(std::string_view(snapshot->id.hex()));
        }
        json.end_array().end_object();
        print(console, version);
      }
    }
    json.end_array();
    if (found.empty()) console.line("nothing was found");
  }

  static void print(Console& console, const Version& version) {
    const auto& entry = version.match->entry;
    const auto& first = *version.snapshots.front();
    const auto& last = *version.snapshots.back();
    auto where = fmt::format("in {} of {}", first.id.short_hex(), local_time(first.started));
    if (&first != &last) {
      where += fmt::format(" to {} of {} ({})", last.id.short_hex(), local_time(last.started),
                           counted(version.snapshots.size(), "snapshot", "snapshots"));
    }
    console.line(fmt::format("  {} {:>9}  {}  {}", mode_text(entry),
                             base::format_byte_count(entry.size),
                             local_time({entry.mtime_seconds, entry.mtime_nanoseconds}), where));
  }

  std::vector<std::string> patterns_;
  std::vector<std::string> snapshots_;
  std::optional<std::string> site_;
  std::optional<std::string> type_;
  std::optional<std::uint64_t> larger_;
  std::optional<std::uint64_t> smaller_;
  std::optional<std::string> newer_;
  std::optional<std::string> older_;
  std::optional<base::WallTime> from_;
  std::optional<base::WallTime> until_;
  bool ignore_case_ = false;
};

}  // namespace

std::unique_ptr<Command> make_find_command() { return std::make_unique<FindCommand>(); }

}  // namespace holdfast::cli
