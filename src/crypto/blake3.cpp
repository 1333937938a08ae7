#include "crypto/blake3.hpp"

#include "base/error.hpp"
#include "blake3_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

// The tree: chunks are leaves, and the left side of every node holds the largest power of two of
// chunks that leaves something for the right. Hence
// - the whole subtrees to the left of the open chunk are the one bits of the number of chunks done,
//   and a stack of their values is enough;
// - within a range of chunks, pairing neighbours level by level and carrying an odd last one
// upwards
//   gives the same tree, and lets the kernels hash many nodes side by side.
// The last piece is held back until it is known to be the last, because the root is flagged.

namespace holdfast::crypto {

namespace {

using Words = std::array<std::uint32_t, 8>;

/// Chunks hashed in one go: enough to fill the lanes on most levels, few enough for the stack and
/// L1.
constexpr std::size_t group_chunks_max = 256;
constexpr std::size_t group_size_max = group_chunks_max * blake3_chunk_size;

const Blake3Kernel& kernel_of(Blake3Lanes lanes) {
  switch (lanes) {
#if defined(__x86_64__)
    case Blake3Lanes::avx512:
      return blake3_avx512_kernel;
    case Blake3Lanes::avx2:
      return blake3_avx2_kernel;
#endif
    default:
      return blake3_portable_kernel;
  }
}

Words words_of(const Blake3Key& key) { return std::bit_cast<Words>(key); }

Words start_value() {
  Words words;
  std::ranges::copy(blake3_start_value, words.begin());
  return words;
}

/// A node before its compression, which is done again for each 64 bytes of output if it is the
/// root.
struct Node {
  Words value;
  std::array<std::byte, blake3_block_size> block;
  Blake3Step step;

  void write_root(base::MutableBytes out) const {
    Blake3Step root = step;
    root.flags |= blake3_root;
    root.counter = 0;
    for (; !out.empty(); ++root.counter) {
      std::array<std::uint32_t, 16> words;
      blake3_expand(value.data(), block.data(), root, words.data());
      const auto size = std::min(out.size(), sizeof words);
      std::memcpy(out.data(), words.data(), size);
      out = out.subspan(size);
    }
  }
};

/// The mode of a hash, and the code that runs it.
struct Hasher {
  const Blake3Kernel& kernel;
  const Words& key;
  std::uint32_t flags;

  Node parent_of(const Words& left, const Words& right) const {
    Node node{key, {}, {0, blake3_block_size, flags | blake3_parent}};
    std::memcpy(node.block.data(), left.data(), sizeof left);
    std::memcpy(node.block.data() + sizeof left, right.data(), sizeof right);
    return node;
  }

  Words value_of(const Node& node) const {
    Words value = node.value;
    kernel.compress(value.data(), node.block.data(), node.step);
    return value;
  }

  /// The last block of a chunk that may be the root.
  Node last_block_of(base::ByteView chunk, std::uint64_t counter) const {
    Node node{key, {}, {counter, blake3_block_size, flags | blake3_chunk_start}};
    while (chunk.size() > blake3_block_size) {
      kernel.compress(node.value.data(), chunk.data(), node.step);
      node.step.flags = flags;
      chunk = chunk.subspan(blake3_block_size);
    }
    if (!chunk.empty()) std::memcpy(node.block.data(), chunk.data(), chunk.size());
    node.step.length = static_cast<std::uint32_t>(chunk.size());
    node.step.flags |= blake3_chunk_end;
    return node;
  }

  /// The top of the tree over more than one chunk, at most group_chunks_max.
  Node top_of(base::ByteView bytes, std::uint64_t first_counter) const {
    auto count = (bytes.size() + blake3_chunk_size - 1) / blake3_chunk_size;
    const auto last_size = bytes.size() - (count - 1) * blake3_chunk_size;
    std::array<Words, group_chunks_max> values;
    auto* const words = values.front().data();
    kernel.hash_chunks({bytes.data(), count, last_size, first_counter}, key.data(), flags, words);
    while (count > 2) {
      kernel.hash_parents(words, count / 2, key.data(), flags, words);
      if (count % 2 != 0) values[count / 2] = values[count - 1];
      count = (count + 1) / 2;
    }
    return parent_of(values[0], values[1]);
  }

