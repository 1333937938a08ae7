#include "config/load.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "config/nearest.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto sample = R"(# holdfast.yaml
repository: /var/lib/holdfast/repo
sites:
  blog:
    files:   [/srv/blog/uploads, /srv/blog/static]
    config:  [/srv/blog/.env, /srv/blog/config]
    exclude: ["*.tmp", "__pycache__/"]
    databases:
      - sqlite:     { path: /srv/blog/instance/blog.db, realtime: true }
      - postgresql: { url: "postgresql://backup@localhost/blog", mode: physical, wal: stream }
      - mariadb:    { url: "mysql://backup@localhost/shop", mode: physical, binlog: stream }
      - redis:      { url: "redis://localhost" }
    schedule: { full: "0 2 * * 0", incremental: "0 */6 * * *", realtime: on }
    keep:     { full: 3 months, incremental: 1 month, realtime: 7 days }
    copies:   [nas, oss, usb]
    objectives: { rpo: 5m, rto: 30m }
    hooks: { before_restore: ["systemctl stop blog"], after_restore: ["systemctl start blog"] }
    checks: [{ http: "http://127.0.0.1:5000/health" }, { sql: blog.db, query: "select count(*) from posts", at_least: 1 }]
stores:
  nas: { url: "sftp://backup@nas.lan/holdfast", limit: 20 MiB/s }
  oss: { url: "oss://my-bucket.oss-cn-hangzhou.aliyuncs.com/holdfast", lock: 30 days }
  usb: { url: "file:///media/usb/holdfast", offline: true }
)";

std::string mistakes_of(const std::string& text) {
  return describe(parse_config(text, "/etc/h.yaml").mistakes, "h.yaml");
}

TEST(Config, parity_is_a_percentage) {
  EXPECT_EQ(parse_config("parity: 10\n", "/etc/h.yaml").config.parity_percent, 10U);
  EXPECT_EQ(parse_config("parity: 0\n", "/etc/h.yaml").config.parity_percent, 0U);
  for (const auto* wrong : {"parity: 26\n", "parity: -1\n", "parity: many\n", "parity: 3.5\n"}) {
    EXPECT_FALSE(parse_config(wrong, "/etc/h.yaml").mistakes.empty()) << wrong;
  }
}

TEST(Config, SettingsOfABucketAreRead) {
  const auto parsed = parse_config(
      "stores:\n"
      "  far:\n"
      "    url: s3://bucket/prefix\n"
      "    endpoint: https://ceph:7480\n"
      "    region: default\n"
      "    credentials_file: secret\n"
      "    credentials_command: [pass, show, s3]\n"
      "    addressing: virtual\n"
      "    exclusive_create: by-looking\n"
      "    ca_file: /etc/ca.pem\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  const auto& store = parsed.config.stores.at(0);
  EXPECT_EQ(store.bucket.endpoint, "https://ceph:7480");
  EXPECT_EQ(store.bucket.credentials_file, "/etc/secret");
  EXPECT_EQ(store.bucket.credentials_command.size(), 3U);
  EXPECT_EQ(store.bucket.addressing, "virtual");
  EXPECT_TRUE(store.bucket.creates_by_looking);
  EXPECT_EQ(store.http.ca_file, "/etc/ca.pem");
  EXPECT_THAT(mistakes_of("stores: { usb: { url: \"file:///u\", region: x } }\n"),
              HasSubstr("stores.usb.region is for s3://, oss://, cos:// only"));
  EXPECT_THAT(mistakes_of("stores: { usb: { url: \"file:///u\", ca_file: x } }\n"),
              HasSubstr("stores.usb.ca_file is for https://, s3://, oss://, cos://, webdav://, "
                        "webdavs://, ftp://, ftps:// only"));
  EXPECT_THAT(mistakes_of("stores: { far: { url: \"s3://b\", addressing: x } }\n"),
              HasSubstr("stores.far.addressing"));
}

TEST(Config, SettingsOfABucketAtAliyunOrTencentAreRead) {
  const auto parsed = parse_config(
      "stores:\n"
      "  a: { url: \"oss://b/p\", region: cn-hangzhou, network: internal, encryption: SM4 }\n"
      "  b: { url: \"cos://b-1/p\", network: accelerate, encryption: cos/kms }\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  EXPECT_EQ(parsed.config.stores.at(0).bucket.network, "internal");
  EXPECT_EQ(parsed.config.stores.at(0).bucket.encryption, "SM4");
  EXPECT_EQ(parsed.config.stores.at(1).bucket.encryption, "cos/kms");
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"s3://b\", network: internal } }\n"),
              HasSubstr("stores.a.network is for oss://, cos:// only"));
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"oss://b\", addressing: path } }\n"),
              HasSubstr("stores.a.addressing is for s3:// only"));
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"oss://b\", encryption: \"aws:kms\" } }\n"),
              HasSubstr("stores.a.encryption"));
}

