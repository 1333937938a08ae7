#include "curl_code.hpp"

namespace holdfast::net {

Transport transport_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return Transport::bad_url;
    case CURLE_COULDNT_RESOLVE_HOST:
      return Transport::no_such_host;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Transport::no_such_proxy;
    case CURLE_COULDNT_CONNECT:
      return Transport::not_connected;
    case CURLE_OPERATION_TIMEDOUT:
      return Transport::not_connected_in_time;
    case CURLE_PEER_FAILED_VERIFICATION:
      return Transport::certificate_refused;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return Transport::wrong_pinned_key;
    case CURLE_SSL_CACERT_BADFILE:
      return Transport::bad_ca_file;
    case CURLE_SSL_CERTPROBLEM:
      return Transport::bad_client_certificate;
    case CURLE_SSL_CONNECT_ERROR:
      return Transport::tls_failed;
    case CURLE_PROXY:
      return Transport::proxy_refused;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Transport::not_http;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return Transport::lost;
    default:
      return Transport::other;
  }
}

}  // namespace holdfast::net
