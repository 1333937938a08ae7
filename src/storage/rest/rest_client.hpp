#pragma once

#include "storage/rest/rest_backend.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace holdfast::storage {

/// One request about a repository. What it borrows must live until its transfer ended.
struct RestRequest {
  std::string doing{};  // for messages: "storing packs/ab/1"
  std::string method = "GET";
  std::string path{};  // below the repository, empty: itself
  std::string query{};
  net::Headers headers{};
  base::ByteView body{};
  base::MutableBytes into{};
  std::size_t body_size_max = std::size_t{1} << 20;
};

/// Sends requests about one repository, with the token, and does them again.
/// Threads: all calls from any.
class RestClient {
public:
  /// Errors: invalid_input without the name of a repository, access_denied without a token.
  RestClient(const Location& location, const base::Secret& token, RestContext context);

  const std::string& store() const { return store_; }
  const base::Retrier& retrier() const { return retrier_; }
  /// 32 random hexadecimal digits.
  std::string make_id() const;

  /// One attempt.
  std::unique_ptr<net::Transfer> start(const RestRequest& request);
  /// Waits for an attempt; the reply is a success, or one that `is_answer` takes.
  template <class IsAnswer>
  net::HttpResponse wait(net::Transfer& transfer, const RestRequest& request,
                         IsAnswer is_answer) const {
    auto response = wait_for_any(transfer, request);
    if (response.is_success() || is_answer(response)) return response;
    throw error_of(response, request);
  }
  /// Sends, and again what may pass later.
  template <class IsAnswer>
  net::HttpResponse send(const RestRequest& request, IsAnswer is_answer) {
    return retrier_.run([&](int) { return wait(*start(request), request, is_answer); });
  }
  net::HttpResponse send(const RestRequest& request) {
    return send(request, [](const net::HttpResponse&) { return false; });
  }
  /// What a reply means that was not expected.
  base::Error error_of(const net::HttpResponse& response, const RestRequest& request) const;

private:
  net::HttpResponse wait_for_any(net::Transfer& transfer, const RestRequest& request) const;

  const RestContext context_;
  const std::string store_;  // for messages
  const std::string base_;   // address of the repository
  const std::string login_;  // value of the header
  const base::Retrier retrier_;
};

/// Whether the server says that the repository is there, and `what` in it is not.
bool is_missing(const net::HttpResponse& response, std::string_view what);
/// Whether another object has the name.
bool is_taken(const net::HttpResponse& response);

}  // namespace holdfast::storage
