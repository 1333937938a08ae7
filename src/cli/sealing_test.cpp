#include "commands/sealing.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

TEST(SealingCommand, KeysGoToGpg) {
  EXPECT_THAT(sealing_command({{"a@example.org", "b@example.org"}, {}}),
              ElementsAre("gpg", "--batch", "--no-tty", "--compress-algo", "none", "--recipient",
                          "a@example.org", "--recipient", "b@example.org", "--encrypt"));
}

TEST(SealingCommand, OnlyWholeFingerprintsAreTrustedAsNamed) {
  const std::string fingerprint(40, 'A');
  EXPECT_THAT(sealing_command({{fingerprint, "0x" + fingerprint}, {}}), Contains("always"));
  EXPECT_THAT(sealing_command({{fingerprint, "a@example.org"}, {}}), Not(Contains("always")));
  EXPECT_THAT(sealing_command({{fingerprint.substr(8)}, {}}), Not(Contains("always")));
}

TEST(SealingCommand, AgeTakesKeysAndFilesOfKeys) {
  EXPECT_THAT(sealing_command({{}, {"age1xyz", "ssh-ed25519 AAAA", "/etc/recipients"}}),
              ElementsAre("age", "--encrypt", "--recipient", "age1xyz", "--recipient",
                          "ssh-ed25519 AAAA", "--recipients-file", "/etc/recipients"));
}

TEST(SealingCommand, OneProgramAtATime) {
  EXPECT_THROW(sealing_command({{"a"}, {"age1"}}), base::Error);
  EXPECT_THROW(sealing_command({}), base::Error);
}

}  // namespace
}  // namespace holdfast::cli
