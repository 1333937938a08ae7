#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <vector>

namespace holdfast::crypto {

/// Shamir's secret sharing over GF(256), byte by byte (Shamir, How to share a secret, CACM 1979;
/// the field of AES, polynomial 0x11b). Any `threshold` shares rebuild the secret; fewer tell
/// nothing about it. Shares carry no check: whoever rebuilds must know what the secret is for.
///
/// Timing: depends on sizes, counts and indices, never on the bytes of secrets or shares.
struct Share {
  std::uint8_t index = 0;  // 1..255: where the polynomial was evaluated
  base::Secret value;      // as long as the secret
};

/// Errors: invalid_input unless 2 <= threshold <= count <= 255 and the secret is not empty.
std::vector<Share> split_secret(const base::Secret& secret, unsigned count, unsigned threshold,
                                base::Random& random);
/// What the shares rebuild, right or wrong. Errors: invalid_input when there are fewer than two,
/// two have one index, or their sizes differ.
base::Secret join_shares(const std::vector<Share>& shares);

/// The product in GF(256), for tests against FIPS 197.
std::uint8_t multiply_in_field(std::uint8_t a, std::uint8_t b);

}  // namespace holdfast::crypto
