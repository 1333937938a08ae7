#include "crypto/shamir.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace holdfast::crypto {

namespace {

using base::ErrorKind;

base::ErrorKind failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return {};
}

std::vector<Share> copies_of(const std::vector<Share>& shares,
                             const std::vector<std::size_t>& which) {
  std::vector<Share> chosen;
  for (const auto i : which)
    chosen.push_back({shares[i].index, shares[i].value.clone()});
  return chosen;
}

// FIPS 197, sections 4.2 and 4.2.1.
TEST(Field, MultipliesAsTheStandardSays) {
  EXPECT_EQ(multiply_in_field(0x57, 0x83), 0xc1);
  EXPECT_EQ(multiply_in_field(0x57, 0x13), 0xfe);
  EXPECT_EQ(multiply_in_field(0x57, 0x02), 0xae);
  EXPECT_EQ(multiply_in_field(0x57, 0x04), 0x47);
  EXPECT_EQ(multiply_in_field(0x57, 0x08), 0x8e);
  EXPECT_EQ(multiply_in_field(0x57, 0x10), 0x07);
}

TEST(Field, IsOne) {
  for (unsigned a = 0; a < 256; ++a) {
    std::array<bool, 256> seen{};
    for (unsigned b = 0; b < 256; ++b) {
      const auto product =
          multiply_in_field(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b));
      EXPECT_EQ(product,
                multiply_in_field(static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(a)));
      seen[product] = true;
    }
    // Every number but 0 has an inverse: its multiples are all numbers.
    EXPECT_EQ(std::ranges::count(seen, true), a == 0 ? 1 : 256);
  }
}

// The polynomial 0x42 + 0x57 x, by the products of FIPS 197.
TEST(Shares, AreValuesOfAPolynomial) {
  class Fixed final : public base::Random {
  public:
    void fill(base::MutableBytes bytes) override { std::ranges::fill(bytes, std::byte{0x57}); }
  } random;
  const base::Secret secret(base::Bytes{std::byte{0x42}});
  const auto shares = split_secret(secret, 16, 2, random);
  EXPECT_EQ(shares[1].value.view()[0], std::byte{0x42 ^ 0xae});
  EXPECT_EQ(shares[3].value.view()[0], std::byte{0x42 ^ 0x47});
  EXPECT_EQ(shares[7].value.view()[0], std::byte{0x42 ^ 0x8e});
  EXPECT_EQ(shares[15].value.view()[0], std::byte{0x42 ^ 0x07});
}

RC_GTEST_PROP(Shares, AnyOfThemRebuildTheSecret, ()) {
  const auto threshold = *rc::gen::inRange(2U, 7U);
  const auto count = threshold + *rc::gen::inRange(0U, 6U);
  base::SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
  base::Secret secret(*rc::gen::inRange<std::size_t>(1, 40));
  random.fill(secret.mutable_view());
  const auto shares = split_secret(secret, count, threshold, random);
  RC_ASSERT(shares.size() == count);
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i)
    order[i] = i;
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[random.below(i)]);
  const auto given = threshold + static_cast<unsigned>(random.below(count - threshold + 1));
  order.resize(given);
  const auto joined = join_shares(copies_of(shares, order));
  RC_ASSERT(base::equal_in_constant_time(joined.view(), secret.view()));
}

/// All coefficients, one after the other.
class Counting final : public base::Random {
public:
  void fill(base::MutableBytes bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>(number >> (8 * i) & 0xff);
  }
  unsigned number = 0;
};

/// Over all coefficients, the shares that are one too few take every value equally often, whatever
/// the secret is: they say nothing about it.
TEST(Shares, OneTooFewTellNothing) {
  for (const auto secret_byte : {0x00, 0x01, 0xa7}) {
    const base::Secret secret(base::Bytes{static_cast<std::byte>(secret_byte)});
    std::vector<int> seen(256);
    Counting random;
    for (; random.number < 256; ++random.number)
      ++seen[std::to_integer<unsigned>(split_secret(secret, 2, 2, random)[1].value.view()[0])];
    EXPECT_EQ(std::ranges::count(seen, 1), 256);
  }
}

TEST(Shares, TwoOfThreeTellNothing) {
  const base::Secret secret(base::Bytes{std::byte{0xa7}});
  std::vector<int> seen(65536);
  Counting random;
  for (; random.number < 65536; ++random.number) {
    const auto shares = split_secret(secret, 3, 3, random);
    const auto a = std::to_integer<unsigned>(shares[0].value.view()[0]);
    ++seen[a << 8 | std::to_integer<unsigned>(shares[2].value.view()[0])];
  }
  EXPECT_EQ(std::ranges::count(seen, 1), 65536) << "every pair of values exactly once";
}

TEST(Shares, RefuseWhatCannotBe) {
  base::SeededRandom random(1);
  const base::Secret secret(base::as_bytes("secret"));
  for (const auto& [count, threshold] :
       std::map<unsigned, unsigned>{{1, 1}, {3, 1}, {3 + 1, 5}, {256, 2}}) {
    EXPECT_EQ(failure_of([&] { split_secret(secret, count, threshold, random); }),
              ErrorKind::invalid_input);
  }
  EXPECT_EQ(failure_of([&] { split_secret(base::Secret(), 3, 2, random); }),
            ErrorKind::invalid_input);
  const auto shares = split_secret(secret, 3, 2, random);
  EXPECT_EQ(failure_of([&] { join_shares(copies_of(shares, {0})); }), ErrorKind::invalid_input);
  EXPECT_EQ(failure_of([&] { join_shares(copies_of(shares, {0, 0})); }), ErrorKind::invalid_input);
  auto uneven = copies_of(shares, {0, 1});
  uneven[1].value = base::Secret(std::size_t{3});
  EXPECT_EQ(failure_of([&] { join_shares(uneven); }), ErrorKind::invalid_input);
}

}  // namespace

}  // namespace holdfast::crypto
