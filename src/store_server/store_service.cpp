// Who asks is found out before anything else is read of a request, so that strangers cost little;
// then what the request is about, whose names are checked there; then what the token may do.

#include "store_server/store_service.hpp"

#include "base/units.hpp"
#include "request.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <utility>

namespace holdfast::store_server {

using base::Error;
using base::ErrorKind;
using Mode = StoreServiceContext::Mode;

namespace {

constexpr int status_created = 201;
constexpr std::string_view bearer = "Bearer ";

void reply_refusal(http_server::Exchange& exchange, const Refusal& refusal) {
  http_server::Reply reply{refusal.status(), {}, refusal.what()};
  reply.headers.push_back({"Content-Type", "text/plain"});
  reply.headers.push_back(
      {storage::rest_error_header, std::string(base::row_of(refusal.kind()).name)});
  if (!refusal.missing().empty()) {
    reply.headers.push_back({storage::rest_missing_header, refusal.missing()});
  }
  if (refusal.status() == status_unauthorized) {
    reply.headers.push_back({"WWW-Authenticate", "Bearer"});
  }
  exchange.reply(std::move(reply));
}

/// What a client is told of an error in the server's own files: not where they are.
Refusal refusal_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::no_space:
      return {status_full, ErrorKind::no_space, "the disk of the server is full"};
    case ErrorKind::not_found:
      return {status_not_found, ErrorKind::not_found,
              "there is no such repository, or not any more"};
    default:
      return {base::row_of(ErrorKind::io).http_status, ErrorKind::io,
              "the server cannot use its files: what it reports there says why"};
  }
}

}  // namespace

struct StoreService::State {
  State(StoreServiceOptions given, StoreServiceContext surroundings)
      : options(given), context(std::move(surroundings)), uploads(context.clock) {}

  void handle(http_server::Exchange& exchange);
  Token authorize(const http_server::Exchange& exchange);
  void serve(http_server::Exchange& exchange, const Token& token);
  void serve_repository(http_server::Exchange& exchange, const Target& target);
  std::shared_ptr<ServedRepository> known(const std::string& name);
  std::shared_ptr<ServedRepository> open(const std::string& name, Mode mode);
  void report(const http_server::Exchange& exchange, const Error& error) const;

  const StoreServiceOptions options;
  const StoreServiceContext context;
  Uploads uploads;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<ServedRepository>> repositories;
};

Token StoreService::State::authorize(const http_server::Exchange& exchange) {
  const auto given = header_of(exchange, "authorization");
  if (!given.starts_with(bearer)) {
    throw Refusal(status_unauthorized, ErrorKind::access_denied, "the request has no token");
  }
  const auto tokens = context.tokens();
  const auto* const token =
      find_token(*tokens, base::as_bytes(std::string_view(given).substr(bearer.size())));
  if (token == nullptr) {
    throw Refusal(status_unauthorized, ErrorKind::access_denied, "the token is not known here");
  }
  return *token;
}

std::shared_ptr<ServedRepository> StoreService::State::known(const std::string& name) {
  const std::lock_guard lock(mutex);
  const auto found = repositories.find(name);
  return found == repositories.end() ? nullptr : found->second;
}

std::shared_ptr<ServedRepository> StoreService::State::open(const std::string& name, Mode mode) {
  if (mode == Mode::existing) {
    if (auto there = known(name)) return there;
  }
  // Outside of the lock; of two that open it at once one is used by both.
  auto backend = context.open(name, mode);
  auto opened = std::make_shared<ServedRepository>(name, std::move(backend), options.quota_bytes,
                                                   context.clock);
  const std::lock_guard lock(mutex);
  return repositories.try_emplace(name, std::move(opened)).first->second;
}

void StoreService::State::serve_repository(http_server::Exchange& exchange, const Target& target) {
  const auto& method = exchange.head().method;
  if (method != "GET" && method != "PUT") refuse_method();
  const auto repository = open(target.repository, method == "PUT" ? Mode::create : Mode::existing);
  // Also one that was opened long ago may be gone.
  static_cast<void>(repository->backend->stat("format"));
  exchange.reply({method == "PUT" ? status_created : 200, {}, ""});
}

void StoreService::State::serve(http_server::Exchange& exchange, const Token& token) {
  const auto target = parse_target(exchange.head().target);
  if (!target) {
    throw Refusal(status_bad_request, ErrorKind::invalid_input,
                  "the address is none of a repository or an object");
  }
  if (token.repository != any_repository && token.repository != target->repository) {
    throw Refusal(
        status_forbidden, ErrorKind::access_denied,
        fmt::format("the token '{}' is for the repository '{}'", token.name, token.repository));
  }
  if (target->what == Target::What::repository) return serve_repository(exchange, *target);
  const Request request{exchange, *target, token, open(target->repository, Mode::existing)};
  switch (target->what) {
    case Target::What::objects:
      return serve_list(request);
    case Target::What::object:
      return serve_object(request);
    case Target::What::upload:
      return serve_upload(request, uploads);
    default:
      break;
  }
  if (request.method() != "DELETE") refuse_method();
  const auto removed = request.repository->backend->remove_leftovers();
  exchange.reply({200, {}, std::to_string(removed)});
}

void StoreService::State::report(const http_server::Exchange& exchange, const Error& error) const {
  context.report(fmt::format("{} {} for {}: {}", base::printable(exchange.head().method),
                             base::printable(exchange.head().target), exchange.head().peer,
                             base::printable(error.what())));
}

void StoreService::State::handle(http_server::Exchange& exchange) {
  try {
    serve(exchange, authorize(exchange));
  } catch (const Refusal& refusal) {
    reply_refusal(exchange, refusal);
  } catch (const Error& error) {
    if (exchange.has_replied()) throw;
    const bool is_ours =
        error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::unavailable;
    if (is_ours) report(exchange, error);
    reply_refusal(exchange, refusal_of(error));
  }
}

StoreService::StoreService(StoreServiceOptions options, StoreServiceContext context)
    : state_(std::make_unique<State>(options, std::move(context))) {}
StoreService::~StoreService() = default;

void StoreService::handle(http_server::Exchange& exchange) { state_->handle(exchange); }

}  // namespace holdfast::store_server
