// Files that change while they are read, and attributes that cannot be read for a while.
#include "backup_testing.hpp"
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace holdfast::backup {
namespace {

/// What happens at each opening of a file and each look at its attributes.
struct Faults {
  std::function<void(const std::string& name)> on_open = [](const std::string&) {};
  std::function<bool(const std::string& name)> details_fail = [](const std::string&) {
    return false;
  };
};

void fail_details(sources::ListedEntry& listed, const sources::ProblemSink& problems) {
  listed.entry.mode = 0;
  problems({listed.entry.name, base::ErrorKind::io, "attributes cannot be read"});
}

/// A file whose attributes cannot be read.
class DisturbedFile final : public sources::SourceFile {
public:
  explicit DisturbedFile(std::unique_ptr<sources::SourceFile> inner) : inner_(std::move(inner)) {}
  std::size_t read_at(std::uint64_t offset, base::MutableBytes into) override {
    return inner_->read_at(offset, into);
  }
  std::vector<sources::Hole> find_holes() override { return inner_->find_holes(); }
  sources::ListedEntry current() override { return inner_->current(); }
  void load_details(sources::ListedEntry& listed, const sources::ProblemSink& problems) override {
    fail_details(listed, problems);
  }

private:
  std::unique_ptr<sources::SourceFile> inner_;
};

/// A directory whose files are disturbed.
class DisturbedDirectory final : public sources::SourceDirectory {
public:
  DisturbedDirectory(std::shared_ptr<sources::SourceDirectory> inner, const Faults& faults)
      : inner_(std::move(inner)), faults_(faults) {}
  std::vector<sources::ListedEntry> list(const sources::ProblemSink& problems) override {
    return inner_->list(problems);
  }
  void load_details(sources::ListedEntry& listed, const sources::ProblemSink& problems) override {
    inner_->load_details(listed, problems);
    if (faults_.details_fail(listed.entry.name)) fail_details(listed, problems);
  }
  std::unique_ptr<sources::SourceFile> open_file(const sources::ListedEntry& listed) override {
    auto file = inner_->open_file(listed);
    faults_.on_open(listed.entry.name);
    if (faults_.details_fail(listed.entry.name))
      return std::make_unique<DisturbedFile>(std::move(file));
    return file;
  }
  std::shared_ptr<sources::SourceDirectory> open_directory(
      const sources::ListedEntry& listed) override {
    return std::make_shared<DisturbedDirectory>(inner_->open_directory(listed), faults_);
  }
  std::string path() const override { return inner_->path(); }

private:
  std::shared_ptr<sources::SourceDirectory> inner_;
  const Faults& faults_;
};

class DisturbedTree final : public sources::TreeSource {
public:
  DisturbedTree(std::unique_ptr<sources::TreeSource> inner, const Faults& faults)
      : inner_(std::move(inner)), faults_(faults) {}
  const std::string& path() const override { return inner_->path(); }
  sources::ListedEntry root(const sources::ProblemSink& problems) override {
    return inner_->root(problems);
  }
  std::shared_ptr<sources::SourceDirectory> open_root() override {
    return std::make_shared<DisturbedDirectory>(inner_->open_root(), faults_);
  }
  std::unique_ptr<sources::SourceFile> open_root_file() override {
    return inner_->open_root_file();
  }
  std::vector<sources::Entry> ancestors() override { return inner_->ancestors(); }

private:
  std::unique_ptr<sources::TreeSource> inner_;
  const Faults& faults_;
};

class RestlessFileTest : public ::testing::Test {
protected:
  BackupResult back_up() {
    auto request = site_.request();
    request.items.push_back(
        {repository::ItemKind::files,
         std::make_unique<DisturbedTree>(sources::open_filesystem(site_.path(), {}), faults_)});
    return site_.back_up(std::move(request));
  }
  repository::Node find(const BackupResult& result, const std::string& name) {
    return repository::find_in_tree(result.snapshot.items.at(0).root.tree.value(), name,
                                    site_.repository().chunks())
        .value();
  }

  TestSite site_;
  Faults faults_;
};

TEST_F(RestlessFileTest, OneChangeWhileReadingIsReadAgain) {
  site_.write("log", "first");
  int opened = 0;
  faults_.on_open = [&](const std::string&) {
    if (++opened == 1) site_.write("log", "second, longer");
  };
  const auto result = back_up();
  EXPECT_FALSE(result.snapshot.partial());
  EXPECT_EQ(site_.content_of(find(result, "log")), "second, longer");
}

TEST_F(RestlessFileTest, AFileThatNeverStandsStillIsTakenAsItWasReadAndSaidSo) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{9 << 20}}) {
    site_.write("log", std::string(size, 'a'));
    faults_.on_open = [&](const std::string&) {
      std::ofstream(site_.path("log"), std::ios::app) << "more";
    };
    const auto result = back_up();
    EXPECT_EQ(result.snapshot.statistics.problems, 1U);
    const auto node = find(result, "log");
    const auto content = site_.content_of(node);
    EXPECT_EQ(node.entry.size, content.size());
    EXPECT_TRUE(content.starts_with(std::string(size, 'a')));

    faults_.on_open = [](const std::string&) {};
    const auto later = back_up();
    EXPECT_FALSE(later.snapshot.partial());
    EXPECT_EQ(find(later, "log").entry.size, size + 12);
  }
}

TEST_F(RestlessFileTest, AttributesThatCouldNotBeReadAreReadByTheNextRun) {
  site_.write("file", "text");
  std::filesystem::create_directories(site_.path("folder"));
  const auto mode = find(back_up(), "file").entry.mode;
  for (const std::string name : {"file", "folder"}) {
    std::filesystem::permissions(site_.path(name), std::filesystem::perms::owner_all);
    faults_.details_fail = [&](const std::string& which) { return which == name; };
    EXPECT_EQ(back_up().snapshot.statistics.problems, 1U);
    faults_.details_fail = [](const std::string&) { return false; };
    const auto healed = back_up();
    EXPECT_FALSE(healed.snapshot.partial());
    EXPECT_EQ(find(healed, name).entry.mode, 0700U) << name;
  }
  EXPECT_NE(mode, 0700U);
}

}  // namespace
}  // namespace holdfast::backup
