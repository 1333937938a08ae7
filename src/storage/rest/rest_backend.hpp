#pragma once

#include "base/random.hpp"
#include "base/retry.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <cstdint>
#include <memory>

namespace holdfast::storage {

/// What a store needs of the program. Borrowed, but for the client, which stores may share.
struct RestContext {
  std::shared_ptr<net::HttpClient> http;
  base::Random& random;
  base::Sleeper sleeper;
  base::RetryPolicy retries{};
};

enum class RestOpen : std::uint8_t { existing, create };

/// Objects that `holdfast serve --store` keeps.
///
/// Location: https://host:port/repository; what stands before the repository's name is where a
///           proxy keeps the server.
/// Durable:  when the server says so. An object of up to 2 MiB is one request; a larger one goes in
///           parts of that size, each with its digest and again alone when it got lost.
/// Errors:   what may pass later is done again here. An object that is there already with the
///           digest of what is stored counts as stored: the reply to an earlier attempt got lost.
/// With `create` the repository is made if missing.
std::unique_ptr<Backend> open_rest(const Location& location, base::Secret token,
                                   RestContext context, RestOpen mode);

}  // namespace holdfast::storage
