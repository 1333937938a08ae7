#pragma once

#include "base/error.hpp"

#include <string>
#include <utility>

namespace holdfast::store_server {

/// What a client is told as it stands, with the status of the reply; other errors are of the
/// server's own files and no business of clients.
class Refusal : public base::Error {
public:
  Refusal(int status, base::ErrorKind kind, const std::string& text, std::string missing = {})
      : Error(kind, text), status_(status), missing_(std::move(missing)) {}
  int status() const { return status_; }
  /// Which thing is not there, for status 404; see storage/rest/rest_protocol.hpp.
  const std::string& missing() const { return missing_; }

private:
  int status_;
  std::string missing_;
};

inline constexpr int status_bad_request = 400;
inline constexpr int status_unauthorized = 401;
inline constexpr int status_forbidden = 403;
inline constexpr int status_not_found = 404;
inline constexpr int status_bad_method = 405;
inline constexpr int status_conflict = 409;
inline constexpr int status_length_required = 411;
inline constexpr int status_too_large = 413;
inline constexpr int status_bad_range = 416;
inline constexpr int status_damaged = 422;
inline constexpr int status_too_many = 429;
inline constexpr int status_full = 507;

}  // namespace holdfast::store_server
