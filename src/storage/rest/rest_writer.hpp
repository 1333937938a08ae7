#pragma once

#include "rest_client.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

/// Creates the object `name`. Borrows `client`.
std::unique_ptr<ObjectWriter> write_rest_object(RestClient& client, std::string name);

}  // namespace holdfast::storage
