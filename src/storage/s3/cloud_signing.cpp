// The signatures of Aliyun and Tencent. Neither can sign what a body holds, as AWS does: its MD5 is
// a header, and that is signed.

#include "base/base64.hpp"
#include "base/units.hpp"
#include "crypto/sha256.hpp"
#include "signing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

namespace holdfast::storage {

namespace {

using Pair = std::pair<std::string, std::string>;

constexpr std::size_t date_size = 8;
constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

/// How long one of Tencent's signatures counts. It begins earlier, for clocks differ.
constexpr std::int64_t cos_seconds_before = 60;
constexpr std::int64_t cos_seconds_after = 3600;

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

void add_checksum(ToSign& request, base::ByteView body) {
  if (!body.empty()) request.headers.push_back({"Content-MD5", base::to_base64(crypto::md5(body))});
}

/// By encoded name; a name without a value stands alone.
std::string oss_query(const Query& query) {
  std::vector<Pair> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.emplace_back(net::percent_encode(name), net::percent_encode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    text.append(text.empty() ? "" : "&").append(name);
    if (!value.empty()) text.append("=").append(value);
  }
  return text;
}

bool is_always_signed(std::string_view name) {
  return name.starts_with("x-oss-") || name == "content-type" || name == "content-md5";
}

std::vector<Pair> oss_headers(const net::Headers& headers,
                              const std::vector<std::string>& also_signed) {
  std::vector<Pair> chosen;
  for (const auto& header : headers) {
    const auto name = lower(header.name);
    if (is_always_signed(name) || std::ranges::find(also_signed, name) != also_signed.end()) {
      chosen.emplace_back(name, header.value);
    }
  }
  std::ranges::stable_sort(chosen, {}, &Pair::first);
  return chosen;
}

crypto::Sha256Digest oss_signing_key(const S3Credentials& credentials, std::string_view date,
                                     std::string_view region) {
  constexpr std::string_view start = "aliyun_v4";
  base::Secret first(start.size() + credentials.secret_access_key.size());
  std::ranges::copy(base::as_bytes(start), first.mutable_view().begin());
  std::ranges::copy(credentials.secret_access_key.view(),
                    first.mutable_view().subspan(start.size()).begin());
  auto key = crypto::hmac_sha256(first.view(), base::as_bytes(date));
  for (const std::string_view step :
       {region, std::string_view("oss"), std::string_view("aliyun_v4_request")}) {
    key = crypto::hmac_sha256(key, base::as_bytes(step));
  }
  return key;
}

/// Names and values by name, as Tencent wants them: "a=1&b=2", and the names alone: "a;b".
struct CosList {
  std::string pairs;
  std::string names;
};

CosList cos_list(std::vector<Pair> entries) {
  for (auto& [name, value] : entries) {
    name = lower(net::percent_encode(name));
    value = net::percent_encode(value);
  }
  std::ranges::sort(entries);
  CosList list;
  for (const auto& [name, value] : entries) {
    list.pairs += fmt::format("{}{}={}", list.pairs.empty() ? "" : "&", name, value);
    list.names += fmt::format("{}{}", list.names.empty() ? "" : ";", name);
  }
  return list;
}

}  // namespace

std::string oss_authorization(const ToSign& request, const std::string& region,
                              const std::string& bucket,
                              const std::vector<std::string>& also_signed,
                              const S3Credentials& credentials) {
  std::string lines;
  for (const auto& [name, value] : oss_headers(request.headers, also_signed))
    lines += fmt::format("{}:{}\n", name, value);
  const auto additional = fmt::format("{}", fmt::join(also_signed, ";"));
  const auto canonical =
      fmt::format("{}\n/{}{}\n{}\n{}\n{}\n{}", request.method, bucket, request.path,
                  oss_query(request.query), lines, additional, unsigned_payload);
  const auto time = net::find_header(request.headers, "x-oss-date").value_or("");
  const auto date = time.substr(0, date_size);
  const auto scope = fmt::format("{}/{}/oss/aliyun_v4_request", date, region);
  const auto text = fmt::format("OSS4-HMAC-SHA256\n{}\n{}\n{}", time, scope,
                                base::to_hex(crypto::sha256(base::as_bytes(canonical))));
  auto key = oss_signing_key(credentials, date, region);
  const auto signature = crypto::hmac_sha256(key, base::as_bytes(text));
  base::wipe(key);
  return fmt::format("OSS4-HMAC-SHA256 Credential={}/{},{}{}{}Signature={}",
                     credentials.access_key_id, scope,
                     additional.empty() ? "" : "AdditionalHeaders=", additional,
                     additional.empty() ? "" : ",", base::to_hex(signature));
}

std::string cos_authorization(const ToSign& request, std::int64_t from, std::int64_t to,
                              const S3Credentials& credentials) {
  std::vector<Pair> all;
  for (const auto& header : request.headers)
    all.emplace_back(header.name, header.value);
  const auto headers = cos_list(std::move(all));
  const auto query = cos_list(request.query);
  const auto path = net::percent_decode(request.path).value_or(request.path);
  const auto canonical =
      fmt::format("{}\n{}\n{}\n{}\n", lower(request.method), path, query.pairs, headers.pairs);
  const auto time = fmt::format("{};{}", from, to);
  const auto text =
      fmt::format("sha1\n{}\n{}\n", time, base::to_hex(crypto::sha1(base::as_bytes(canonical))));
  auto key =
      base::to_hex(crypto::hmac_sha1(credentials.secret_access_key.view(), base::as_bytes(time)));
  const auto signature = base::to_hex(crypto::hmac_sha1(base::as_bytes(key), base::as_bytes(text)));
  base::wipe(std::as_writable_bytes(std::span(key)));
  return fmt::format(
      "q-sign-algorithm=sha1&q-ak={}&q-sign-time={}&q-key-time={}&q-header-list={}"
      "&q-url-param-list={}&q-signature={}",
      credentials.access_key_id, time, time, headers.names, query.names, signature);
}

void sign_for_oss(ToSign& request, const SigningContext& context) {
  add_checksum(request, context.body);
  request.headers.push_back({"x-oss-date", amz_date(context.now)});
  request.headers.push_back({"x-oss-content-sha256", std::string(unsigned_payload)});
  const auto& token = context.credentials.session_token;
  if (!token.empty()) request.headers.push_back({"x-oss-security-token", token});
  std::vector<std::string> also_signed = {"host"};
  if (net::find_header(request.headers, "range")) also_signed.emplace_back("range");
  request.headers.push_back(
      {"Authorization", oss_authorization(request, context.region, context.bucket, also_signed,
                                          context.credentials)});
}

void sign_for_cos(ToSign& request, const SigningContext& context) {
  add_checksum(request, context.body);
  const auto& token = context.credentials.session_token;
  if (!token.empty()) request.headers.push_back({"x-cos-security-token", token});
  request.headers.push_back(
      {"Authorization",
       cos_authorization(request, context.now.seconds - cos_seconds_before,
                         context.now.seconds + cos_seconds_after, context.credentials)});
}

}  // namespace holdfast::storage
