// Who may use repositories that 'serve' serves: token add, token list, token remove.

#include "store_server/tokens.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/private_file.hpp"
#include "base/units.hpp"
#include "cli/source_plan.hpp"
#include "commands.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;
using store_server::Token;
using store_server::TokenKind;

constexpr mode_t secret_mode = 0600;

/// The file of tokens that a command is about.
class Tokens {
public:
  Tokens(Session& session, const std::optional<std::string>& path) {
    if (!path) {
      throw Error(ErrorKind::invalid_input, "--tokens is missing")
          .set_hint("name the file of tokens that 'holdfast serve' is given");
    }
    path_ = absolute_path(*path, session.environment().working_directory);
  }

  bool exists() const { return ::access(path_.c_str(), F_OK) == 0; }
  std::vector<Token> read() const {
    const auto name = "the file of tokens " + base::printable(path_);
    const auto text = base::read_private_file(path_, name, store_server::token_file_size_max);
    return store_server::parse_tokens(base::as_text(text.view()), name);
  }
  void write(const std::vector<Token>& tokens) const {
    std::string text = "# name  kind  repository  hash of the token\n";
    for (const auto& token : tokens)
      text += store_server::format_token(token);
    base::write_durably(path_, base::as_bytes(text), secret_mode);
  }

private:
  std::string path_;
};

void declare_tokens(Arguments& arguments, std::optional<std::string>& file) {
  arguments.option("--tokens", "FILE", file, "the file of tokens, for 'serve' too",
                   Completes::files);
}

class TokenAddCommand final : public Command {
public:
  std::string name() const override { return "token add"; }
  std::string summary() const override { return "Let somebody use a repository that is served"; }
  std::string examples() const override {
    return "  holdfast token add web1 --repository blog --tokens /etc/holdfast/tokens\n"
           "  holdfast token add keeper --repository '*' --full --tokens /etc/holdfast/tokens\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("NAME", name_, "whose it is", Completes::nothing);
    declare_tokens(arguments, file_);
    arguments.option("--repository", "NAME", repository_, "which one it is for; '*': all of them");
    arguments.flag("--full", is_full_, "it may remove too: for who prunes, on no other machine");
  }

  int run(Session& session) override {
    const Tokens file(session, file_);
    if (!store_server::is_plain_name(name_)) refuse_name(name_);
    const auto repository = repository_.value_or("");
    if (repository != store_server::any_repository && !store_server::is_plain_name(repository)) {
      throw Error(ErrorKind::invalid_input, "--repository names no repository")
          .set_hint("write the last part of its address, or '*' for all");
    }
    auto tokens = file.exists() ? file.read() : std::vector<Token>();
    if (std::ranges::find(tokens, name_, &Token::name) != tokens.end()) {
      throw Error(ErrorKind::already_exists, fmt::format("there is a token {} already", name_))
          .set_hint("remove it first, or choose another name");
    }
    const auto token = store_server::make_token(session.services().random());
    tokens.push_back({name_, is_full_ ? TokenKind::full : TokenKind::append_only, repository,
                      store_server::hash_of(token.view())});
    file.write(tokens);
    auto& console = session.console();
    console.json().field("name", std::string_view(name_));
    console.json().field("kind", store_server::name_of(tokens.back().kind));
    console.json().field("token", base::as_text(token.view()));
    console.line(base::as_text(token.view()));
    console.note("this is shown once: give it to its user as HOLDFAST_REST_TOKEN or token_file");
    return base::exit_done;
  }

private:
  [[noreturn]] static void refuse_name(const std::string& name) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' is no name for a token", base::printable(name)))
        .set_hint("use 1 to 64 small letters, digits, '.', '_' and '-'");
  }

  std::string name_;
  std::optional<std::string> file_, repository_;
  bool is_full_ = false;
};

class TokenListCommand final : public Command {
public:
  std::string name() const override { return "token list"; }
  std::string summary() const override { return "Show who may use repositories that are served"; }
  std::string examples() const override {
    return "  holdfast token list --tokens /etc/holdfast/tokens\n";
  }
  void declare(Arguments& arguments) override { declare_tokens(arguments, file_); }

  int run(Session& session) override {
    auto& console = session.console();
    auto& json = console.json().key("tokens").begin_array();
    using enum Table::Align;
    Table table({left, left, left});
    for (const auto& token : Tokens(session, file_).read()) {
      json.begin_object().field("name", std::string_view(token.name));
      json.field("kind", store_server::name_of(token.kind));
      json.field("repository", std::string_view(token.repository)).end_object();
      table.add({token.name, std::string(store_server::name_of(token.kind)), token.repository});
    }
    json.end_array();
    for (const auto& line : table.lines())
      console.line(line);
    return base::exit_done;
  }

private:
  std::optional<std::string> file_;
};

class TokenRemoveCommand final : public Command {
public:
  std::string name() const override { return "token remove"; }
  std::string summary() const override { return "Take a token back, also while it is served"; }
  std::string examples() const override {
    return "  holdfast token remove web1 --tokens /etc/holdfast/tokens\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("NAME", name_, "whose it is", Completes::nothing);
    declare_tokens(arguments, file_);
  }

  int run(Session& session) override {
    const Tokens file(session, file_);
    auto tokens = file.read();
    const auto is_meant = [&](const Token& token) { return token.name == name_; };
    if (std::erase_if(tokens, is_meant) == 0) {
      throw Error(ErrorKind::not_found,
                  fmt::format("there is no token '{}'", base::printable(name_)))
          .set_hint("holdfast token list shows those there are");
    }
    file.write(tokens);
    session.console().json().field("name", std::string_view(name_));
    session.console().line(fmt::format("Removed token {}", name_));
    return base::exit_done;
  }

private:
  std::string name_;
  std::optional<std::string> file_;
};

}  // namespace

std::unique_ptr<Command> make_token_add_command() { return std::make_unique<TokenAddCommand>(); }
std::unique_ptr<Command> make_token_list_command() { return std::make_unique<TokenListCommand>(); }
std::unique_ptr<Command> make_token_remove_command() {
  return std::make_unique<TokenRemoveCommand>();
}

}  // namespace holdfast::cli
