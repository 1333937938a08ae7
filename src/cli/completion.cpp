#include "completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::cli {

namespace {

std::vector<std::string> names_of(const Declared& declared) {
  std::vector<std::string> names;
  std::string_view rest = declared.names;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

/// All options of a command, its own first.
std::vector<Declared> options_of(const CommandSyntax& command, const Arguments& shared) {
  std::vector<Declared> options;
  for (const auto* arguments : {&command.arguments, &shared}) {
    for (const auto& declared : arguments->declared()) {
      if (declared.kind != Declared::Kind::positional) options.push_back(declared);
    }
  }
  return options;
}

Completes positional_of(const CommandSyntax& command) {
  for (const auto& declared : command.arguments.declared()) {
    if (declared.kind == Declared::Kind::positional) return declared.completes;
  }
  return Completes::nothing;
}

/// Inside single quotes of any of the shells.
std::string quoted(std::string text) {
  std::erase_if(text, [](char c) { return c == '\'' || c == '[' || c == ']' || c == ':'; });
  return text;
}

// ---- bash ----

std::string bash_reply(Completes completes) {
  switch (completes) {
    case Completes::files:
      return "COMPREPLY=($(compgen -f -- \"$word\"))";
    case Completes::directories:
      return "COMPREPLY=($(compgen -d -- \"$word\"))";
    case Completes::snapshots:
      return "COMPREPLY=($(compgen -W \"latest $(holdfast completion snapshots 2>/dev/null)\" -- "
             "\"$word\"))";
    case Completes::sites:
      return "COMPREPLY=($(compgen -f -W \"$(holdfast completion sites 2>/dev/null)\" -- "
             "\"$word\"))";
    case Completes::nothing:
      break;
  }
  return ":";
}

/// The words that come first, and for each group ("key") those that come second.
struct FirstWords {
  std::vector<std::string> words;
  std::map<std::string, std::string> groups;
};

FirstWords first_words_of(const std::vector<CommandSyntax>& commands) {
  FirstWords first;
  for (const auto& command : commands) {
    const auto space = command.name.find(' ');
    const auto word = command.name.substr(0, space);
    if (std::ranges::find(first.words, word) == first.words.end()) first.words.push_back(word);
    if (space != std::string::npos) first.groups[word] += command.name.substr(space + 1) + " ";
  }
  return first;
}

std::string bash_groups(const FirstWords& first) {
  std::string cases;
  for (const auto& [group, words] : first.groups) {
    cases += fmt::format(
        "  if [ \"$command\" = {0} ]; then\n"
        "    if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
        "      COMPREPLY=($(compgen -W '{1}' -- \"$word\"))\n"
        "      return\n"
        "    fi\n"
        "    command=\"{0} ${{COMP_WORDS[2]}}\"\n"
        "  fi\n",
        group, words);
  }
  return cases;
}

std::string bash_script(const std::vector<CommandSyntax>& commands, const Arguments& shared) {
  std::string values, options, positionals;
  const auto first = first_words_of(commands);
  for (const auto& command : commands) {
    std::string flat;
    for (const auto& option : options_of(command, shared)) {
      for (const auto& name : names_of(option)) {
        flat += name + " ";
        if (option.kind == Declared::Kind::flag) continue;
        values += fmt::format("    '{} {}') {}; return ;;\n", command.name, name,
                              bash_reply(option.completes));
      }
    }
    options += fmt::format("      '{}') words='{}' ;;\n", command.name, flat);
    positionals +=
        fmt::format("    '{}') {} ;;\n", command.name, bash_reply(positional_of(command)));
  }
  return fmt::format(
      "# bash completion for holdfast: source it, or put it into /etc/bash_completion.d/holdfast\n"
      "_holdfast() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=\n"
      "  local command=${{COMP_WORDS[1]}}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '{} help' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "{}"
      "  case \"$command $before\" in\n{}  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    case $command in\n{}    esac\n"
      "    COMPREPLY=($(compgen -W \"$words --help\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case $command in\n{}  esac\n"
      "}}\n"
      "complete -o filenames -F _holdfast holdfast\n",
      fmt::join(first.words, " "), bash_groups(first), values, options, positionals);
}

// ---- zsh ----

std::string zsh_action(Completes completes) {
  switch (completes) {
    case Completes::files:
      return "_files";
    case Completes::directories:
      return "_files -/";
    case Completes::snapshots:
      return "_holdfast_snapshots";
    case Completes::sites:
      return "_holdfast_sites";
    case Completes::nothing:
      break;
  }
  return " ";
}

const CommandSyntax* find_command(const std::vector<CommandSyntax>& commands,
                                  std::string_view name) {
  const auto found = std::ranges::find(commands, name, &CommandSyntax::name);
  return found == commands.end() ? nullptr : &*found;
}

std::string zsh_script(const std::vector<CommandSyntax>& commands, const Arguments& shared) {
  std::string all, cases, groups;
  const auto first = first_words_of(commands);
  for (const auto& word : first.words) {
    const auto* command = find_command(commands, word);
    all += fmt::format("    '{}:{}'\n", word, command == nullptr ? "" : quoted(command->summary));
  }
  for (const auto& [group, words] : first.groups) {
    groups += fmt::format(
        "  if [[ $command == {0} ]]; then\n"
        "    if (( CURRENT == 2 )); then\n"
        "      compadd {1}\n"
        "      return\n"
        "    fi\n"
        "    command=\"{0} $words[2]\"\n"
        "    shift words\n"
        "    (( CURRENT-- ))\n"
        "  fi\n",
        group, words);
  }
  for (const auto& command : commands) {
    cases += fmt::format("    '{}') _arguments \\\n", command.name);
    for (const auto& option : options_of(command, shared)) {
      for (const auto& name : names_of(option)) {
        const bool flag = option.kind == Declared::Kind::flag;
        const auto value =
            flag ? "" : fmt::format(":{}:{}", option.value_name, zsh_action(option.completes));
        cases += fmt::format("      '{}{}[{}]{}' \\\n", option.repeatable ? "*" : "", name,
                             quoted(option.help), value);
      }
    }
    cases += fmt::format("      '*:argument:{}' ;;\n", zsh_action(positional_of(command)));
  }
  return fmt::format(
      "#compdef holdfast\n"
      "# zsh completion for holdfast: put it into a folder of $fpath as _holdfast\n"
      "_holdfast_snapshots() {{\n"
      "  compadd latest ${{(f)\"$(holdfast completion snapshots 2>/dev/null)\"}}\n"
      "}}\n"
      "_holdfast_sites() {{\n"
      "  compadd ${{(f)\"$(holdfast completion sites 2>/dev/null)\"}}\n"
      "  _files\n"
      "}}\n"
      "_holdfast() {{\n"
      "  local -a commands=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "{}"
      "  case $command in\n{}  esac\n"
      "}}\n"
      "compdef _holdfast holdfast\n",
      all, groups, cases);
}

// ---- fish ----

std::string fish_values(Completes completes) {
  switch (completes) {
    case Completes::files:
      return " -F";
    case Completes::directories:
      return " -a '(__fish_complete_directories)'";
    case Completes::snapshots:
      return " -a 'latest (holdfast completion snapshots 2>/dev/null)'";
    case Completes::sites:
      return " -F -a '(holdfast completion sites 2>/dev/null)'";
    case Completes::nothing:
      break;
  }
  return "";
}

std::string fish_script(const std::vector<CommandSyntax>& commands, const Arguments& shared) {
  std::string text =
      "# fish completion for holdfast: put it into ~/.config/fish/completions/holdfast.fish\n"
      "complete -c holdfast -f\n";
  for (const auto& command : commands) {
    const auto space = command.name.find(' ');
    const auto last = command.name.substr(space == std::string::npos ? 0 : space + 1);
    const auto group = command.name.substr(0, space == std::string::npos ? 0 : space);
    const auto before = group.empty() ? std::string("__fish_use_subcommand")
                                      : "'__fish_seen_subcommand_from " + group + "'";
    if (!group.empty()) {
      text += fmt::format("complete -c holdfast -n __fish_use_subcommand -a {}\n", group);
    }
    text += fmt::format("complete -c holdfast -n {} -a {} -d '{}'\n", before, last,
                        quoted(command.summary));
    const auto seen =
        group.empty() ? "" : fmt::format("__fish_seen_subcommand_from {}; and ", group);
    const auto when =
        fmt::format("complete -c holdfast -n '{}__fish_seen_subcommand_from {}'", seen, last);
    for (const auto& option : options_of(command, shared)) {
      text += when;
      for (const auto& name : names_of(option)) {
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.kind == Declared::Kind::option) text += " -r" + fish_values(option.completes);
      text += fmt::format(" -d '{}'\n", quoted(option.help));
    }
    const auto values = fish_values(positional_of(command));
    if (!values.empty()) text += when + values + "\n";
  }
  return text;
}

}  // namespace

std::string completion_script(Shell shell, const std::vector<CommandSyntax>& commands,
                              const Arguments& shared) {
  switch (shell) {
    case Shell::bash:
      return bash_script(commands, shared);
    case Shell::zsh:
      return zsh_script(commands, shared);
    case Shell::fish:
      return fish_script(commands, shared);
  }
  return {};
}

}  // namespace holdfast::cli