TEST(Config, ClassesOfABucketAndTheirPricesAreRead) {
  const auto parsed = parse_config(
      "stores:\n"
      "  a:\n"
      "    url: oss://b/p\n"
      "    lifecycle: [{ after: 30 days, class: IA }, { after: 90 days, class: Archive }]\n"
      "    keep_newest: true\n"
      "    currency: EUR\n"
      "    prices:\n"
      "      - { class: Archive, speed: standard, gib: 0.01, thousand: 2, takes: 5m }\n"
      "      - { class: Archive, gib: 0.005, minimum: 60 days }\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  const auto& tiers = parsed.config.stores.at(0).tiers;
  EXPECT_TRUE(tiers.keeps_newest);
  ASSERT_EQ(tiers.lifecycle.size(), 2U);
  EXPECT_EQ(tiers.lifecycle[1].after_seconds, 90 * 24 * 3600);
  EXPECT_EQ(tiers.lifecycle[1].storage_class, "Archive");
  ASSERT_EQ(tiers.prices.size(), 2U);
  EXPECT_EQ(tiers.prices[0].price_per_thousand, 2.0);
  EXPECT_EQ(tiers.prices[0].seconds_max, 300);
  EXPECT_EQ(tiers.prices[1].price_per_gib, 0.005);
  EXPECT_EQ(tiers.currency, "EUR");
  const auto mistakes = [](const std::string& text) {
    return mistakes_of("stores: { a: { url: \"oss://b/p\", " + text + " } }\n");
  };
  EXPECT_THAT(mistakes("lifecycle: [{ after: 30 days }]"), HasSubstr("has no class"));
  EXPECT_THAT(mistakes("lifecycle: [{ after: 1d, class: Archive }, { after: 2d, class: IA }]"),
              HasSubstr("must be thawed"));
  EXPECT_THAT(mistakes("prices: [{ class: IA, gib: much }]"), HasSubstr("no amount of money"));
  EXPECT_THAT(mistakes("prices: [{ class: IA, takes: 5m }]"), HasSubstr("keeping and thawing"));
  EXPECT_THAT(mistakes("lifecycle: [{ after: 1d, class: IA, store: b }]"),
              HasSubstr("a class and a store"));
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"file:///b\", "
                          "lifecycle: [{ after: 1d, class: IA }] } }\n"),
              HasSubstr("classes are for s3://"));
}

