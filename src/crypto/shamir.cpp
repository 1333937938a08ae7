#include "crypto/shamir.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

namespace holdfast::crypto {

namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned count_max = 255;

std::uint8_t byte_at(const base::Secret& secret, std::size_t i) {
  return std::to_integer<std::uint8_t>(secret.view()[i]);
}

/// a^254: the inverse, and 0 for 0.
std::uint8_t invert(std::uint8_t a) {
  std::uint8_t power = a;
  for (int i = 0; i < 6; ++i)
    power = multiply_in_field(multiply_in_field(power, power), a);
  return multiply_in_field(power, power);
}

void check_shares(const std::vector<Share>& shares) {
  if (shares.size() < 2) throw Error(ErrorKind::invalid_input, "one share alone rebuilds nothing");
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto& share = shares[i];
    if (share.index == 0 || share.value.empty() ||
        share.value.size() != shares.front().value.size()) {
      throw Error(ErrorKind::invalid_input, "the shares do not belong together");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (shares[j].index != share.index) continue;
      throw Error(ErrorKind::invalid_input,
                  fmt::format("share {} was given twice", unsigned{share.index}));
    }
  }
}

/// The factor of share `which` at x = 0 (Lagrange): the product of x_j / (x_j - x_which).
std::uint8_t factor_of(const std::vector<Share>& shares, std::size_t which) {
  std::uint8_t above = 1;
  std::uint8_t below = 1;
  for (std::size_t j = 0; j < shares.size(); ++j) {
    if (j == which) continue;
    above = multiply_in_field(above, shares[j].index);
    below =
        multiply_in_field(below, static_cast<std::uint8_t>(shares[j].index ^ shares[which].index));
  }
  return multiply_in_field(above, invert(below));
}

}  // namespace

// Without branches or tables: what is multiplied may be secret.
std::uint8_t multiply_in_field(std::uint8_t a, std::uint8_t b) {
  unsigned product = 0;
  unsigned shifted = a;
  for (unsigned bit = 0; bit < 8; ++bit) {
    product ^= shifted & (0U - (unsigned{b} >> bit & 1U));
    shifted = shifted << 1 ^ (0x11bU & (0U - (shifted >> 7 & 1U)));
  }
  return static_cast<std::uint8_t>(product);
}

std::vector<Share> split_secret(const base::Secret& secret, unsigned count, unsigned threshold,
                                base::Random& random) {
  if (threshold < 2 || threshold > count || count > count_max || secret.empty()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("a secret cannot be split into {} shares of which {} rebuild it", count,
                            threshold))
        .set_hint("choose 2 <= threshold <= shares <= 255");
  }
  // Coefficients of x, x^2, ...; the secret is the constant one.
  base::Secret coefficients(secret.size() * (threshold - 1));
  random.fill(coefficients.mutable_view());
  std::vector<Share> shares;
  for (unsigned index = 1; index <= count; ++index) {
    Share share{static_cast<std::uint8_t>(index), base::Secret(secret.size())};
    for (std::size_t i = 0; i < secret.size(); ++i) {
      std::uint8_t value = 0;
      for (auto power = threshold - 1; power >= 1; --power) {
        const auto coefficient = byte_at(coefficients, (power - 1) * secret.size() + i);
        value = multiply_in_field(static_cast<std::uint8_t>(value ^ coefficient), share.index);
      }
      share.value.mutable_view()[i] =
          std::byte{static_cast<std::uint8_t>(value ^ byte_at(secret, i))};
    }
    shares.push_back(std::move(share));
  }
  return shares;
}

base::Secret join_shares(const std::vector<Share>& shares) {
  check_shares(shares);
  base::Secret secret(shares.front().value.size());
  for (std::size_t which = 0; which < shares.size(); ++which) {
    const auto factor = factor_of(shares, which);
    for (std::size_t i = 0; i < secret.size(); ++i) {
      secret.mutable_view()[i] ^=
          std::byte{multiply_in_field(byte_at(shares[which].value, i), factor)};
    }
  }
  return secret;
}

}  // namespace holdfast::crypto
