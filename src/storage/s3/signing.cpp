#include "signing.hpp"

#include "crypto/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace holdfast::storage {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t date_size = 8;

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

/// Outer spaces go, runs of inner ones become one.
std::string trimmed(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == ' ' && (result.empty() || result.back() == ' ')) continue;
    result += c;
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

struct SignedHeaders {
  std::string lines;
  std::string names;
  std::string date;
};

SignedHeaders signed_headers(const net::Headers& headers) {
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const auto& header : headers)
    sorted.emplace_back(lower(header.name), trimmed(header.value));
  std::ranges::stable_sort(sorted, {}, &std::pair<std::string, std::string>::first);
  SignedHeaders result;
  for (const auto& [name, value] : sorted) {
    result.lines.append(name).append(":").append(value).append("\n");
    result.names.append(result.names.empty() ? "" : ";").append(name);
    if (name == "x-amz-date") result.date = value;
  }
  return result;
}

std::string hex_hash(std::string_view text) {
  return base::to_hex(crypto::sha256(base::as_bytes(text)));
}

crypto::Sha256Digest signing_key(const S3Credentials& credentials, std::string_view date,
                                 const SigningScope& scope) {
  base::Secret start(4 + credentials.secret_access_key.size());
  std::ranges::copy(base::as_bytes("AWS4"), start.mutable_view().begin());
  std::ranges::copy(credentials.secret_access_key.view(), start.mutable_view().begin() + 4);
  auto key = crypto::hmac_sha256(start.view(), base::as_bytes(date));
  for (const std::string_view step :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = crypto::hmac_sha256(key, base::as_bytes(step));
  }
  return key;
}

}  // namespace

std::string amz_date(base::WallTime time) {
  auto date = time.to_iso();
  std::erase_if(date, [](char c) { return c == '-' || c == ':'; });
  return date;
}

std::string canonical_query(const Query& query) {
  std::vector<std::string> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.push_back(net::percent_encode(name) + "=" + net::percent_encode(value));
  std::ranges::sort(encoded);
  return fmt::format("{}", fmt::join(encoded, "&"));
}

std::string authorization(const ToSign& request, const SigningScope& scope,
                          const S3Credentials& credentials) {
  const auto headers = signed_headers(request.headers);
  const auto canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path,
                                     canonical_query(request.query), headers.lines, headers.names,
                                     request.payload_hash);
  const auto date = headers.date.substr(0, date_size);
  const auto place = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const auto text =
      fmt::format("{}\n{}\n{}\n{}", algorithm, headers.date, place, hex_hash(canonical));
  auto key = signing_key(credentials, date, scope);
  const auto signature = crypto::hmac_sha256(key, base::as_bytes(text));
  base::wipe(key);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                     credentials.access_key_id, place, headers.names, base::to_hex(signature));
}

void sign_for_aws(ToSign& request, const SigningContext& context) {
  request.payload_hash = base::to_hex(crypto::sha256(context.body));
  request.headers.push_back({"X-Amz-Date", amz_date(context.now)});
  request.headers.push_back({"X-Amz-Content-Sha256", request.payload_hash});
  const auto& token = context.credentials.session_token;
  if (!token.empty()) request.headers.push_back({"X-Amz-Security-Token", token});
  request.headers.push_back(
      {"Authorization", authorization(request, {context.region}, context.credentials)});
}

}  // namespace holdfast::storage
