#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>

namespace holdfast::net {

/// How a transfer failed, in the terms of no library.
enum class Transport : std::uint8_t {
  bad_url,
  no_such_host,
  bad_proxy,
  no_such_proxy,
  not_connected,
  not_connected_in_time,
  lost,         // the connection ended or broke in the middle
  stalled,      // nothing moved any more
  not_greeted,  // a server that should speak first did not
  too_slow,     // it took longer than any transfer may
  not_http,     // what came is no HTTP
  not_ftp,      // what came is no FTP
  too_large,    // what came is larger than the caller takes
  tls_failed,
  tls_not_offered,
  login_refused,
  certificate_refused,  // of the server
  wrong_pinned_key,
  bad_ca_file,
  bad_client_certificate,
  proxy_login_refused,
  proxy_refused,
  other,
};

struct TransportFailure {
  Transport what = Transport::other;
  std::string text{};      // what the library says; holds no secret
  int system_code = 0;     // errno of connecting, 0 for none
  long verify_result = 0;  // of the certificate, as X509_V_ERR_* of OpenSSL
};

/// The error for people: kind, cause and next step. `request` is "GET https://host/path".
base::Error transport_error(const TransportFailure& failure, const std::string& request);

}  // namespace holdfast::net
