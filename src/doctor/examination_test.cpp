#include "doctor/examination.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"
#include "storage/local/local_backend.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>
#include <sys/socket.h>

namespace holdfast::doctor {
namespace {

using base::Error;
using base::ErrorKind;
using base::Layer;
using storage::Fault;
using storage::Operation;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class ExaminationTest : public ::testing::Test {
protected:
  std::vector<Finding> examine(const Patient& patient, ExaminationOptions options = {}) {
    options.sample_bytes = 300'000;
    const std::function<void(const Finding&)> tell = [this](const Finding& finding) {
      told_.push_back(finding.layer);
    };
    auto findings = examine_store(patient, options, {clock_, random_, tell, stop_.get_token()});
    for (const auto& finding : findings)
      found_[finding.layer] = finding;
    return findings;
  }
  /// A store behind faults, which takes what `memory_` has.
  std::vector<Finding> examine_with(storage::FaultPlan plan, storage::ReadTamper tamper = {}) {
    Patient patient;
    patient.open = [&] { return storage::with_faults(*memory_, plan, tamper); };
    return examine(patient);
  }
  Verdict verdict(const std::string& layer) const { return found_.at(layer).verdict; }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    memory_->list("", [&](const auto& object) { names.push_back(object.name); });
    return names;
  }

  std::unique_ptr<storage::Backend> memory_ = storage::open_memory();
  base::SystemClock clock_;
  base::SeededRandom random_{7};
  std::stop_source stop_;
  std::vector<std::string> told_;
  std::map<std::string, Finding> found_;
};

TEST_F(ExaminationTest, AStoreThatIsWell) {
  const base::TemporaryDirectory directory;
  Patient patient;
  patient.open = [&] {
    return storage::open_local(directory.path(), storage::LocalOpen::existing);
  };
  for (const auto& finding : examine(patient))
    EXPECT_EQ(finding.verdict, Verdict::good) << finding.layer << ": " << finding.says;
  EXPECT_THAT(told_, ElementsAre("place", "space", "clock", "write", "rename", "read", "lock",
                                 "list", "latency", "delete", "upload", "download", "parallel"));
  EXPECT_GT(found_.at("upload").figure.value_or(0), 0);
  const auto store = storage::open_local(directory.path(), storage::LocalOpen::existing);
  store->list("", [](const auto& object) { ADD_FAILURE() << object.name << " was left"; });
}

TEST_F(ExaminationTest, ALookWritesNothing) {
  Patient patient;
  patient.open = [&] { return storage::read_only(*memory_); };
  ExaminationOptions options;
  options.writes = false;
  examine(patient, options);
  EXPECT_THAT(told_, ElementsAre("place", "space", "clock"));
}

TEST_F(ExaminationTest, WhatStandsBeforeTheLayerThatFailsIsGood) {
  Patient patient;
  patient.way.is_remote = patient.way.has_trust = true;
  const std::map<Layer, std::string> names = {{Layer::trust, "trust"}, {Layer::login, "login"},
                                              {Layer::place, "place"}, {Layer::rights, "place"},
                                              {Layer::clock, "clock"}, {Layer::unknown, "login"}};
  for (const auto& [layer, name] : names) {
    found_.clear();
    patient.open = [layer = layer]() -> std::unique_ptr<storage::Backend> {
      Error error(ErrorKind::access_denied, "it did not work");
      error.set_layer(layer).set_hint("do this");
      throw error;
    };
    bool failed = false;
    for (const auto& finding : examine(patient)) {
      const auto expected = finding.layer == name ? Verdict::failed
                            : failed              ? Verdict::skipped
                                                  : Verdict::good;
      // With a clock that is refused nothing is known of what comes after trust.
      if (name == "clock" && finding.layer != "trust" && finding.layer != "clock") continue;
      EXPECT_EQ(finding.verdict, expected) << name << ": " << finding.layer;
      failed = failed || finding.layer == name;
    }
    EXPECT_EQ(found_.at(name).says, "it did not work");
    EXPECT_EQ(found_.at(name).next_step, "do this");
  }
}

TEST_F(ExaminationTest, EachThingThatAStoreCannotDoIsNamedAndNothingIsLeft) {
  const std::map<Operation, std::string> layers = {
      {Operation::create, "write"}, {Operation::append, "write"}, {Operation::commit, "write"},
      {Operation::stat, "rename"},  {Operation::read, "read"},    {Operation::list, "list"},
  };
  for (const auto& [operation, layer] : layers) {
    found_.clear();
    examine_with([operation = operation](Operation called, const std::string&, std::uint64_t) {
      return called == operation ? std::optional<Fault>(Fault{Fault::When::before, ErrorKind::io})
                                 : std::nullopt;
    });
    EXPECT_EQ(verdict(layer), Verdict::failed) << layer;
    EXPECT_EQ(verdict("upload"), Verdict::skipped) << layer;
    EXPECT_THAT(left(), testing::IsEmpty()) << layer;
  }
}

TEST_F(ExaminationTest, BytesThatComeBackOtherAreNoticed) {
  examine_with({}, [](const std::string&, std::uint64_t, base::MutableBytes bytes) {
    bytes[0] ^= std::byte{1};
  });
  EXPECT_EQ(verdict("read"), Verdict::failed);
  EXPECT_THAT(found_.at("read").says, HasSubstr("not what was written"));
}

TEST_F(ExaminationTest, AStoreThatOnlyTakesIsMeasuredNoFurther) {
  examine_with([](Operation called, const std::string&, std::uint64_t) {
    return called == Operation::remove
               ? std::optional<Fault>(Fault{Fault::When::before, ErrorKind::access_denied})
               : std::nullopt;
  });
  EXPECT_EQ(verdict("delete"), Verdict::warning);
  EXPECT_EQ(verdict("upload"), Verdict::skipped);
  EXPECT_EQ(left().size(), 1U) << "the small object: it could not be removed";
}

TEST_F(ExaminationTest, AFullStoreSaysSo) {
  examine_with([](Operation called, const std::string&, std::uint64_t) {
    return called == Operation::append
               ? std::optional<Fault>(Fault{Fault::When::before, ErrorKind::no_space})
               : std::nullopt;
  });
  EXPECT_EQ(verdict("write"), Verdict::failed);
}

TEST_F(ExaminationTest, ItCanBeStopped) {
  stop_.request_stop();
  EXPECT_THROW(examine_with({}), base::Cancelled);
}

/// A port of this machine; with Listens::no nobody answers there.
class Port {
public:
  enum class Listens { yes, no };
  explicit Port(Listens listens) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (listens == Listens::yes) ::listen(socket_.get(), 1);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    number_ = ntohs(address.sin_port);
  }
  std::uint16_t number() const { return number_; }

private:
  base::Fd socket_;
  std::uint16_t number_ = 0;
};

