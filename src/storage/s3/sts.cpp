#include "storage/s3/sts.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "crypto/sha256.hpp"
#include "net/xml.hpp"
#include "signing.hpp"
#include "xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t text_size_max = 16UL * 1024;  // a session token may have some KiB
constexpr std::size_t message_size_max = 300;
constexpr std::array busy_codes = {"Throttling", "RequestLimitExceeded", "IDPCommunicationError"};
constexpr std::size_t second_size = 19;  // "2026-11-20T10:00:00" of "2026-11-20T10:00:00.000Z"

Query form_of(const char* action, const AssumedRole& role) {
  Query form = {{"Action", action},
                {"Version", "2011-06-15"},
                {"RoleArn", role.role_arn},
                {"RoleSessionName", role.session_name},
                {"DurationSeconds", std::to_string(role.duration_seconds)}};
  if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
  return form;
}

std::string doing_of(const AssumedRole& role) {
  return fmt::format("taking the role {} at {}", base::printable(role.role_arn),
                     base::printable(role.endpoint));
}

Error refusal(const net::HttpResponse& response, const AssumedRole& role) {
  const net::XmlDocument document(response.body);
  auto said = document.root("ErrorResponse").child("Error");
  if (!said) said = document.root("Error");
  if (!said) return net::status_error(response, doing_of(role));
  const auto text = [&](const char* name) {
    return base::printable(said.child(name).text().substr(0, message_size_max));
  };
  const bool is_busy = response.status >= 500 || std::ranges::count(busy_codes, text("Code")) > 0;
  const auto kind = is_busy ? ErrorKind::unavailable : ErrorKind::access_denied;
  return Error(kind, fmt::format("{}: {}: {}", doing_of(role), text("Code"), text("Message")))
      .set_hint(
          "check that the role's trust policy names who asks, and the credentials or token "
          "that ask");
}

S3Credentials parse_credentials(base::ByteView xml, const char* action, const AssumedRole& role) {
  const net::XmlDocument document(xml);
  const auto result = document.root(fmt::format("{}Response", action).c_str())
                          .child(fmt::format("{}Result", action));
  const auto found = result.child("Credentials");
  S3Credentials credentials;
  credentials.access_key_id = found.child("AccessKeyId").text().substr(0, text_size_max);
  credentials.secret_access_key =
      base::Secret(base::as_bytes(found.child("SecretAccessKey").text().substr(0, text_size_max)));
  credentials.session_token = found.child("SessionToken").text().substr(0, text_size_max);
  const auto expires = std::string(found.child("Expiration").text().substr(0, second_size));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() ||
      expires.size() != second_size) {
    throw Error(ErrorKind::corrupt, doing_of(role) + ": the answer has no credentials")
        .set_hint("check whether the endpoint is a Security Token Service");
  }
  try {
    credentials.expires = base::parse_time(expires + "Z");
  } catch (const Error&) {
    throw Error(ErrorKind::corrupt, doing_of(role) + ": the answer does not say until when");
  }
  return credentials;
}

/// What goes there proves who asks, and what comes back are keys.
void expect_private(const AssumedRole& role) {
  const auto origin = net::parse_origin(role.endpoint);
  const bool stays_here =
      origin.host == "localhost" || origin.host == "::1" || origin.host.starts_with("127.");
  if (origin.is_tls || stays_here) return;
  throw Error(ErrorKind::access_denied,
              doing_of(role) + " would send keys in the open, without TLS")
      .set_hint("name an endpoint with https://, or set AWS_ENDPOINT_URL_STS to one");
}

S3Credentials send(net::HttpClient& http, const AssumedRole& role, const char* action,
                   net::HttpRequest request, base::ByteView form) {
  expect_private(role);
  request.method = "POST";
  request.url = net::parse_origin(role.endpoint).url() + "/";
  request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  request.body = form;
  auto response = base::with_context([&] { return doing_of(role); },
                                     [&] { return http.send(std::move(request)); });
  if (!response.is_success()) throw refusal(response, role);
  auto credentials = parse_credentials(response.body, action, role);
  base::wipe(response.body);
  return credentials;
}

}  // namespace

S3Credentials assume_role(net::HttpClient& http, const base::Clock& clock, const AssumedRole& role,
                          const S3Credentials& own) {
  constexpr const char* action = "AssumeRole";
  const auto form = canonical_query(form_of(action, role));
  const auto body = base::as_bytes(form);
  const auto payload = base::to_hex(crypto::sha256(body));
  ToSign signing{"POST", "/", {}, {}, payload};
  signing.headers = {{"Host", net::parse_origin(role.endpoint).authority()},
                     {"X-Amz-Date", amz_date(clock.wall_now())},
                     {"X-Amz-Content-Sha256", payload}};
  if (!own.session_token.empty()) {
    signing.headers.push_back({"X-Amz-Security-Token", own.session_token});
  }
  signing.headers.push_back({"Authorization", authorization(signing, {role.region, "sts"}, own)});
  net::HttpRequest request;
  request.headers = std::move(signing.headers);
  return send(http, role, action, std::move(request), body);
}

S3Credentials assume_role_with_token(net::HttpClient& http, const AssumedRole& role,
                                     base::ByteView token) {
  constexpr const char* action = "AssumeRoleWithWebIdentity";
  auto fields = form_of(action, role);
  fields.emplace_back("WebIdentityToken", std::string(base::as_text(token)));
  auto form = canonical_query(fields);
  base::wipe(std::as_writable_bytes(std::span(fields.back().second)));
  auto credentials = send(http, role, action, {}, base::as_bytes(form));
  base::wipe(std::as_writable_bytes(std::span(form)));
  return credentials;
}

}  // namespace holdfast::storage