TEST(Config, PacksLeaveTheRepositoryForACopy) {
  const auto mistakes = [](const std::string& rules, const std::string& copies = "far",
                           const std::string& repository = "/r") {
    return mistakes_of("repository: " + repository +
                       "\nstores:\n"
                       "  local:\n"
                       "    url: file:///r\n"
                       "    lifecycle: [" +
                       rules +
                       "]\n"
                       "  far: { url: \"oss://b/p\" }\n"
                       "sites: { s: { files: [/f], copies: [" +
                       copies + "] } }\n");
  };
  EXPECT_EQ(mistakes("{ after: 30 days, store: far }"), "");
  EXPECT_EQ(mistakes("{ after: 30 days, store: far }", "far", "file:///r/"), "");
  const auto unknown = mistakes("{ after: 30 days, store: fat }");
  EXPECT_THAT(unknown, HasSubstr("h.yaml:5:17: stores.local.lifecycle names 'fat'"));
  EXPECT_THAT(unknown, HasSubstr("did you mean 'far'?"));
  EXPECT_THAT(mistakes("{ after: 30 days, store: far }", ""), HasSubstr("far is no copy"));
  EXPECT_THAT(mistakes("{ after: 30 days, store: local }"), HasSubstr("local is no copy"));
  EXPECT_THAT(mistakes("{ after: 30 days, store: far }", "far", "/other"),
              HasSubstr("from the repository only"));
  EXPECT_THAT(mistakes("{ after: 1d, store: far }, { after: 2d, store: far }"),
              HasSubstr("let that be last"));
}

TEST(Config, PasswordsOfAStoreAreNamedAndNotWritten) {
  const auto parsed = parse_config(
      "stores:\n"
      "  a: { url: \"webdavs://ann@h/p\", password_file: secret, ca_file: ca.pem }\n"
      "  b: { url: \"webdav://ann@h/p\", password_command: [pass, show], plain_password: true }\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  EXPECT_EQ(parsed.config.stores.at(0).login.password_file, "/etc/secret");
  EXPECT_EQ(parsed.config.stores.at(0).http.ca_file, "/etc/ca.pem");
  EXPECT_FALSE(parsed.config.stores.at(0).login.allows_plain_password);
  EXPECT_EQ(parsed.config.stores.at(1).login.password_command.size(), 2U);
  EXPECT_TRUE(parsed.config.stores.at(1).login.allows_plain_password);
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"webdavs://h/p\", password_file: x, "
                          "password_command: [y] } }\n"),
              HasSubstr("stores.a.password is there twice"));
  EXPECT_THAT(
      mistakes_of("stores: { a: { url: \"s3://b\", password_file: x } }\n"),
      HasSubstr("stores.a.password_file is for webdav://, webdavs://, ftp://, ftps:// only"));
}

TEST(Config, WhereTlsBeginsIsSaidOfFtpServers) {
  const auto parsed = parse_config(
      "stores:\n"
      "  a: { url: \"ftps://ann@h/p\", password_file: secret, tls: implicit }\n"
      "  b: { url: \"ftps://ann@h/p\", tls: explicit, pinned_key: k }\n"
      "  c: { url: \"ftp://ann@h/p\", plain_password: true }\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  EXPECT_TRUE(parsed.config.stores.at(0).login.begins_with_tls);
  EXPECT_FALSE(parsed.config.stores.at(1).login.begins_with_tls);
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"ftps://ann@h/p\", tls: never } }\n"),
              HasSubstr("stores.a.tls"));
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"webdavs://h/p\", tls: implicit } }\n"),
              HasSubstr("stores.a.tls is for ftps:// only"));
}

TEST(Config, TokensOfAStoreAreNamedAndNotWritten) {
  const auto parsed = parse_config(
      "stores:\n"
      "  a: { url: \"https://h/blog\", token_file: token, ca_file: ca.pem }\n"
      "  b: { url: \"https://h/blog\", token_command: [pass, show] }\n",
      "/etc/h.yaml");
  EXPECT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  EXPECT_EQ(parsed.config.stores.at(0).token.file, "/etc/token");
  EXPECT_EQ(parsed.config.stores.at(1).token.command.size(), 2U);
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"https://h/p\", token_file: x, "
                          "token_command: [y] } }\n"),
              HasSubstr("stores.a.token is there twice"));
  EXPECT_THAT(mistakes_of("stores: { a: { url: \"s3://b\", token_file: x } }\n"),
              HasSubstr("stores.a.token_file is for https:// only"));
}