TEST_F(ExaminationTest, APortThatNobodyAnswersAt) {
  const Port port(Port::Listens::no);
  Patient patient;
  patient.way = {true, Endpoint{"127.0.0.1", port.number()}, false};
  patient.open = []() -> std::unique_ptr<storage::Backend> {
    ADD_FAILURE() << "nobody can be asked";
    return nullptr;
  };
  examine(patient);
  EXPECT_EQ(verdict("name"), Verdict::good);
  EXPECT_EQ(verdict("port"), Verdict::failed);
  EXPECT_THAT(found_.at("port").says, HasSubstr("refused"));
  EXPECT_THAT(found_.at("port").next_step, HasSubstr("whether the server runs"));
  EXPECT_EQ(verdict("login"), Verdict::skipped);
}

TEST_F(ExaminationTest, APortThatAnswers) {
  const Port port(Port::Listens::yes);
  Patient patient;
  patient.way = {true, Endpoint{"127.0.0.1", port.number()}, false};
  patient.open = [&] { return storage::with_faults(*memory_, {}); };
  examine(patient);
  EXPECT_EQ(verdict("port"), Verdict::good);
  EXPECT_EQ(verdict("login"), Verdict::good);
}

TEST_F(ExaminationTest, ANameThatNobodyKnows) {
  Patient patient;
  patient.way = {true, Endpoint{"no-such-host.invalid", 22}, true};
  examine(patient);
  EXPECT_EQ(verdict("name"), Verdict::failed);
  EXPECT_THAT(found_.at("name").says, HasSubstr("no-such-host.invalid has no address"));
  EXPECT_EQ(verdict("trust"), Verdict::skipped);
}

TEST_F(ExaminationTest, TheCacheFolder) {
  const base::TemporaryDirectory directory;
  const std::function<void(const Finding&)> tell = [](const Finding&) {};
  const Surroundings around{clock_, random_, tell, stop_.get_token()};
  for (const auto& finding : examine_local_disk(directory.path() + "/cache", around))
    EXPECT_EQ(finding.verdict, Verdict::good) << finding.says;
  const auto nowhere = examine_local_disk("/proc/nowhere", around);
  EXPECT_EQ(nowhere.front().verdict, Verdict::failed);
  EXPECT_EQ(nowhere.back().verdict, Verdict::skipped);
}

TEST_F(ExaminationTest, WhatASiteTakes) {
  const base::TemporaryDirectory directory;
  base::write_durably(directory.path() + "/db", base::as_bytes("SQLite format 3"), 0600);
  base::write_durably(directory.path() + "/text", base::as_bytes("something else"), 0600);
  const std::function<void(const Finding&)> tell = [](const Finding&) {};
  const auto findings = examine_sources({{Taken::Kind::tree, directory.path()},
                                         {Taken::Kind::sqlite, directory.path() + "/db"},
                                         {Taken::Kind::sqlite, directory.path() + "/text"},
                                         {Taken::Kind::tree, directory.path() + "/gone"}},
                                        {clock_, random_, tell, stop_.get_token()});
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[0].verdict, Verdict::good);
  EXPECT_EQ(findings[1].verdict, Verdict::good);
  EXPECT_THAT(findings[2].says, HasSubstr("no SQLite database"));
  EXPECT_EQ(findings[3].verdict, Verdict::failed);
}

}  // namespace
}  // namespace holdfast::doctor
