// For tests of stores: hands requests on and changes what goes out or comes back.
#pragma once

#include "net/http.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace holdfast::net {

class MeddlingClient final : public HttpClient {
public:
  /// Answers each request, when it is waited for; perhaps by sending it with a real client.
  using Send = std::function<HttpResponse(const HttpRequest&)>;
  explicit MeddlingClient(Send send) : send_(std::move(send)) {}
  std::unique_ptr<Transfer> start(HttpRequest request) override {
    return std::make_unique<Pending>(send_, std::move(request));
  }

private:
  class Pending final : public Transfer {
  public:
    Pending(const Send& send, HttpRequest request) : send_(send), request_(std::move(request)) {}
    HttpResponse wait() override { return send_(request_); }
    bool has_ended() const override { return true; }
    std::uint64_t received() const override { return 0; }

  private:
    const Send& send_;
    const HttpRequest request_;
  };
  const Send send_;
};

}  // namespace holdfast::net