TEST(Config, a_store_may_have_a_parity_of_its_own) {
  const auto parsed =
      parse_config("stores: { usb: { url: \"file:///u\", parity: 10 } }\n", "h.yaml");
  EXPECT_EQ(parsed.config.stores.at(0).parity_percent, 10U);
  EXPECT_EQ(parsed.config.parity_percent, std::nullopt);
  EXPECT_THAT(mistakes_of("stores: { usb: { url: \"file:///u\", parity: 99 } }\n"),
              HasSubstr("stores.usb.parity must be a number from 0 to 25"));
}

TEST(Config, ReadsTheSampleOfTheArchitecture) {
  const auto parsed = parse_config(sample, "/etc/holdfast/holdfast.yaml");
  ASSERT_EQ(describe(parsed.mistakes, "sample"), "");
  const auto& config = parsed.config;
  EXPECT_EQ(config.repository, "/var/lib/holdfast/repo");
  ASSERT_EQ(config.sites.size(), 1U);
  const auto& site = config.sites.front();
  EXPECT_EQ(config.find_site("blog"), &site);
  EXPECT_THAT(site.files, ElementsAre("/srv/blog/uploads", "/srv/blog/static"));
  EXPECT_THAT(site.config, ElementsAre("/srv/blog/.env", "/srv/blog/config"));
  EXPECT_THAT(site.exclude, ElementsAre("*.tmp", "__pycache__/"));
  ASSERT_EQ(site.databases.size(), 4U);
  EXPECT_EQ(site.databases[0].path, "/srv/blog/instance/blog.db");
  EXPECT_EQ(site.databases[1].url, "postgresql://backup@localhost/blog");
  EXPECT_EQ(site.keep.full, 90 * 24 * 3600);
  EXPECT_EQ(site.keep.realtime, 7 * 24 * 3600);
  EXPECT_EQ(config.stores.size(), 3U);
}

TEST(Config, NamesWhatThisVersionDoesNotDo) {
  const auto parsed = parse_config(sample, "/etc/h.yaml");
  std::vector<std::string> features;
  for (const auto& not_yet : parsed.config.sites.front().not_yet) {
    features.push_back(not_yet.feature);
  }
  EXPECT_THAT(features,
              ElementsAre("realtime", "schedule", "objectives", "hooks", "hooks", "checks"));
}

TEST(Config, EmptyFileIsAConfigurationThatSaysNothing) {
  const auto parsed = parse_config("", "/etc/h.yaml");
  EXPECT_THAT(parsed.mistakes, IsEmpty());
  EXPECT_THAT(parsed.config.sites, IsEmpty());
}

TEST(Config, RelativePathsAreRelativeToTheFile) {
  const auto parsed =
      parse_config("repository: repo\nsites: {a: {files: [./b//c/, /d]}}", "/srv/h.yaml");
  EXPECT_EQ(parsed.config.repository, "/srv/repo");
  EXPECT_THAT(parsed.config.sites.front().files, ElementsAre("/srv/b/c", "/d"));
}

TEST(Config, CollectsEveryMistakeWithItsPlaceAndAHint) {
  const auto text = mistakes_of(
      "repositry: /r\n"
      "sites:\n"
      "  blog:\n"
      "    fils: [/srv]\n"
      "    files: {a: b}\n"
      "    config: [/srv/.env]\n"
      "    keep: {full: soon, daily: -1}\n"
      "    copies: [nass]\n"
      "  'bad name':\n"
      "    exclude: ['*.tmp']\n"
      "stores:\n"
      "  nas: {url: 'sftp://x', limit: fast}\n");
  EXPECT_THAT(text, HasSubstr("h.yaml:1:1: unknown key 'repositry'\n  hint: did you mean "
                              "'repository'?"));
  EXPECT_THAT(text, HasSubstr("h.yaml:4:5: unknown key 'sites.blog.fils'\n  hint: did you mean "
                              "'files'?"));
  EXPECT_THAT(text, HasSubstr("h.yaml:5:12: sites.blog.files must be a list"));
  EXPECT_THAT(text, HasSubstr("h.yaml:7:18: sites.blog.keep.full: 'soon' makes no sense here"));
  EXPECT_THAT(text, HasSubstr("h.yaml:7:31: sites.blog.keep.daily must be a whole number"));
  EXPECT_THAT(text, HasSubstr("h.yaml:8:14: sites.blog.copies names 'nass', which is not in "
                              "stores\n  hint: did you mean 'nas'?"));
  EXPECT_THAT(text, HasSubstr("h.yaml:9:3: 'bad name' cannot name a site"));
  EXPECT_THAT(text, HasSubstr("h.yaml:10:5: sites.bad name takes nothing"));
  EXPECT_THAT(
      text,
      HasSubstr("h.yaml:12:33: stores.nas.limit: 'fast' makes no sense here\n  hint: write a rate "
                "such as 20 MiB/s"));
}

