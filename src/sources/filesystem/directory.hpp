#pragma once

#include "directory_reader.hpp"
#include "sources/source.hpp"
#include "tree.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace holdfast::sources {

/// One directory of a tree. Its handle is kept while there is room and opened again by path when
/// needed.
class Directory final : public SourceDirectory {
public:
  /// What the directory is a part of, and what it is.
  struct Place {
    std::shared_ptr<Tree> tree;
    std::shared_ptr<const TreePath> path;
    FileIdentity identity;
    std::shared_ptr<const RuleLevel> rules;  // of the ignore files above
    PathList::Range listed;                  // meaningful when the tree has a list
  };

  /// `handle` is checked against the identity. Errors: conflict when it is another directory.
  static std::shared_ptr<SourceDirectory> open(Place place, base::Fd handle);
  /// One whose entries are not taken: another filesystem's root.
  static std::shared_ptr<SourceDirectory> closed(Place place);

  Directory(Place place, HandleCache::Handle handle);
  ~Directory() override;

  std::vector<ListedEntry> list(const ProblemSink& problems) override;
  void load_details(ListedEntry& listed, const ProblemSink& problems) override;
  std::unique_ptr<SourceFile> open_file(const ListedEntry& listed) override;
  std::shared_ptr<SourceDirectory> open_directory(const ListedEntry& listed) override;
  std::string path() const override { return place_.path->absolute(); }

private:
  HandleCache::Handle handle();
  std::vector<ListedEntry> list_all(int directory, const ProblemSink& problems);
  std::vector<ListedEntry> list_named(int directory, const ProblemSink& problems);
  bool look_at(int directory, const char* name, ListedEntry& listed, const ProblemSink& problems);
  bool is_tagged_cache(int directory, const DirectoryNames& names);
  std::shared_ptr<const RuleLevel> load_rules(int directory, const DirectoryNames& names,
                                              const ProblemSink& problems) const;
  void load_ignore_file(int directory, const std::string& name, IgnoreRules& rules,
                        const ProblemSink& problems) const;
  std::string description(const std::string& name) const;

  const Place place_;
  const bool is_closed_;
  HandleCache::Holder holder_;
  std::mutex rules_mutex_;
  std::shared_ptr<const RuleLevel> rules_;  // place_.rules and those of this directory, once listed
};

}  // namespace holdfast::sources
