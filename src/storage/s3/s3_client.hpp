#pragma once

#include "dialect.hpp"
#include "signing.hpp"
#include "storage/s3/s3_backend.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace holdfast::storage {

/// Where a bucket is and which keys in it are ours.
struct S3Place {
  const S3Dialect& dialect = dialect_of("s3");
  net::Origin origin{};
  std::string region{};
  std::string bucket{};
  std::string prefix{};  // of keys; empty, or ending in '/'
  bool is_virtual_hosted = false;
  bool is_aws = false;
};
/// Errors: invalid_input for a bucket or prefix that cannot be meant.
S3Place resolve_s3_place(const Location& location, const S3Options& options);

/// One request to a bucket. What it borrows must live until its transfer ended.
struct S3Request {
  std::string doing{};  // for messages: "storing packs/ab/1"
  std::string method = "GET";
  std::string key{};  // whole, prefix included; empty: the bucket itself
  Query query{};
  net::Headers headers{};
  base::ByteView body{};
  base::MutableBytes into{};
  std::size_t body_size_max = std::size_t{1} << 20;
};

/// The error for a reply that is no success, by the code that the store gives.
base::Error s3_error(const net::HttpResponse& response, const std::string& doing);
/// The code of a reply that is no success: "NoSuchKey"; empty when there is none.
std::string s3_code(const net::HttpResponse& response);
/// Whether temporary credentials were refused for their age.
bool says_credentials_expired(const net::HttpResponse& response);
/// Whether "only if the name is free" was refused because it is taken.
bool says_name_is_taken(const net::HttpResponse& response);

/// Signs and sends requests for one bucket, and does them again.
/// Threads: all calls from any.
class S3Client {
public:
  S3Client(S3Place place, S3Options options, S3CredentialSource source, S3Context context,
           std::string store);

  const S3Place& place() const { return place_; }
  const S3Dialect& dialect() const { return place_.dialect; }
  const S3Options& options() const { return options_; }
  const std::string& store() const { return store_; }
  const base::Retrier& retrier() const { return retrier_; }
  base::WallTime now() const { return context_.clock.wall_now(); }
  /// By which name, and port if that is not the usual one, the bucket is reached.
  std::string host() const;
  /// 32 random hexadecimal digits.
  std::string make_mark() const;

  /// One attempt. Errors: access_denied without credentials.
  std::unique_ptr<net::Transfer> start(const S3Request& request);
  /// Waits for an attempt; the reply has a status below 300 or one that `is_answer` takes.
  /// Errors: as s3_error and of the transfer, with `doing` and the store as context.
  template <class IsAnswer>
  net::HttpResponse wait(net::Transfer& transfer, const S3Request& request, IsAnswer is_answer) {
    auto response = wait_for_any(transfer, request);
    if (response.status < 300 || is_answer(response)) return response;
    throw_for(response, request);
  }
  /// Sends, and again what may pass later.
  template <class IsAnswer>
  net::HttpResponse send(const S3Request& request, IsAnswer is_answer) {
    return retrier_.run([&](int) { return wait(*start(request), request, is_answer); });
  }
  net::HttpResponse send(const S3Request& request) {
    return send(request, [](const net::HttpResponse&) { return false; });
  }

private:
  net::HttpResponse wait_for_any(net::Transfer& transfer, const S3Request& request) const;
  [[noreturn]] void throw_for(const net::HttpResponse& response, const S3Request& request);
  std::shared_ptr<const S3Credentials> credentials();

  const S3Place place_;
  const S3Options options_;
  const S3CredentialSource source_;
  const S3Context context_;
  const std::string store_;  // for messages
  const base::Retrier retrier_;
  std::mutex mutex_;
  std::shared_ptr<const S3Credentials> credentials_;  // shared with requests that use them
  base::WallTime renewal_{};                          // when others are asked for
};

}  // namespace holdfast::storage
