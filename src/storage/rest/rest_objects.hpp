#pragma once

#include "base/ids.hpp"
#include "rest_client.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::storage {

struct RestObject {
  std::uint64_t size = 0;
  std::optional<base::Hash> digest{};
};
enum class WantDigest : std::uint8_t { no, yes };  // the server reads all of it for that

/// What the server knows of an object; nothing when there is none.
/// Errors: not_found without the repository.
std::optional<RestObject> look_at_object(RestClient& client, const std::string& name,
                                         WantDigest want);

}  // namespace holdfast::storage
