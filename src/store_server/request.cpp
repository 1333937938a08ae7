#include "request.hpp"

#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

namespace holdfast::store_server {

using base::ErrorKind;

std::string header_of(const http_server::Exchange& exchange, const char* name) {
  return net::find_header(exchange.head().headers, name).value_or("");
}

base::Hash expected_digest(const http_server::Exchange& exchange) {
  const auto digest = storage::parse_rest_digest(header_of(exchange, storage::rest_digest_header));
  if (digest) return *digest;
  throw Refusal(status_bad_request, ErrorKind::invalid_input,
                fmt::format("the request has no {}", storage::rest_digest_header));
}

void refuse_damaged() {
  throw Refusal(status_damaged, ErrorKind::unavailable,
                "what arrived does not have the digest of what was sent");
}

void refuse_taken(const std::string& name) {
  throw Refusal(status_conflict, ErrorKind::already_exists,
                fmt::format("there is an object {} already", name));
}

void refuse_method() {
  throw Refusal(status_bad_method, ErrorKind::unsupported, "this cannot be done to that");
}

base::Buffer read_body(http_server::Exchange& exchange) {
  const auto digest = expected_digest(exchange);
  const auto size = exchange.body_size();
  if (!size) {
    throw Refusal(status_length_required, ErrorKind::invalid_input,
                  "the request does not say how long its body is");
  }
  if (*size > storage::rest_part_size_max) {
    throw Refusal(status_too_large, ErrorKind::invalid_input,
                  fmt::format("a body has {} bytes at most", storage::rest_part_size_max));
  }
  base::Buffer body(static_cast<std::size_t>(*size));
  while (body.room() > 0) {
    const auto count = exchange.read(body.free_space());
    if (count == 0) refuse_damaged();
    body.set_size(body.size() + count);
  }
  if (crypto::blake3(body.view()) != digest) refuse_damaged();
  return body;
}

}  // namespace holdfast::store_server