TEST(Config, LimitsOfBandwidthAreRead) {
  const auto parsed = parse_config(
      "limit:\n"
      "  up: 10MiB\n"
      "  down: none\n"
      "  windows:\n"
      "    - {from: \"08:00\", to: \"20:00\", days: mon-fri, up: 1MiB}\n"
      "    - {from: 22:30, to: 06:00, days: [sat, sun-tue], up: none, down: 2 MiB/s}\n"
      "stores:\n"
      "  nas: {url: 'sftp://x', limit: 20 MiB/s}\n",
      "/etc/h.yaml");
  ASSERT_TRUE(parsed.mistakes.empty()) << describe(parsed.mistakes, "h.yaml");
  const auto& limits = parsed.config.limits;
  EXPECT_EQ(limits.rates, (policy::ByteRates{.up = 10U << 20, .down = 0}));
  ASSERT_EQ(limits.windows.size(), 2U);
  EXPECT_EQ(limits.windows[0], (policy::BandwidthWindow{480, 1200, 0x1f, {.up = 1U << 20}}));
  EXPECT_EQ(limits.windows[1],
            (policy::BandwidthWindow{1350, 360, 0x63, {.up = 0, .down = 2U << 20}}));
  EXPECT_EQ(parsed.config.stores.at(0).limits,
            (policy::BandwidthLimits{{.up = 20U << 20, .down = 20U << 20}, {}}));
}

TEST(Config, MistakesInLimitsAreNamedWithTheirPlaces) {
  const auto text = mistakes_of(
      "limit:\n"
      "  up: 100\n"
      "  upp: 1MiB\n"
      "  windows:\n"
      "    - {from: 8, to: \"20:00\", up: 1MiB}\n"
      "    - {from: \"08:00\", to: \"08:00\", up: 1MiB}\n"
      "    - {days: mo-fr, up: 1MiB}\n"
      "    - {from: \"08:00\"}\n"
      "    - {to: \"24:01\", down: fast}\n"
      "stores:\n"
      "  nas: {url: 'sftp://x', limit: [1MiB]}\n");
  EXPECT_THAT(text, HasSubstr("h.yaml:2:7: limit.up: '100' makes no sense here"));
  EXPECT_THAT(text, HasSubstr("h.yaml:3:3: unknown key 'limit.upp'\n  hint: did you mean 'up'?"));
  EXPECT_THAT(text, HasSubstr("h.yaml:5:14: limit.windows.from is no time of day\n  hint: write "
                              "hours and minutes"));
  EXPECT_THAT(text, HasSubstr("h.yaml:6:7: limit.windows begins when it ends"));
  EXPECT_THAT(text, HasSubstr("h.yaml:7:14: limit.windows.days are no days"));
  EXPECT_THAT(text, HasSubstr("h.yaml:8:7: limit.windows limits nothing"));
  EXPECT_THAT(text, HasSubstr("h.yaml:9:12: limit.windows.to is no time of day"));
  EXPECT_THAT(text, HasSubstr("h.yaml:9:27: limit.windows.down: 'fast' makes no sense here"));
  EXPECT_THAT(text, HasSubstr("h.yaml:11:33: stores.nas.limit must be a map"));
}

