#include "storage/s3/sts.hpp"

#include "base/error.hpp"
#include "net/meddling_client.hpp"
#include "s3_client.hpp"
#include "s3_server_testing.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace holdfast::storage {
namespace {

using base::as_bytes;
using base::as_text;
using base::Error;
using base::ErrorKind;
using testing::HasSubstr;

/// A service that answers the same to everything, and what it was asked.
class Service {
public:
  Service(int status, std::string body)
      : http_([this, status, body = std::move(body)](const net::HttpRequest& request) {
          form = as_text(request.body);
          url = request.url;
          authorization = net::find_header(request.headers, "authorization").value_or("");
          token = net::find_header(request.headers, "x-amz-security-token").value_or("");
          net::HttpResponse response;
          response.status = status;
          response.body = base::copy_of(as_bytes(body));
          return response;
        }) {}

  std::string form;
  std::string url;
  std::string authorization;
  std::string token;
  net::MeddlingClient http_;
};

std::string answer_to(const char* action) {
  return fmt::format(
      "<{0}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{0}Result><Credentials>"
      "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey><SessionToken>tok"
      "</SessionToken><Expiration>2026-11-22T03:00:00Z</Expiration></Credentials></{0}Result>"
      "</{0}Response>",
      action);
}

const AssumedRole role{"https://sts.example.org", "eu-1", "arn:aws:iam::1:role/b", "h", "x/1", 900};

TEST(Sts, GivesCredentialsOfARole) {
  Service service(200, answer_to("AssumeRole"));
  const base::ManualClock clock({1'763'776'800, 0});
  const S3Credentials own{"AKIA1", base::Secret(as_bytes("own")), "mine"};
  const auto given = assume_role(service.http_, clock, role, own);
  EXPECT_EQ(given.access_key_id, "ASIA1");
  EXPECT_EQ(as_text(given.secret_access_key.view()), "s3cret");
  EXPECT_EQ(given.session_token, "tok");
  EXPECT_EQ(given.expires, base::parse_time("2026-11-22T03:00:00Z"));
  EXPECT_EQ(service.url, "https://sts.example.org/");
  EXPECT_EQ(service.form,
            "Action=AssumeRole&DurationSeconds=900&ExternalId=x%2F1&"
            "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb&RoleSessionName=h&Version=2011-06-15");
  EXPECT_THAT(service.authorization, HasSubstr("Credential=AKIA1/"));
  EXPECT_THAT(service.authorization, HasSubstr("/eu-1/sts/aws4_request"));
  EXPECT_EQ(service.token, "mine");
}

TEST(Sts, GivesThemForATokenWithoutASignature) {
  Service service(200, answer_to("AssumeRoleWithWebIdentity"));
  const auto given = assume_role_with_token(service.http_, role, as_bytes("ey.J"));
  EXPECT_EQ(given.access_key_id, "ASIA1");
  EXPECT_THAT(service.form, HasSubstr("Action=AssumeRoleWithWebIdentity&"));
  EXPECT_THAT(service.form, HasSubstr("WebIdentityToken=ey.J"));
  EXPECT_EQ(service.authorization, "");
}

TEST(Sts, SaysWhyNot) {
  const auto failure = [](int status, const char* body) {
    Service service(status, body);
    try {
      assume_role_with_token(service.http_, role, as_bytes("geheim"));
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("geheim"), std::string::npos);
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::io, "");
  };
  const auto refused = failure(403,
                               "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you"
                               "</Message></Error></ErrorResponse>");
  EXPECT_EQ(refused.kind(), ErrorKind::access_denied);
  EXPECT_THAT(refused.what(), HasSubstr("arn:aws:iam::1:role/b"));
  EXPECT_THAT(refused.what(), HasSubstr("not you"));
  EXPECT_THAT(refused.hint(), HasSubstr("trust policy"));
  EXPECT_EQ(failure(200, "<html/>").kind(), ErrorKind::corrupt);
  EXPECT_EQ(failure(503, "").kind(), ErrorKind::unavailable);
  EXPECT_EQ(failure(400, "<Error><Code>Throttling</Code></Error>").kind(), ErrorKind::unavailable);
  auto endless = answer_to("AssumeRoleWithWebIdentity");
  endless.replace(endless.find("2026-11-22"), 10, "\x1b[2J-never");
  EXPECT_EQ(failure(200, endless.c_str()).kind(), ErrorKind::corrupt);
}

TEST(Sts, NothingIsAskedInTheOpen) {
  auto open = role;
  open.endpoint = "http://sts.example.org";
  Service service(200, answer_to("AssumeRoleWithWebIdentity"));
  try {
    assume_role_with_token(service.http_, open, as_bytes("geheim"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::access_denied);
    EXPECT_THAT(error.what(), HasSubstr("in the open"));
  }
  EXPECT_EQ(service.url, "") << "nothing was sent";
}

TEST(Sts, CredentialsAreRenewedBeforeTheyExpire) {
  base::ManualClock clock({1'763'776'800, 0});
  base::SystemRandom random;
  const auto http = std::make_shared<net::MeddlingClient>([](const net::HttpRequest&) {
    net::HttpResponse response;
    response.status = 200;
    return response;
  });
  int asked = 0;
  const auto source = [&] {
    ++asked;
    S3Credentials given{"A", base::Secret(as_bytes("s")), "t"};
    given.expires = base::WallTime{clock.wall_now().seconds + 3600, 0};
    return given;
  };
  const Location location{"s3", "/p", "", "bucket"};
  S3Client client(resolve_s3_place(location, {}), {}, source,
                  {http, clock, random, [](double) {}, {}}, "s3://bucket/p");
  const auto ask_after = [&](std::int64_t seconds) {
    clock.advance_seconds(seconds);
    client.send({.doing = "looking", .key = "p/a"});
    return asked;
  };
  EXPECT_EQ(ask_after(0), 1);
  EXPECT_EQ(ask_after(3000), 1);
  EXPECT_EQ(ask_after(301), 2) << "less than five minutes are left";
  EXPECT_EQ(ask_after(3000), 2);
}

TEST(Sts, ARoleOfCephWritesToItsBucket) {
  S3Surroundings around;
  const TestServer rgw("rgw");
  AssumedRole wanted;
  wanted.endpoint = fmt::format("http://127.0.0.1:{}", rgw.port());
  wanted.role_arn = rgw.value("role_arn");
  static_cast<void>(around.open(rgw));  // there is a bucket
  const auto http = make_test_client();
  int taken = 0;
  const auto source = [&] {
    ++taken;
    return assume_role(*http, around.clock_, wanted, rgw.credentials());
  };
  S3Options options;
  options.endpoint = wanted.endpoint;
  const auto backend =
      open_s3(around.location(), options, source, around.context(), S3Open::existing);
  EXPECT_EQ(put(*backend, "a", as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(get(*backend, "a", 1), base::copy_of(as_bytes("1")));
  EXPECT_EQ(taken, 1);
  wanted.role_arn = "arn:aws:iam:::role/nobody";
  EXPECT_THROW(source(), Error);
}

TEST(Sts, ProfilesSayHowToGetCredentials) {
  const auto* const text =
      "[base]\naws_access_key_id=A\naws_secret_access_key=s\n"
      "[profile backup]\nrole_arn = arn:r\nsource_profile = base\nexternal_id=e\n"
      "duration_seconds=900\n[other]\ncredential_process = /bin/give \"two words\" 'and more' x\n";
  const auto backup = parse_s3_profile("s3", text, "backup", "f");
  EXPECT_EQ(backup.role_arn, "arn:r");
  EXPECT_EQ(backup.source_profile, "base");
  EXPECT_EQ(backup.external_id, "e");
  EXPECT_EQ(backup.duration_seconds, 900);
  EXPECT_EQ(parse_s3_profile("s3", text, "other", "f").process,
            (std::vector<std::string>{"/bin/give", "two words", "and more", "x"}));
  const auto printed = parse_process_credentials(
      "{\"Version\": 1, \"AccessKeyId\":\"A\" , \"SecretAccessKey\": \"s\\/1\",\n"
      "\"SessionToken\":\"t\", \"Expiration\":\"2026-11-22T03:00:00Z\"}",
      "it");
  EXPECT_EQ(printed.access_key_id, "A");
  EXPECT_EQ(as_text(printed.secret_access_key.view()), "s/1");
  EXPECT_EQ(printed.expires, base::parse_time("2026-11-22T03:00:00Z"));
  const std::string deep(100'000, '[');
  for (const auto* wrong :
       {"", "{}", "[]", "{\"AccessKeyId\"", "{\"AccessKeyId\":", "[\"AccessKeyId\":\"",
        "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\"}", "{\"AccessKeyId\":\"A\"}", deep.c_str(),
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}"})
    EXPECT_THROW(parse_process_credentials(wrong, "it"), Error) << wrong;
}

}  // namespace
}  // namespace holdfast::storage
