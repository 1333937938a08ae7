#pragma once

#include "http_server/exchange.hpp"
#include "refusal.hpp"
#include "store_server/tokens.hpp"
#include "target.hpp"
#include "uploads.hpp"

#include <memory>
#include <string>

namespace holdfast::store_server {

/// A request whose sender is known and may ask about the repository.
struct Request {
  http_server::Exchange& exchange;
  const Target& target;
  const Token& token;
  std::shared_ptr<ServedRepository> repository;

  const std::string& method() const { return exchange.head().method; }
};

/// The value of a header of the request; empty without it.
std::string header_of(const http_server::Exchange& exchange, const char* name);
/// The whole body, compared with the digest that comes with it. Errors: Refusal when it is too
/// large or arrived damaged.
base::Buffer read_body(http_server::Exchange& exchange);
/// The digest that the request says. Errors: Refusal without one.
base::Hash expected_digest(const http_server::Exchange& exchange);
[[noreturn]] void refuse_damaged();
[[noreturn]] void refuse_taken(const std::string& name);
[[noreturn]] void refuse_method();

/// GET, HEAD, PUT, DELETE of an object.
void serve_object(const Request& request);
/// GET of the names.
void serve_list(const Request& request);
/// PUT of a part, POST to make an object of the parts, DELETE to give up.
void serve_upload(const Request& request, Uploads& uploads);

}  // namespace holdfast::store_server
