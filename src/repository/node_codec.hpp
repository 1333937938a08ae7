// One node as a message of proto/tree.proto, and what makes a node valid.
#pragma once

#include "base/bytes.hpp"
#include "repository/tree.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::repository {

/// Appends the message of `node`, its lists as they are: inline or detached.
void append_node(base::Bytes& to, const Node& node);
/// Reads a message; detached lists stay detached. Checks all but the name. Errors: corrupt,
/// unsupported.
Node parse_node(base::ByteView message);
/// Why `node` (its name aside) must not be stored; empty when nothing is wrong.
std::string_view problem_of(const Node& node);
/// Why `name` cannot be one path component; empty when nothing is wrong.
std::string_view problem_of_name(std::string_view name);

/// Appends varint pairs: gap since the end of the hole before (or since 0), length.
void append_holes(base::Bytes& to, std::span<const sources::Hole> holes);
/// Appends what append_holes wrote to `holes`. Errors: corrupt.
void parse_holes(base::ByteView bytes, std::vector<sources::Hole>& holes);
/// Errors: corrupt unless `bytes` is whole ids.
void parse_ids(base::ByteView bytes, std::vector<base::ChunkId>& ids);

}  // namespace holdfast::repository
