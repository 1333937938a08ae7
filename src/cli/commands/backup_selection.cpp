#include "backup_selection.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

/// Lists and pattern files are read whole; more than this is a mistake.
constexpr std::size_t list_size_max = std::size_t{1} << 30;
constexpr std::size_t pattern_file_size_max = 16 * 1024 * 1024;
constexpr std::size_t read_size = 1024 * 1024;

bool is_ad_hoc(const BackupSelection& selection) {
  return selection.files_from || selection.standard_input || selection.command ||
         !selection.sqlite.empty() || !selection.config_files.empty();
}

std::string absolute(const std::string& path, Session& session) {
  return absolute_path(path, session.environment().working_directory);
}

base::Bytes read_standard_input() {
  base::Bytes all;
  for (;;) {
    const auto size = all.size();
    if (size > list_size_max) {
      throw Error(ErrorKind::invalid_input, "the list of files is too long");
    }
    all.resize(size + read_size);
    const auto count =
        base::read_some(STDIN_FILENO, base::MutableBytes(all).subspan(size), "the list of files");
    all.resize(size + count);
    if (count == 0) return all;
  }
}

PlannedSource listed_paths(const BackupSelection& selection, Session& session) {
  const auto& name = *selection.files_from;
  const auto bytes = name == "-" ? read_standard_input() : base::read_file(name, list_size_max);
  PlannedSource source;
  source.kind = PlannedSource::Kind::path_list;
  source.path = "/";
  const auto separator = selection.zero_separated ? Separator::zero : Separator::newline;
  for (const auto& path : split_paths(base::as_text(bytes), separator)) {
    source.paths.push_back(absolute(path, session));
  }
  if (source.paths.empty()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} lists no files", name == "-" ? "standard input" : name));
  }
  return source;
}

/// The name of a stream in the snapshot: absolute.
std::string stream_path(const std::string& name) {
  if (name.empty()) throw Error(ErrorKind::invalid_input, "the name of a stream must not be empty");
  return absolute_path(name, "");
}

void add_stream(const BackupSelection& selection, SourcePlan& plan) {
  PlannedSource source;
  source.item = repository::ItemKind::stream;
  if (selection.command) {
    source.kind = PlannedSource::Kind::command;
    source.path = stream_path(*selection.command);
    source.arguments = selection.paths;
    if (source.arguments.empty()) {
      throw Error(ErrorKind::invalid_input, "--command needs a command after --")
          .set_hint("holdfast backup --command dump.sql -- pg_dump shop");
    }
  } else {
    source.kind = PlannedSource::Kind::standard_input;
    source.path = stream_path(selection.standard_input_name.value_or("/stdin"));
  }
  plan.sources.push_back(std::move(source));
}

SourcePlan ad_hoc_plan(const BackupSelection& selection, Session& session) {
  SourcePlan plan;
  plan.site = selection.site.value_or(default_site);
  if (!config::is_site_name(plan.site)) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' cannot name a site", base::printable(plan.site)))
        .set_hint("use 1 to 64 letters, digits, '.', '_' and '-', and not 'latest'");
  }
  for (const auto& path : selection.sqlite) {
    plan.sources.push_back(planned_sqlite(absolute(path, session)));
  }
  if (selection.standard_input || selection.command) add_stream(selection, plan);
  if (selection.files_from) plan.sources.push_back(listed_paths(selection, session));
  if (!selection.command) {
    for (const auto& path : selection.paths) {
      plan.sources.push_back(planned_tree(repository::ItemKind::files, absolute(path, session)));
    }
  }
  for (const auto& path : selection.config_files) {
    plan.sources.push_back(planned_tree(repository::ItemKind::config, absolute(path, session)));
  }
  return plan;
}

SourcePlan configured_plan(const config::Site& site, Session& session) {
  for (const auto& not_yet : site.not_yet) {
    if (not_yet.when != config::NotYet::When::backup) continue;
    session.console().warn(fmt::format("site {}: {}", site.name, not_yet.message));
  }
  return plan_of(site, session.config()->path);
}

/// Whether a bare word names a configured site.
bool names_site(const std::string& word, Session& session) {
  if (word.find('/') != std::string::npos || session.config() == nullptr) return false;
  return session.config()->find_site(word) != nullptr;
}

std::vector<SourcePlan> all_sites(Session& session) {
  if (session.config() == nullptr) {
    throw Error(ErrorKind::invalid_input, "nothing to back up was named")
        .set_hint("name paths, or describe the site in holdfast.yaml (docs/configuration.md)");
  }
  std::vector<SourcePlan> plans;
  for (const auto& site : session.config()->sites)
    plans.push_back(configured_plan(site, session));
  if (plans.empty()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} has no sites", base::printable(session.config()->path)))
        .set_hint("describe one below 'sites:', or name paths");
  }
  return plans;
}

