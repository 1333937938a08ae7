#pragma once

#include "base/error.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace holdfast::net {

template <auto release>
struct Releaser {
  template <class Handle>
  void operator()(Handle* handle) const {
    release(handle);
  }
};
using EasyHandle = std::unique_ptr<CURL, Releaser<curl_easy_cleanup>>;
using MultiHandle = std::unique_ptr<CURLM, Releaser<curl_multi_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, Releaser<curl_slist_free_all>>;

template <class Value>
void set(const EasyHandle& handle, CURLoption option, Value value) {
  const auto code = curl_easy_setopt(handle.get(), option, value);
  if (code == CURLE_OK) return;
  throw base::Error(base::ErrorKind::invalid_input,
                    fmt::format("preparing a request: {}", curl_easy_strerror(code)));
}

inline void check(CURLMcode code) {
  if (code == CURLM_OK) return;
  throw base::Error(base::ErrorKind::io,
                    fmt::format("driving transfers: {}", curl_multi_strerror(code)));
}

}  // namespace holdfast::net
