#pragma once

#include "transport_error.hpp"

#include <curl/curl.h>

namespace holdfast::net {

/// What a code of libcurl says about the connection.
Transport transport_of(CURLcode code);

}  // namespace holdfast::net
