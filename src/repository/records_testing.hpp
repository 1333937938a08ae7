#pragma once

#include "base/error.hpp"
#include "repository/keys.hpp"
#include "repository/paged_map.hpp"
#include "repository/snapshot.hpp"
#include "repository/tree.hpp"

#include <rapidcheck.h>

#include <functional>
#include <string>
#include <vector>

namespace holdfast::repository {

/// Valid values of every shape, for properties.
rc::Gen<Node> any_node();
rc::Gen<std::string> any_name();
/// Sorted, names unique.
rc::Gen<std::vector<Node>> any_directory();
rc::Gen<Snapshot> any_snapshot();
rc::Gen<Deletion> any_deletion();
rc::Gen<std::vector<BlockReference>> any_blocks();

template <class Id>
Id numbered_id(std::uint64_t number) {
  Id id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.mutable_view()[i] = static_cast<std::byte>(number >> (8 * i));
  }
  return id;
}

Node file_node(const std::string& name, std::uint64_t size, std::size_t chunks);
/// One of everything, the same in every run: what golden bytes are made of.
Node golden_node();
Snapshot golden_snapshot();
Deletion golden_deletion();

/// The kind of the Error that `work` throws; fails when it throws none.
base::ErrorKind kind_of_failure(const std::function<void()>& work);

/// Gives `decode` every truncation of `bytes` and every byte with each single bit flipped. Decoding
/// may succeed or throw corrupt, unsupported or not_found; all else fails the test.
void attack(base::ByteView bytes, const std::function<void(base::ByteView)>& decode);

}  // namespace holdfast::repository
