#include "rest_client.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t id_size = 16;
constexpr std::size_t message_size_max = 400;
constexpr std::uint16_t https_port = 443;

/// "https://host:port/what/a/proxy/wants/api/store/v1/repository"
std::string base_of(const Location& location) {
  const auto slash = location.path.rfind('/');
  const auto repository = slash == location.path.npos ? "" : location.path.substr(slash + 1);
  try {
    check_name(repository);
  } catch (const Error&) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} does not end in the name of a repository", location.url()))
        .set_hint(
            "write https://host:port/name; a name has small letters, digits, '.', '_' and '-'");
  }
  net::Origin origin;
  origin.host = location.host;
  origin.port = location.port == 0 ? https_port : location.port;
  return origin.url() + net::percent_encode(location.path.substr(0, slash), "/") +
         std::string(rest_root) + repository;
}

std::string login_of(const Location& location, const base::Secret& token) {
  if (token.empty()) {
    throw Error(ErrorKind::access_denied, fmt::format("there is no token for {}", location.url()))
        .set_hint(
            "set HOLDFAST_REST_TOKEN, or token_file or token_command of the store in "
            "holdfast.yaml; 'holdfast token add' makes one where the server runs");
  }
  return "Bearer " + std::string(base::as_text(token.view()));
}

struct StatusRow {
  int status;
  ErrorKind kind;  // unless the server names one
  const char* hint;
};

constexpr const char* not_ours_hint =
    "check the address: what answers there may be no 'holdfast serve --store'";
constexpr std::array status_rows = {
    StatusRow{400, ErrorKind::invalid_input, "check the address, and the versions of both sides"},
    StatusRow{401, ErrorKind::access_denied,
              "check the token, and whether it is in the server's file of tokens"},
    StatusRow{403, ErrorKind::access_denied,
              "a token is for one repository, check the address; what takes away from it needs a "
              "token of kind full: 'holdfast token add --full' on the server's machine"},
    StatusRow{404, ErrorKind::not_found,
              "check the address and the name of the repository; 'holdfast init' makes a new one"},
    StatusRow{405, ErrorKind::unsupported, not_ours_hint},
    StatusRow{413, ErrorKind::no_space, "a proxy before the server must let bodies of 2 MiB pass"},
    StatusRow{422, ErrorKind::unavailable,
              "what arrived is not what was sent: check the network and the memory of both "
              "machines"},
    StatusRow{429, ErrorKind::unavailable, "the server has too many uploads under way: try later"},
    StatusRow{507, ErrorKind::no_space,
              "raise the quota or add disk space on the server, or forget and prune with a token "
              "of kind full"},
};

const base::ErrorKindRow* row_named(std::string_view name) {
  const auto* const found = std::ranges::find(base::error_kinds, name, &base::ErrorKindRow::name);
  return found == base::error_kinds.end() ? nullptr : found;
}

}  // namespace

RestClient::RestClient(const Location& location, const base::Secret& token, RestContext context)
    : context_(std::move(context)),
      store_(location.url()),
      base_(base_of(location)),
      login_(login_of(location, token)),
      retrier_(context_.retries, context_.random, context_.sleeper) {}

std::string RestClient::make_id() const {
  std::array<std::byte, id_size> id{};
  context_.random.fill(id);
  return base::to_hex(id);
}

std::unique_ptr<net::Transfer> RestClient::start(const RestRequest& request) {
  net::HttpRequest http;
  http.method = request.method;
  http.url = base_ + (request.path.empty() ? "" : "/" + request.path) +
             (request.query.empty() ? "" : "?" + request.query);
  http.headers = request.headers;
  http.headers.push_back({"Authorization", login_});
  http.body = request.body;
  http.into = request.into;
  http.body_size_max = request.body_size_max;
  return context_.http->start(std::move(http));
}

net::HttpResponse RestClient::wait_for_any(net::Transfer& transfer,
                                           const RestRequest& request) const {
  return base::with_context([&] { return fmt::format("{} in {}", request.doing, store_); },
                            [&] { return transfer.wait(); });
}

Error RestClient::error_of(const net::HttpResponse& response, const RestRequest& request) const {
  const auto doing = fmt::format("{} in {}", request.doing, store_);
  auto error = net::status_error(response, doing);
  const auto* const named =
      row_named(net::find_header(response.headers, rest_error_header).value_or(""));
  const auto* const row = std::ranges::find(status_rows, response.status, &StatusRow::status);
  const bool has_row = row != status_rows.end();
  const char* const hint = has_row ? row->hint : "the server is busy or in trouble: see its log";
  if (named == nullptr) {
    // Not from our server: a proxy before it, or something else altogether.
    Error known(has_row ? row->kind : error.kind(), error.what());
    known.set_retry(error.retry()).set_layer(error.layer());
    if (const auto asked = error.retry_after_seconds()) known.set_retry_after(*asked);
    return known.set_hint(response.status == 401 || response.status == 413 ? hint : not_ours_hint);
  }
  const auto said = base::as_text(response.body).substr(0, message_size_max);
  Error known(named->kind, said.empty() ? std::string(error.what())
                                        : fmt::format("{}: {}", doing, base::printable(said)));
  known.set_layer(error.layer());
  if (const auto asked = error.retry_after_seconds()) known.set_retry_after(*asked);
  return known.set_hint(hint);
}

bool is_missing(const net::HttpResponse& response, std::string_view what) {
  return response.status == 404 && net::find_header(response.headers, rest_missing_header) == what;
}

bool is_taken(const net::HttpResponse& response) {
  return response.status == 409 && net::find_header(response.headers, rest_error_header) ==
                                       std::string(base::row_of(ErrorKind::already_exists).name);
}

}  // namespace holdfast::storage
