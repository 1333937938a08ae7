#pragma once

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "repository/keys.hpp"

namespace holdfast::repository {

/// The message KeyBundle (proto/keys.proto): what a slot seals.
base::Secret encode_bundle(const KeyBundle& bundle);
/// Errors: corrupt, unsupported.
KeyBundle decode_bundle(base::ByteView bytes);

}  // namespace holdfast::repository
