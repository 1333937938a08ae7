#pragma once

#include "arguments.hpp"
#include "cli/source_plan.hpp"
#include "session.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast::cli {

/// What the command line of a backup says about what to take.
struct BackupSelection {
  std::vector<std::string> paths;  // or names of sites, or the command's arguments
  std::optional<std::string> site;
  std::vector<std::string> tags;
  std::vector<std::string> exclude;
  std::vector<std::string> exclude_files;
  std::optional<std::string> files_from;
  std::optional<std::string> standard_input_name;
  std::optional<std::string> command;
  std::vector<std::string> sqlite;
  std::vector<std::string> config_files;
  std::optional<std::uint64_t> file_size_max;
  bool zero_separated = false;
  bool standard_input = false;
  bool one_file_system = false;
  bool skip_caches = false;
};

void declare_selection(Arguments& arguments, BackupSelection& selection);

/// One plan for each site to take. What the configuration asks for and this version does not do is
/// a warning. Errors: invalid_input for a contradiction or nothing to take, not_found for a site
/// that is not configured.
std::vector<SourcePlan> select_sources(const BackupSelection& selection, Session& session);

}  // namespace holdfast::cli
