#include "crypto/passphrase.hpp"

#include "base/error.hpp"
#include "crypto/keys.hpp"

#include <gtest/gtest.h>

namespace holdfast::crypto {
namespace {

using base::as_bytes;

std::string derive(std::string_view passphrase, const PassphraseCost& cost,
                   std::string_view salt = "somesaltsomesalt") {
  initialise();
  const base::Secret secret(as_bytes(passphrase));
  return base::to_hex(derive_from_passphrase(secret, as_bytes(salt), cost).view());
}

// Computed with the program argon2 of the reference implementation (-id -p 1 -l 32).
TEST(Passphrase, AgreesWithTheReferenceImplementation) {
  EXPECT_EQ(derive("password", {3, 256 << 10}),
            "45712205ca8e0777e07eeb552e27165d3450b42ba9d9e646b9be536116b192cc");
  EXPECT_EQ(derive("password", {1, 64 << 20}),
            "ec2b46acb6f8aec6804bf8df88feeca36a4412df3bea8d2cc99c08a9e8977a72");
}

TEST(Passphrase, EveryInputMatters) {
  const PassphraseCost cheap{1, PassphraseCost::memory_bytes_min};
  const auto derived = derive("password", cheap);
  EXPECT_EQ(derive("password", cheap), derived);
  EXPECT_NE(derive("Password", cheap), derived);
  EXPECT_NE(derive("", cheap), derived);
  EXPECT_NE(derive("password", cheap, "somesaltsomesalT"), derived);
  EXPECT_NE(derive("password", {2, cheap.memory_bytes}), derived);
  EXPECT_NE(derive("password", {1, cheap.memory_bytes * 2}), derived);
}

TEST(Passphrase, RefusesCostsOutOfBounds) {
  const auto kind_of = [](const PassphraseCost& cost, std::string_view salt) {
    try {
      derive("password", cost, salt);
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind{};
  };
  const auto invalid = base::ErrorKind::invalid_input;
  const std::string_view salt = "somesaltsomesalt";
  EXPECT_EQ(kind_of({0, 64 << 10}, salt), invalid);
  EXPECT_EQ(kind_of({PassphraseCost::passes_max + 1, 64 << 10}, salt), invalid);
  EXPECT_EQ(kind_of({1, PassphraseCost::memory_bytes_min - 1}, salt), invalid);
  EXPECT_EQ(kind_of({1, PassphraseCost::memory_bytes_max + 1}, salt), invalid);
  EXPECT_EQ(kind_of({1, 64 << 10}, "short"), invalid);
}

}  // namespace
}  // namespace holdfast::crypto
