#pragma once

#include "command.hpp"

#include <memory>
#include <vector>

namespace holdfast::cli {

std::unique_ptr<Command> make_init_command();
std::unique_ptr<Command> make_backup_command();
std::unique_ptr<Command> make_snapshots_command();
std::unique_ptr<Command> make_ls_command();
std::unique_ptr<Command> make_restore_command();
std::unique_ptr<Command> make_cat_command();
std::unique_ptr<Command> make_diff_command();
std::unique_ptr<Command> make_find_command();
std::unique_ptr<Command> make_history_command();
std::unique_ptr<Command> make_mount_command();
std::unique_ptr<Command> make_export_command();
std::unique_ptr<Command> make_score_command();
std::unique_ptr<Command> make_tier_command();
std::unique_ptr<Command> make_doctor_command();
std::unique_ptr<Command> make_stats_command();
std::unique_ptr<Command> make_forget_command();
std::unique_ptr<Command> make_hold_command();
std::unique_ptr<Command> make_prune_command();
std::unique_ptr<Command> make_check_command();
std::unique_ptr<Command> make_copies_command();
std::unique_ptr<Command> make_copy_command();
std::unique_ptr<Command> make_key_add_command();
std::unique_ptr<Command> make_key_export_command();
std::unique_ptr<Command> make_key_generate_command();
std::unique_ptr<Command> make_key_join_command();
std::unique_ptr<Command> make_key_list_command();
std::unique_ptr<Command> make_key_passwd_command();
std::unique_ptr<Command> make_key_rehearse_command();
std::unique_ptr<Command> make_key_remove_command();
std::unique_ptr<Command> make_key_rotate_command();
std::unique_ptr<Command> make_key_split_command();
std::unique_ptr<Command> make_repair_command();
std::unique_ptr<Command> make_serve_command();
std::unique_ptr<Command> make_token_add_command();
std::unique_ptr<Command> make_token_list_command();
std::unique_ptr<Command> make_token_remove_command();
std::unique_ptr<Command> make_version_command();
std::unique_ptr<Command> make_completion_command();

/// All of them, in the order of the help.
std::vector<std::unique_ptr<Command>> make_commands();
/// How the parser and the completion scripts see them.
std::vector<CommandSyntax> syntax_of(const std::vector<std::unique_ptr<Command>>& commands);

}  // namespace holdfast::cli
