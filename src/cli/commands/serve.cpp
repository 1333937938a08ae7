#include "base/error.hpp"
#include "base/units.hpp"
#include "cli/source_plan.hpp"
#include "commands.hpp"
#include "http_server/http_server.hpp"
#include "store_server/store_service.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;
using store_server::StoreServiceContext;

constexpr const char* usual_address = "0.0.0.0:8440";

/// "ADDRESS:PORT", an IPv6 address in brackets.
std::pair<std::string, std::uint16_t> parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon != text.npos) {
    const auto* const end = text.data() + text.size();
    const auto [last, code] = std::from_chars(text.data() + colon + 1, end, port);
    auto address = text.substr(0, colon);
    const bool in_brackets = address.starts_with('[') && address.ends_with(']');
    if (in_brackets) address = address.substr(1, address.size() - 2);
    const bool has_bare_colon = !in_brackets && address.find(':') != address.npos;
    if (code == std::errc{} && last == end && !address.empty() && !has_bare_colon) {
      return {address, port};
    }
  }
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is no address to listen at", base::printable(text)))
      .set_hint("write ADDRESS:PORT, such as 0.0.0.0:8440 or [::1]:8440");
}

class ServeCommand final : public Command {
public:
  std::string name() const override { return "serve"; }
  std::string summary() const override { return "Serve repositories to other machines"; }
  std::string examples() const override {
    return "  holdfast token add web1 --repository blog --tokens /etc/holdfast/tokens\n"
           "  holdfast serve --store /srv/backups --tokens /etc/holdfast/tokens \\\n"
           "    --certificate /etc/holdfast/tls.crt --certificate-key /etc/holdfast/tls.key\n"
           "  HOLDFAST_REST_TOKEN=hft_... holdfast -r https://nas.example:8440/blog init\n";
  }

  void declare(Arguments& arguments) override {
    arguments.option("--store", "DIR", store_, "the folder with the repositories",
                     Completes::directories);
    arguments.option("--tokens", "FILE", tokens_, "who may use them; 'token add' writes it",
                     Completes::files);
    arguments.option("--certificate", "FILE", certificate_, "of this server, in PEM",
                     Completes::files);
    arguments.option("--certificate-key", "FILE", certificate_key_, "its key, in PEM",
                     Completes::files);
    arguments.option("--listen", "ADDRESS:PORT", listen_,
                     fmt::format("where (default: {})", usual_address));
    arguments.size("--quota", quota_, "how much each repository may hold (default: any)");
  }

  int run(Session& session) override {
    http_server::ServerOptions options;
    std::tie(options.address, options.port) = parse_listen(listen_.value_or(usual_address));
    options.certificate_file = file(session, certificate_, "--certificate");
    options.key_file = file(session, certificate_key_, "--certificate-key");
    const auto root = file(session, store_, "--store");
    store_server::TokenFile tokens(file(session, tokens_, "--tokens"));
    auto& console = session.console();
    if (tokens.tokens()->empty()) {
      console.warn("there is no token yet, so nobody gets in: 'holdfast token add' makes one");
    }
    static_cast<void>(open(session, root, StoreServiceContext::Mode::existing));
    store_server::StoreService service(
        {quota_}, {[&](const std::string& repository, StoreServiceContext::Mode mode) {
                     // A disk that is not mounted any more is not filled from below.
                     static_cast<void>(open(session, root, StoreServiceContext::Mode::existing));
                     return open(session, root + "/" + repository, mode);
                   },
                   [&] { return tokens.tokens(); }, session.services().clock(),
                   [&](const std::string& problem) { console.note(problem); }});
    http_server::Server server(options,
                               [&](http_server::Exchange& exchange) { service.handle(exchange); });
    const bool is_ipv6 = options.address.find(':') != options.address.npos;
    const auto address = fmt::format(
        "https://{}:{}", is_ipv6 ? "[" + options.address + "]" : options.address, server.port());
    console.json().raw_field("store", root).field("address", std::string_view(address));
    console.line(
        fmt::format("serving {} at {}; interrupt this to end", base::printable(root), address));
    console.flush();
    server.run(session.stopping());
    return base::exit_done;
  }

private:
  static std::string file(Session& session, const std::optional<std::string>& path,
                          const char* option) {
    if (path) return absolute_path(*path, session.environment().working_directory);
    throw Error(ErrorKind::invalid_input, fmt::format("{} is missing", option))
        .set_hint("see 'holdfast help serve'");
  }

  static std::unique_ptr<storage::Backend> open(Session& session, const std::string& path,
                                                StoreServiceContext::Mode mode) {
    const bool creates = mode == StoreServiceContext::Mode::create;
    return session.services().open_store(
        {"file", path}, creates ? Services::StoreMode::create : Services::StoreMode::existing, {},
        {});
  }

  std::optional<std::string> store_, tokens_, certificate_, certificate_key_, listen_;
  std::optional<std::uint64_t> quota_;
};

}  // namespace

std::unique_ptr<Command> make_serve_command() { return std::make_unique<ServeCommand>(); }

}  // namespace holdfast::cli
