#pragma once

#include "storage/webdav/webdav_backend.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

/// One request to the server. What it borrows must live until its transfer ended.
struct DavRequest {
  std::string doing{};  // for messages: "storing packs/ab/1"
  std::string method = "GET";
  std::string path{};  // below the store's folder, empty: itself; from '/' on: of the server
  net::Headers headers{};
  base::ByteView body{};
  base::MutableBytes into{};
  std::size_t body_size_max = std::size_t{1} << 20;
};

/// Sends requests for one folder, with the user's name and password, and does them again.
/// Threads: all calls from any.
class WebdavClient {
public:
  /// Errors: access_denied without a password for a user, or when it must not be sent.
  WebdavClient(const Location& location, const WebdavOptions& options, WebdavContext context);

  const std::string& store() const { return store_; }
  const base::Retrier& retrier() const { return retrier_; }
  base::Instant now() const { return context_.clock.now(); }
  void wait_for(double seconds) const { context_.sleeper(seconds); }
  /// 16 random hexadecimal digits.
  std::string make_mark() const;
  /// "/path" of the store's folder on the server, without '/' at its end; empty: all of the server.
  const std::string& root() const { return root_; }
  /// The address of DavRequest::path, as a Destination header wants it too. Folders end in '/'.
  std::string url_of(const std::string& path) const;

  /// One attempt.
  std::unique_ptr<net::Transfer> start(const DavRequest& request);
  /// Waits for an attempt; the reply is a success or has a status that `is_answer` takes.
  template <class IsAnswer>
  net::HttpResponse wait(net::Transfer& transfer, const DavRequest& request,
                         IsAnswer is_answer) const {
    auto response = wait_for_any(transfer, request);
    if (response.is_success() || is_answer(response.status)) return response;
    throw error_of(response, request);
  }
  template <class IsAnswer>
  net::HttpResponse send_once(const DavRequest& request, IsAnswer is_answer) {
    return wait(*start(request), request, is_answer);
  }
  /// Sends, and again what may pass later.
  template <class IsAnswer>
  net::HttpResponse send(const DavRequest& request, IsAnswer is_answer) {
    return retrier_.run([&](int) { return send_once(request, is_answer); });
  }
  net::HttpResponse send(const DavRequest& request) {
    return send(request, [](int) { return false; });
  }
  /// What a reply means that was not expected.
  base::Error error_of(const net::HttpResponse& response, const DavRequest& request) const;

private:
  net::HttpResponse wait_for_any(net::Transfer& transfer, const DavRequest& request) const;

  const WebdavContext context_;
  const std::string store_;   // for messages
  const std::string origin_;  // "https://host:port"
  const std::string root_;
  const std::string login_;  // value of the header; empty: without a user
  const base::Retrier retrier_;
};

}  // namespace holdfast::storage
