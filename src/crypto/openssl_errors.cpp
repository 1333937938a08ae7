#include "openssl_errors.hpp"

#include <openssl/err.h>

#include <array>

namespace holdfast::crypto {

base::Error openssl_error(const std::string& doing, std::source_location where) {
  std::array<char, 256> reason{"unknown reason"};
  if (const auto code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, reason.data(), reason.size());
  }
  discard_openssl_errors();
  base::Error error(base::ErrorKind::unsupported, doing + ": " + reason.data(), where);
  error.set_hint("see whether this machine's OpenSSL configuration forbids the algorithm");
  return error;
}

void discard_openssl_errors() { ERR_clear_error(); }

}  // namespace holdfast::crypto
