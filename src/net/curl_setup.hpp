// What all that goes through libcurl needs: how a connection is made, what failed.
#pragma once

#include "curl_handles.hpp"
#include "net/curl_client.hpp"
#include "transport_error.hpp"

#include <curl/curl.h>

#include <cstddef>
#include <string>

namespace holdfast::net {

/// A transfer in which nothing moves is looked at so often.
inline constexpr int look_ms = 1000;
inline constexpr std::size_t transfer_buffer_size = 512UL * 1024;
/// How long nothing may move once the run was asked to stop.
inline constexpr double stopping_stall_seconds_max = 5;

/// Prepares libcurl as a whole, once. Errors: io.
void prepare_libcurl();

/// Errors: io without memory.
void add_line(HeaderList& list, const std::string& line);
/// Authorities, certificates, and that they are checked.
void set_tls(const EasyHandle& handle, const HttpOptions& options);
/// Proxy, how long connecting may take.
void set_way(const EasyHandle& handle, const HttpOptions& options);

/// What libcurl knows of a transfer that ended with `code`. `message`: of its error buffer.
TransportFailure curl_failure(const EasyHandle& handle, CURLcode code, const char* message);

}  // namespace holdfast::net
