#include "transport_error.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace holdfast::net {

using base::Error;
using base::ErrorKind;
using base::Layer;
using base::Retry;

namespace {

struct Row {
  Transport what;
  ErrorKind kind;
  Retry retry;
  Layer layer;
  const char* cause;  // empty: what the library says
  const char* hint;
};

constexpr std::array rows = {
    Row{Transport::bad_url, ErrorKind::invalid_input, Retry::never, Layer::unknown,
        "the address is malformed", "check the URL of the store"},
    Row{Transport::no_such_host, ErrorKind::unavailable, Retry::later, Layer::name,
        "the name of the server has no address",
        "check the name, and whether this machine can ask a name server"},
    Row{Transport::bad_proxy, ErrorKind::invalid_input, Retry::never, Layer::port,
        "the address of the proxy is malformed",
        "write http://, https://, socks4a:// or socks5h:// with host and port into HTTPS_PROXY, "
        "ALL_PROXY or 'proxy' of the store"},
    Row{Transport::no_such_proxy, ErrorKind::unavailable, Retry::later, Layer::name,
        "the name of the proxy has no address",
        "check HTTPS_PROXY, ALL_PROXY and the 'proxy' of the store"},
    Row{Transport::not_connected, ErrorKind::unavailable, Retry::later, Layer::port, "",
        "check address and port, whether the server runs, and firewalls between"},
    Row{Transport::not_connected_in_time, ErrorKind::unavailable, Retry::later, Layer::port,
        "connecting took too long",
        "check address and port, and firewalls that drop packets; behind a proxy set HTTPS_PROXY"},
    Row{Transport::lost, ErrorKind::unavailable, Retry::later, Layer::unknown,
        "the connection was lost", "check the network, and the server's log"},
    Row{Transport::stalled, ErrorKind::unavailable, Retry::later, Layer::unknown,
        "the server went silent",
        "check the network (a wrong MTU stalls large packets only) and the load of the server"},
    Row{Transport::not_greeted, ErrorKind::unavailable, Retry::later, Layer::trust,
        "the server does not greet",
        "check whether TLS begins at once there ('tls: implicit' of the store), and the load of "
        "the server"},
    Row{Transport::too_slow, ErrorKind::unavailable, Retry::later, Layer::unknown,
        "the transfer took too long", "check the network and the load of the server"},
    Row{Transport::not_http, ErrorKind::unsupported, Retry::never, Layer::unknown,
        "what answers is no HTTP server",
        "check the port, and whether it wants https:// or http://"},
    Row{Transport::not_ftp, ErrorKind::unsupported, Retry::never, Layer::unknown,
        "what answers is no FTP server",
        "check the port, and whether TLS begins at once there ('tls: implicit' of the store)"},
    Row{Transport::too_large, ErrorKind::io, Retry::never, Layer::unknown,
        "the reply is larger than it can rightly be", "check whether this is the right server"},
    Row{Transport::tls_failed, ErrorKind::unavailable, Retry::later, Layer::trust,
        "TLS could not be set up", "check whether the port speaks TLS, version 1.2 or later"},
    Row{Transport::tls_not_offered, ErrorKind::access_denied, Retry::never, Layer::trust,
        "the server does not offer TLS",
        "turn TLS on at the server; without it names, contents and password go in the open"},
    Row{Transport::login_refused, ErrorKind::access_denied, Retry::never, Layer::login,
        "the server refuses the login", "check the user in the address, and the password"},
    Row{Transport::certificate_refused, ErrorKind::access_denied, Retry::never, Layer::trust, "",
        ""},
    Row{Transport::wrong_pinned_key, ErrorKind::access_denied, Retry::never, Layer::trust,
        "the server's key is not the pinned one",
        "find out why it changed; only if that is right change 'pinned_key' of the store"},
    Row{Transport::bad_ca_file, ErrorKind::invalid_input, Retry::never, Layer::trust,
        "the file of certificate authorities cannot be used",
        "check 'ca_file' of the store: it must exist and hold certificates in PEM"},
    Row{Transport::bad_client_certificate, ErrorKind::invalid_input, Retry::never, Layer::trust,
        "the client certificate or its key cannot be used",
        "check 'client_certificate' and 'client_key' of the store: both are files in PEM"},
    Row{Transport::proxy_login_refused, ErrorKind::access_denied, Retry::never, Layer::login,
        "the proxy refused the login",
        "check user and password of the proxy in HTTPS_PROXY, ALL_PROXY or 'proxy' of the store"},
    Row{Transport::proxy_refused, ErrorKind::unavailable, Retry::later, Layer::port,
        "the proxy refused",
        "check the proxy's user and rules, or leave it out for this server by NO_PROXY"},
    Row{Transport::other, ErrorKind::unavailable, Retry::later, Layer::unknown, "",
        "check the network"},
};

struct VerifyRow {
  long code;  // X509_V_ERR_*
  const char* cause;
  const char* hint;
};

constexpr std::array verify_rows = {
    VerifyRow{9, "the server's certificate is not valid yet", "check the clock of this machine"},
    VerifyRow{10, "the server's certificate has expired",
              "renew it on the server, or check the clock of this machine"},
    VerifyRow{18, "the server's certificate is self-signed and not trusted",
              "if it is the right one, name it as 'ca_file' of the store"},
    VerifyRow{19, "the server's certificate comes from an authority that is not trusted here",
              "if it is the right one, name its certificate as 'ca_file' of the store"},
    VerifyRow{20, "the server's certificate comes from an authority that is not trusted here",
              "if it is the right one, name its certificate as 'ca_file' of the store"},
    VerifyRow{23, "the server's certificate was revoked", "ask who runs the server"},
};

constexpr VerifyRow wrong_name{0, "the server's certificate is for another name",
                               "use the name that the certificate has, or get one for this name"};

const Row& row_of(Transport what) {
  for (const auto& row : rows) {
    if (row.what == what) return row;
  }
  return rows.back();
}

const VerifyRow& verify_row_of(long code) {
  for (const auto& row : verify_rows) {
    if (row.code == code) return row;
  }
  return wrong_name;
}

std::string cause_of(const TransportFailure& failure, const Row& row) {
  auto text = base::printable(failure.text);
  if (failure.what == Transport::certificate_refused) {
    return fmt::format("{} ({})", verify_row_of(failure.verify_result).cause, text);
  }
  if (failure.what == Transport::not_connected && failure.system_code != 0) {
    return std::generic_category().message(failure.system_code);
  }
  if (*row.cause == '\0') return text;
  return text.empty() ? row.cause : fmt::format("{} ({})", row.cause, text);
}

}  // namespace

Error transport_error(const TransportFailure& failure, const std::string& request) {
  const auto& row = row_of(failure.what);
  Error error(row.kind, fmt::format("{}: {}", request, cause_of(failure, row)));
  error.set_retry(row.retry).set_layer(row.layer);
  const bool is_certificate = failure.what == Transport::certificate_refused;
  error.set_hint(is_certificate ? verify_row_of(failure.verify_result).hint : row.hint);
  return error;
}

}  // namespace holdfast::net
