#include "s3_client.hpp"

#include "base/base64.hpp"
#include "base/units.hpp"
#include "crypto/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace holdfast::storage {

namespace {

constexpr std::size_t mark_size = 16;
constexpr std::int64_t renewal_seconds = 300;

std::string path_of(const S3Place& place, const std::string& key) {
  const auto encoded = net::percent_encode(key, "/");
  if (place.is_virtual_hosted) return "/" + encoded;
  return "/" + place.bucket + (key.empty() ? "" : "/" + encoded);
}

std::string host_of(const S3Place& place) {
  const auto authority = place.origin.authority();
  return place.is_virtual_hosted ? place.bucket + "." + authority : authority;
}

/// Some minutes before the end, or half-way where that is sooner.
base::WallTime renewal_of(const S3Credentials& credentials, base::WallTime now) {
  if (!credentials.expires) return {std::numeric_limits<std::int64_t>::max(), 0};
  const auto left = credentials.expires->seconds - now.seconds;
  return {credentials.expires->seconds - std::min(renewal_seconds, left / 2), 0};
}

}  // namespace

S3Client::S3Client(S3Place place, S3Options options, S3CredentialSource source, S3Context context,
                   std::string store)
    : place_(std::move(place)),
      options_(std::move(options)),
      source_(std::move(source)),
      context_(std::move(context)),
      store_(std::move(store)),
      retrier_(context_.retries, context_.random, context_.sleeper) {}

std::string S3Client::host() const { return host_of(place_); }

std::string S3Client::make_mark() const {
  std::array<std::byte, mark_size> mark{};
  context_.random.fill(mark);
  return base::to_hex(mark);
}

std::shared_ptr<const S3Credentials> S3Client::credentials() {
  {
    const std::lock_guard lock(mutex_);
    if (credentials_ && now() < renewal_) return credentials_;
  }
  // Outside of the lock, for a command may be asked. Two that ask at once get the same.
  auto fresh = std::make_shared<const S3Credentials>(source_());
  const std::lock_guard lock(mutex_);
  credentials_ = fresh;
  renewal_ = renewal_of(*fresh, now());
  return fresh;
}

std::unique_ptr<net::Transfer> S3Client::start(const S3Request& request) {
  const auto credentials = this->credentials();
  ToSign signing{request.method, path_of(place_, request.key), request.query, request.headers, {}};
  signing.headers.push_back({"Host", host_of(place_)});
  // AWS wants that of everything that is locked, in spite of the hash that is signed.
  if (options_.lock.period_seconds > 0 && !dialect().is_cloud && request.method == "PUT") {
    signing.headers.push_back({"Content-MD5", base::to_base64(crypto::md5(request.body))});
  }
  dialect().sign(signing, {*credentials, place_.region, place_.bucket, request.body, now()});
  const auto query = canonical_query(request.query);
  net::HttpRequest http;
  http.method = request.method;
  http.url = fmt::format("{}://{}{}{}{}", place_.origin.is_tls ? "https" : "http", host_of(place_),
                         signing.path, query.empty() ? "" : "?", query);
  http.headers = std::move(signing.headers);
  http.body = request.body;
  http.into = request.into;
  http.body_size_max = request.body_size_max;
  return context_.http->start(std::move(http));
}

net::HttpResponse S3Client::wait_for_any(net::Transfer& transfer, const S3Request& request) const {
  return base::with_context([&] { return fmt::format("{} in {}", request.doing, store_); },
                            [&] { return transfer.wait(); });
}

void S3Client::throw_for(const net::HttpResponse& response, const S3Request& request) {
  auto error = s3_error(response, fmt::format("{} in {}", request.doing, store_));
  if (says_credentials_expired(response)) {
    // Temporary credentials are renewed where they come from; if these are not, it is said.
    const std::lock_guard lock(mutex_);
    credentials_ = nullptr;
    error.set_retry(base::Retry::later);
  }
  throw error;
}

}  // namespace holdfast::storage