  /// The top of the tree over `bytes`, which are at most group_size_max.
  Node node_of(base::ByteView bytes, std::uint64_t first_counter) const {
    if (bytes.size() <= blake3_chunk_size) return last_block_of(bytes, first_counter);
    return top_of(bytes, first_counter);
  }
};

}  // namespace

std::string_view name_of(Blake3Lanes lanes) {
  switch (lanes) {
    case Blake3Lanes::avx512:
      return "avx512";
    case Blake3Lanes::avx2:
      return "avx2";
    default:
      return "portable";
  }
}

bool is_supported(Blake3Lanes lanes) {
#if defined(__x86_64__)
  if (lanes == Blake3Lanes::avx512) {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  }
  if (lanes == Blake3Lanes::avx2) return __builtin_cpu_supports("avx2") != 0;
#endif
  return lanes == Blake3Lanes::portable;
}

Blake3Lanes best_lanes() {
  static const Blake3Lanes best = [] {
    if (is_supported(Blake3Lanes::avx512)) return Blake3Lanes::avx512;
    if (is_supported(Blake3Lanes::avx2)) return Blake3Lanes::avx2;
    return Blake3Lanes::portable;
  }();
  return best;
}

Blake3::Blake3(const Words& key, std::uint32_t flags, Blake3Lanes lanes)
    : lanes_(lanes), flags_(flags), key_(key) {
  HF_ASSERT(is_supported(lanes), "the processor has what it is asked to use");
}

Blake3::Blake3(Blake3Lanes lanes) : Blake3(start_value(), 0, lanes) {}

Blake3::Blake3(const Blake3Key& key, Blake3Lanes lanes)
    : Blake3(words_of(key), blake3_keyed_hash, lanes) {}

Blake3 Blake3::derive_key(std::string_view context, Blake3Lanes lanes) {
  Blake3 context_hash(start_value(), blake3_derive_context, lanes);
  Blake3Key key;
  context_hash.update(base::as_bytes(context)).finish_into(key);
  return {words_of(key), blake3_derive_material, lanes};
}

void Blake3::add_subtree(Words value, std::uint64_t chunk_count) {
  const Hasher hasher{kernel_of(lanes_), key_, flags_};
  chunks_done_ += chunk_count;
  // Each carry in the sum is a pair of equal subtrees that becomes one.
  for (auto carry = chunks_done_ / chunk_count; carry % 2 == 0; carry /= 2) {
    value = hasher.value_of(hasher.parent_of(stack_[--stack_size_], value));
  }
  stack_[stack_size_++] = value;
}

base::ByteView Blake3::add_whole_subtrees(base::ByteView bytes) {
  const Hasher hasher{kernel_of(lanes_), key_, flags_};
  while (bytes.size() > blake3_chunk_size) {
    // As many chunks as a subtree may have that begins here and leaves at least one byte.
    auto count = std::bit_floor(std::min((bytes.size() - 1) / blake3_chunk_size, group_chunks_max));
    while (chunks_done_ % count != 0)
      count /= 2;
    const auto group = bytes.first(count * blake3_chunk_size);
    add_subtree(hasher.value_of(hasher.node_of(group, chunks_done_)), count);
    bytes = bytes.subspan(group.size());
  }
  return bytes;
}

Blake3& Blake3::update(base::ByteView bytes) {
  if (bytes.empty()) return *this;
  if (chunk_size_ > 0) {
    const auto taken = bytes.first(std::min(bytes.size(), chunk_.size() - chunk_size_));
    std::memcpy(chunk_.data() + chunk_size_, taken.data(), taken.size());
    chunk_size_ += static_cast<std::uint32_t>(taken.size());
    bytes = bytes.subspan(taken.size());
    if (bytes.empty()) return *this;
    const Hasher hasher{kernel_of(lanes_), key_, flags_};
    add_subtree(hasher.value_of(hasher.node_of(chunk_, chunks_done_)), 1);
  }
  bytes = add_whole_subtrees(bytes);
  std::memcpy(chunk_.data(), bytes.data(), bytes.size());
  chunk_size_ = static_cast<std::uint32_t>(bytes.size());
  return *this;
}

void Blake3::finish_with(base::ByteView rest, base::MutableBytes out) const {
  const Hasher hasher{kernel_of(lanes_), key_, flags_};
  auto node = hasher.node_of(rest, chunks_done_);
  for (auto i = stack_size_; i > 0; --i) {
    node = hasher.parent_of(stack_[i - 1], hasher.value_of(node));
  }
  node.write_root(out);
}

void Blake3::finish_into(base::MutableBytes out) const {
  finish_with(base::ByteView(chunk_).first(chunk_size_), out);
}

base::Hash Blake3::finish() const {
  base::Hash hash;
  finish_into(hash.mutable_view());
  return hash;
}

base::Hash Blake3::finish_whole(base::ByteView bytes) {
  HF_ASSERT(chunks_done_ == 0 && chunk_size_ == 0, "the piece is the whole stream");
  // What is left at the end is hashed in place and side by side, a short last chunk included.
  while (bytes.size() > group_size_max) {
    const Hasher hasher{kernel_of(lanes_), key_, flags_};
    const auto group = bytes.first(group_size_max);
    add_subtree(hasher.value_of(hasher.node_of(group, chunks_done_)), group_chunks_max);
    bytes = bytes.subspan(group.size());
  }
  base::Hash hash;
  finish_with(bytes, hash.mutable_view());
  return hash;
}

base::Hash blake3(base::ByteView bytes) { return Blake3().finish_whole(bytes); }

base::Hash blake3_keyed(const Blake3Key& key, base::ByteView bytes) {
  return Blake3(key).finish_whole(bytes);
}

}  // namespace holdfast::crypto
