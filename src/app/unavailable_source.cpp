#include "unavailable_source.hpp"

#include <utility>

namespace holdfast::app {

namespace {

class UnavailableSource final : public sources::TreeSource {
public:
  UnavailableSource(std::string path, base::Error error)
      : path_(std::move(path)),
        error_(std::move(error)) {}  // NOLINT(bugprone-throw-keyword-missing): thrown when read

  const std::string& path() const override { return path_; }
  sources::ListedEntry root(const sources::ProblemSink&) override { throw base::Error(error_); }
  std::shared_ptr<sources::SourceDirectory> open_root() override { throw base::Error(error_); }
  std::unique_ptr<sources::SourceFile> open_root_file() override { throw base::Error(error_); }
  std::vector<sources::Entry> ancestors() override { throw base::Error(error_); }

private:
  const std::string path_;
  const base::Error error_;
};

}  // namespace

std::unique_ptr<sources::TreeSource> unavailable_source(std::string path, base::Error error) {
  return std::make_unique<UnavailableSource>(std::move(path), std::move(error));
}

}  // namespace holdfast::app
