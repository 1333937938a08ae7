#include "curl_setup.hpp"

#include "base/error.hpp"
#include "curl_code.hpp"

#include <fmt/format.h>

#include <string_view>

namespace holdfast::net {

using base::Error;
using base::ErrorKind;

void prepare_libcurl() {
  // Not undone: other threads may still use what it prepares when this one ends.
  static const CURLcode prepared = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (prepared == CURLE_OK) return;
  throw Error(ErrorKind::io, fmt::format("preparing libcurl: {}", curl_easy_strerror(prepared)));
}

void add_line(HeaderList& list, const std::string& line) {
  auto* const first = curl_slist_append(list.get(), line.c_str());
  if (first == nullptr) throw Error(ErrorKind::io, "preparing a request: out of memory");
  if (list == nullptr) list.reset(first);
}

void set_tls(const EasyHandle& handle, const HttpOptions& options) {
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) {
    set(handle, CURLOPT_CAINFO, options.ca_file.c_str());
    set(handle, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (!options.client_certificate.empty()) {
    set(handle, CURLOPT_SSLCERT, options.client_certificate.c_str());
    const auto& key = options.client_key.empty() ? options.client_certificate : options.client_key;
    set(handle, CURLOPT_SSLKEY, key.c_str());
  }
  if (!options.pinned_key.empty()) {
    set(handle, CURLOPT_PINNEDPUBLICKEY, options.pinned_key.c_str());
  }
}

void set_way(const EasyHandle& handle, const HttpOptions& options) {
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_CONNECTTIMEOUT, options.connect_seconds_max);
  set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options.proxy) {
    set(handle, CURLOPT_PROXY, options.proxy->c_str());
    set(handle, CURLOPT_NOPROXY, options.proxy->empty() ? "*" : "");  // not what NO_PROXY says
  }
}

namespace {

/// The address of a proxy may have a password in it, and libcurl quotes one that it does not like.
bool quotes_proxy(std::string_view text) { return text.find("nsupported proxy") != text.npos; }

bool is_refused_login(CURLproxycode code) {
  return code == CURLPX_USER_REJECTED || code == CURLPX_NO_AUTH;
}

/// What a proxy says that does not pass something on.
void note_proxy(const EasyHandle& handle, TransportFailure& failure) {
  const auto wants_login = [](long code) { return code == 407 || code == 401; };
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_HTTP_CONNECTCODE, &status);
  long socks = CURLPX_OK;
  curl_easy_getinfo(handle.get(), CURLINFO_PROXY_ERROR, &socks);
  if (status >= 300) failure.what = Transport::proxy_refused;
  if (wants_login(status) || is_refused_login(static_cast<CURLproxycode>(socks))) {
    failure.what = Transport::proxy_login_refused;
  }
  if (!quotes_proxy(failure.text)) return;
  failure.what = Transport::bad_proxy;
  failure.text.clear();
}

}  // namespace

TransportFailure curl_failure(const EasyHandle& handle, CURLcode code, const char* message) {
  TransportFailure failure;
  failure.what = transport_of(code);
  curl_off_t connected_after = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_PRETRANSFER_TIME_T, &connected_after);
  if (code == CURLE_OPERATION_TIMEDOUT && connected_after > 0) failure.what = Transport::stalled;
  failure.text = *message != '\0' ? message : curl_easy_strerror(code);
  long system_code = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_OS_ERRNO, &system_code);
  failure.system_code = static_cast<int>(system_code);
  curl_easy_getinfo(handle.get(), CURLINFO_SSL_VERIFYRESULT, &failure.verify_result);
  note_proxy(handle, failure);
  return failure;
}

}  // namespace holdfast::net