TEST(Config, DoubledAndEmptyKeysAreMistakes) {
  EXPECT_THAT(mistakes_of("repository: /a\nrepository: /b\n"),
              HasSubstr("h.yaml:2:1: the file has 'repository' twice\n  hint: the first is on "
                        "line 1"));
  EXPECT_THAT(mistakes_of("repository:\n"), HasSubstr("h.yaml:1:1: repository has no value"));
}

TEST(Config, OneEntryIsOneDatabase) {
  EXPECT_THAT(mistakes_of("sites: {a: {databases: [{sqlite: /a.db, redis: {url: 'redis://h'}}]}}"),
              HasSubstr("one entry, one database"));
  EXPECT_THAT(mistakes_of("sites: {a: {databases: [{mysql: {url: 'x'}}]}}"),
              HasSubstr("unknown key 'sites.a.databases.mysql'"));
}

TEST(Config, BrokenYamlIsNamedWithItsPlace) {
  EXPECT_THAT(mistakes_of("sites:\n  blog: [\n"), HasSubstr("not YAML"));
  EXPECT_THAT(mistakes_of("a: b: c\n"), HasSubstr("h.yaml:1:"));
  EXPECT_THAT(mistakes_of("- a\n"), HasSubstr("h.yaml:1:1: the file must be a map"));
  EXPECT_THAT(mistakes_of("---\n{}\n---\n{}\n"), HasSubstr("a second document"));
  EXPECT_THAT(mistakes_of(std::string(5000, '[')), HasSubstr("not YAML"));
}

TEST(Config, AliasesThatMultiplyAreBounded) {
  std::string text = "sites:\n  a:\n    files: &f [";
  for (int i = 0; i < 2000; ++i)
    text += "/x,";
  text += "/y]\n";
  for (int i = 0; i < 2000; ++i)
    text += fmt::format("  s{}: {{files: *f}}\n", i);
  EXPECT_THAT(mistakes_of(text), HasSubstr("more than 100000 values"));
}

TEST(Config, ALoopOfAliasesEnds) {
  EXPECT_THAT(mistakes_of("sites: &s\n  a: *s\n"), HasSubstr("unknown key 'sites.a.a'"));
}

TEST(Config, LoadThrowsAllMistakesAtOnce) {
  const base::TemporaryDirectory directory;
  const auto path = directory.file("holdfast.yaml");
  base::write_durably(path, base::as_bytes("x: 1\ny: 2\n"), 0600);
  try {
    load_config(path);
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), HasSubstr("2 mistakes"));
    EXPECT_THAT(error.what(), HasSubstr(path + ":2:1: unknown key 'y'"));
  }
}

RC_GTEST_PROP(ConfigProperty, AnyTextIsConfigurationOrMistakes, (const std::string& text)) {
  const auto parsed = parse_config(text, "/h.yaml");
  RC_ASSERT(parsed.mistakes.size() <= mistakes_max);
}

TEST(Nearest, FindsSmallSlips) {
  const std::vector<std::string> known{"files", "config", "databases"};
  EXPECT_EQ(nearest("flies", known), "files");
  EXPECT_EQ(nearest("cofnig", known), "config");
  EXPECT_EQ(nearest("database", known), "databases");
  EXPECT_EQ(nearest("hooks", known), "");
}

RC_GTEST_PROP(NearestProperty, DistanceIsSymmetricAndZeroOnlyForEqual, ()) {
  const auto a = *rc::gen::container<std::string>(rc::gen::inRange('a', 'd'));
  const auto b = *rc::gen::container<std::string>(rc::gen::inRange('a', 'd'));
  RC_PRE(a.size() < 60 && b.size() < 60);
  RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
  RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
}

}  // namespace
}  // namespace holdfast::config
