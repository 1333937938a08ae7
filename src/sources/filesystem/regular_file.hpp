#pragma once

#include "base/fd.hpp"
#include "sources/source.hpp"
#include "tree.hpp"

#include <memory>
#include <string>

namespace holdfast::sources {

/// A regular file by its open handle. `path` is for messages.
/// Errors: conflict when the handle is not of a regular file.
std::unique_ptr<SourceFile> make_regular_file(std::shared_ptr<Tree> tree, base::Fd file,
                                              std::string name, std::string path);

/// The stretches without data of the file behind `fd`, at most `count_max`; what lies beyond counts
/// as data.
std::vector<Hole> find_holes_of(int fd, std::uint64_t size, std::size_t count_max);

}  // namespace holdfast::sources
