#include "commands.hpp"

namespace holdfast::cli {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_init_command());
  commands.push_back(make_backup_command());
  commands.push_back(make_snapshots_command());
  commands.push_back(make_ls_command());
  commands.push_back(make_restore_command());
  commands.push_back(make_cat_command());
  commands.push_back(make_diff_command());
  commands.push_back(make_find_command());
  commands.push_back(make_history_command());
  commands.push_back(make_export_command());
  commands.push_back(make_mount_command());
  commands.push_back(make_stats_command());
  commands.push_back(make_forget_command());
  commands.push_back(make_hold_command());
  commands.push_back(make_prune_command());
  commands.push_back(make_check_command());
  commands.push_back(make_repair_command());
  commands.push_back(make_copy_command());
  commands.push_back(make_copies_command());
  commands.push_back(make_tier_command());
  commands.push_back(make_score_command());
  commands.push_back(make_doctor_command());
  commands.push_back(make_key_list_command());
  commands.push_back(make_key_add_command());
  commands.push_back(make_key_remove_command());
  commands.push_back(make_key_passwd_command());
  commands.push_back(make_key_rotate_command());
  commands.push_back(make_key_generate_command());
  commands.push_back(make_key_export_command());
  commands.push_back(make_key_split_command());
  commands.push_back(make_key_join_command());
  commands.push_back(make_key_rehearse_command());
  commands.push_back(make_serve_command());
  commands.push_back(make_token_list_command());
  commands.push_back(make_token_add_command());
  commands.push_back(make_token_remove_command());
  commands.push_back(make_version_command());
  commands.push_back(make_completion_command());
  return commands;
}

std::vector<CommandSyntax> syntax_of(const std::vector<std::unique_ptr<Command>>& commands) {
  std::vector<CommandSyntax> syntax;
  for (const auto& command : commands) {
    auto& entry = syntax.emplace_back();
    entry.name = command->name();
    entry.summary = command->summary();
    entry.examples = command->examples();
    command->declare(entry.arguments);
  }
  return syntax;
}

}  // namespace holdfast::cli
