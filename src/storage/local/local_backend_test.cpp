#include "storage/local/local_backend.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace holdfast::storage {
namespace {

using base::ErrorKind;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

template <class Work>
void expect_absent_with_hint(Work work) {
  try {
    work();
    ADD_FAILURE() << "it did not fail";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.hint(), testing::HasSubstr("mounted"));
  }
}

TEST(LocalBackend, keeps_others_out) {
  const base::TemporaryDirectory directory;
  const auto root = directory.file("a/b");
  const auto backend = open_local(root, LocalOpen::create);
  EXPECT_EQ(put(*backend, "packs/ab/x", base::as_bytes("x")), PutOutcome::stored);
  EXPECT_EQ(mode_of(root), 0700U);
  EXPECT_EQ(mode_of(root + "/packs"), 0700U);
  EXPECT_EQ(mode_of(root + "/packs/ab"), 0700U);
  EXPECT_EQ(mode_of(root + "/packs/ab/x"), 0600U);
}

TEST(LocalBackend, a_root_that_is_absent_is_never_an_empty_store) {
  const base::TemporaryDirectory directory;
  const auto root = directory.file("store");
  expect_absent_with_hint([&] { open_local(root, LocalOpen::existing); });
  const auto backend = open_local(root, LocalOpen::create);
  EXPECT_EQ(put(*backend, "a/b", base::as_bytes("x")), PutOutcome::stored);
  std::filesystem::remove_all(root);
  std::byte byte{};
  expect_absent_with_hint([&] { backend->create("a/c"); });
  expect_absent_with_hint([&] { backend->read("a/b", 0, {&byte, 1}); });
  expect_absent_with_hint([&] { backend->stat("a/b"); });
  expect_absent_with_hint([&] { backend->list("", [](const ObjectInfo&) {}); });
  expect_absent_with_hint([&] { backend->remove("a/b"); });
  expect_absent_with_hint([&] { backend->remove_leftovers(); });
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST(LocalBackend, sees_only_objects) {
  const base::TemporaryDirectory directory;
  const auto backend = open_local(directory.path(), LocalOpen::existing);
  EXPECT_EQ(put(*backend, "packs/x", base::as_bytes("x")), PutOutcome::stored);
  std::ofstream(directory.file(".DS_Store")) << "?";
  std::ofstream(directory.file("Thumbs.db")) << "?";
  std::ofstream(directory.file("packs/.tmp-1")) << "?";
  std::filesystem::create_directory(directory.file("lost+found"));
  std::filesystem::create_directory_symlink(".", directory.file("packs/loop"));
  std::filesystem::create_symlink("nowhere", directory.file("packs/dangling"));
  std::vector<std::string> names;
  backend->list("", [&](const ObjectInfo& info) { names.push_back(info.name); });
  // The loop is followed no deeper than names go.
  EXPECT_THAT(names, testing::UnorderedElementsAre("packs/x", "packs/loop/x", "packs/loop/loop/x"));
  EXPECT_EQ(backend->stat("packs"), std::nullopt);
}

TEST(LocalBackend, removes_what_dead_writers_left_everywhere) {
  const base::TemporaryDirectory directory;
  const auto backend = open_local(directory.path(), LocalOpen::existing);
  EXPECT_EQ(put(*backend, "packs/ab/x", base::as_bytes("x")), PutOutcome::stored);
  for (const auto* name : {".tmp-1", "packs/.tmp-2", "packs/ab/.tmp-3"}) {
    std::ofstream(directory.file(name)) << "left";
  }
  EXPECT_EQ(backend->remove_leftovers(), 3U);
  EXPECT_EQ(backend->remove_leftovers(), 0U);
  EXPECT_NE(backend->stat("packs/ab/x"), std::nullopt);
}

}  // namespace
}  // namespace holdfast::storage
