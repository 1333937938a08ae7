// A directory of another machine, mounted with sshfs: what storage/local does there.

#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "sftp_server_testing.hpp"
#include "storage/contract_suite.hpp"
#include "storage/local/local_backend.hpp"
#include "storage/local/mount_kind.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace holdfast::storage {
namespace {

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

class Mount {
public:
  explicit Mount(const std::string& options = "") {
    std::filesystem::create_directories(far());
    std::filesystem::create_directories(here());
    const auto& server = shared_sftp_server();
    run(fmt::format("sshfs -F {} -p {} {} root@127.0.0.1:{} {}", server.file("config"),
                    server.port(), options, far(), here()));
  }
  ~Mount() { unmount(); }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  void unmount() {
    if (std::exchange(is_mounted_, false)) run("fusermount3 -u -z " + here());
  }
  std::string far() const { return directory_.file("far"); }
  std::string here() const { return directory_.file("here"); }

private:
  const base::TemporaryDirectory directory_;
  bool is_mounted_ = true;
};

const Mount& shared_mount() {
  static const Mount mount;
  return mount;
}

class SshfsPlace final : public Place {
public:
  SshfsPlace() {
    static int count = 0;
    root_ = fmt::format("{}/{}", shared_mount().here(), count++);
  }
  Backend& open() override { return *backends_.emplace_back(open_local(root_, LocalOpen::create)); }

private:
  std::string root_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Sshfs, BackendContract, testing::ValuesIn(places_of<SshfsPlace>()));

TEST(SshfsTest, IsOnTheNetwork) {
  EXPECT_TRUE(is_on_network(shared_mount().here()));
  EXPECT_FALSE(is_on_network(shared_mount().far()));
}

TEST(SshfsTest, LinksAreNotNeeded) {
  const Mount mount("-o disable_hardlink");
  const auto backend = open_local(mount.here(), LocalOpen::existing);
  EXPECT_EQ(put(*backend, "packs/a", base::as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(put(*backend, "packs/a", base::as_bytes("2")), PutOutcome::already_there);
  EXPECT_EQ(get(*backend, "packs/a", 1), base::copy_of(base::as_bytes("1")));
}

// What it was mounted on is an empty directory: no store, and no place to write to.
TEST(SshfsTest, AShareThatWasUnmountedIsNoEmptyStore) {
  Mount mount;
  const auto backend = open_local(mount.here(), LocalOpen::existing);
  static_cast<void>(put(*backend, "packs/a", base::as_bytes("1")));
  mount.unmount();
  const std::vector<std::function<void()>> calls = {
      [&] { backend->stat("packs/a"); },
      [&] { backend->list("", [](const ObjectInfo&) {}); },
      [&] { backend->list("packs/", [](const ObjectInfo&) {}); },
      [&] { static_cast<void>(put(*backend, "packs/b", {})); },
      [&] { backend->remove("packs/a"); },
      [&] { get(*backend, "packs/a", 1); },
      [&] { backend->remove_leftovers(); },
      [&] { backend->status(); }};
  for (const auto& call : calls) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::not_found) << error.what();
      EXPECT_THAT(error.hint(), testing::HasSubstr("mounted"));
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(mount.here()));
  EXPECT_TRUE(std::filesystem::exists(mount.far() + "/packs/a"));
}

}  // namespace
}  // namespace holdfast::storage