/// Sites when all words name one, paths otherwise.
std::vector<SourcePlan> choose_plans(const BackupSelection& selection, Session& session) {
  const auto& words = selection.paths;
  if (selection.command) return {ad_hoc_plan(selection, session)};
  const auto is_site = [&](const std::string& word) { return names_site(word, session); };
  const auto sites = std::ranges::count_if(words, is_site);
  if (sites > 0) {
    if (static_cast<std::size_t>(sites) != words.size() || is_ad_hoc(selection) || selection.site) {
      throw Error(ErrorKind::invalid_input, "name either sites or paths, not both")
          .set_hint("write ./name for a path that is called like a site");
    }
    std::vector<SourcePlan> plans;
    plans.reserve(words.size());
    for (const auto& name : words) {
      plans.push_back(configured_plan(session.configured_site(name), session));
    }
    return plans;
  }
  if (!words.empty() || is_ad_hoc(selection)) return {ad_hoc_plan(selection, session)};
  if (selection.site) return {configured_plan(session.configured_site(*selection.site), session)};
  return all_sites(session);
}

void check_combinations(const BackupSelection& selection) {
  if (selection.standard_input && selection.command) {
    throw Error(ErrorKind::invalid_input, "--stdin and --command exclude each other");
  }
  if (selection.standard_input && selection.files_from == "-") {
    throw Error(ErrorKind::invalid_input, "--stdin and --files-from - both read standard input");
  }
  if (selection.standard_input_name && !selection.standard_input) {
    throw Error(ErrorKind::invalid_input, "--stdin-name needs --stdin");
  }
  if (selection.zero_separated && !selection.files_from) {
    throw Error(ErrorKind::invalid_input, "--null needs --files-from");
  }
}

}  // namespace

void declare_selection(Arguments& arguments, BackupSelection& selection) {
  arguments.positionals("PATH", selection.paths,
                        "files and directories, or names of configured sites", Completes::sites);
  arguments.group("What");
  arguments.option("-s,--site", "NAME", selection.site,
                   "a configured site; with paths, the name of their history (default: default)",
                   Completes::sites);
  arguments.option("-t,--tag", "TAG", selection.tags, "mark the snapshot; repeatable");
  arguments.option("-e,--exclude", "PATTERN", selection.exclude,
                   "leave out, as in .gitignore; repeatable");
  arguments.option("--exclude-file", "FILE", selection.exclude_files,
                   "patterns, one a line; repeatable", Completes::files);
  arguments.flag("-x,--one-file-system", selection.one_file_system, "do not enter other mounts");
  arguments.flag("--skip-caches", selection.skip_caches,
                 "leave out directories with a CACHEDIR.TAG");
  arguments.size("--max-file-size", selection.file_size_max, "leave out larger files");
  arguments.option("--files-from", "FILE", selection.files_from,
                   "exactly the listed paths; - is standard input", Completes::files);
  arguments.flag("-0,--null", selection.zero_separated, "the list is separated by zero bytes");
  arguments.flag("--stdin", selection.standard_input, "what arrives on standard input");
  arguments.option("--stdin-name", "PATH", selection.standard_input_name,
                   "its path in the snapshot (default: /stdin)");
  arguments.option("--command", "NAME", selection.command,
                   "what the command after -- prints; NAME is its path in the snapshot");
  arguments.option("--sqlite", "FILE", selection.sqlite,
                   "a SQLite database, as of one moment; repeatable", Completes::files);
  arguments.option("--config-file", "FILE", selection.config_files,
                   "a configuration file or folder; repeatable", Completes::files);
}

std::vector<SourcePlan> select_sources(const BackupSelection& selection, Session& session) {
  check_combinations(selection);
  std::vector<std::string> exclude = selection.exclude;
  for (const auto& path : selection.exclude_files) {
    const auto bytes = base::read_file(path, pattern_file_size_max);
    const auto patterns = split_paths(base::as_text(bytes), Separator::newline);
    exclude.insert(exclude.end(), patterns.begin(), patterns.end());
  }
  auto plans = choose_plans(selection, session);
  for (auto& plan : plans) {
    plan.tags.insert(plan.tags.end(), selection.tags.begin(), selection.tags.end());
    plan.exclude.insert(plan.exclude.end(), exclude.begin(), exclude.end());
    plan.one_file_system |= selection.one_file_system;
    plan.skip_caches |= selection.skip_caches;
    if (selection.file_size_max) plan.file_size_max = selection.file_size_max;
  }
  return plans;
}

}  // namespace holdfast::cli
