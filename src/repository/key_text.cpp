#include "repository/key_text.hpp"

#include "base/error.hpp"
#include "crypto/blake3.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view public_prefix = "hfpub-";
constexpr std::string_view secret_prefix = "hfkey-";
constexpr std::string_view share_prefix = "share ";
constexpr std::string_view owner_prefix = "owner ";
constexpr std::size_t key_size = 32;
constexpr std::size_t check_size = 4;
constexpr std::size_t share_check_size = 5;
constexpr std::size_t share_size = 1 + 8 + 1 + 1 + key_size + share_check_size;
constexpr std::byte share_version{1};
constexpr std::size_t group_size = 8;

/// Text that may be secret: it grows in memory that is wiped, up to a bound.
class SecretText {
public:
  explicit SecretText(std::size_t size_max) : text_(size_max) {}
  void add(std::string_view text) {
    HF_ASSERT(size_ + text.size() <= text_.size(), "the text fits");
    std::ranges::copy(base::as_bytes(text), text_.mutable_view().begin() + at());
    size_ += text.size();
  }
  void add_hex(base::ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const auto byte : bytes) {
      const auto value = std::to_integer<unsigned>(byte);
      add(digits.substr(value >> 4, 1));
      add(digits.substr(value & 15, 1));
    }
  }
  base::Secret take() const { return base::Secret(text_.view().first(size_)); }

private:
  std::ptrdiff_t at() const { return static_cast<std::ptrdiff_t>(size_); }

  base::Secret text_;
  std::size_t size_ = 0;
};

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The bytes of exactly `size` bytes in hex, spaces between digits allowed; empty when it is
/// anything else.
base::Secret parse_hex(std::string_view text, std::size_t size) {
  base::Secret bytes(size);
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r') continue;
    const int digit = digit_of(c);
    if (digit < 0 || digits == 2 * size) return {};
    auto& byte = bytes.mutable_view()[digits / 2];
    byte = byte << 4 | static_cast<std::byte>(digit);
    ++digits;
  }
  if (digits != 2 * size) return {};
  return bytes;
}

base::Bytes check_of(std::string_view prefix, base::ByteView bytes, std::size_t size) {
  crypto::Blake3 hash;
  hash.update(base::as_bytes(prefix));
  hash.update(bytes);
  return base::copy_of(hash.finish().view().first(size));
}

/// Calls `use` for each line until it returns true; whether one did.
template <class Use>
bool any_line(base::ByteView bytes, const Use& use) {
  auto text = base::as_text(bytes);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (use(text.substr(0, end))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

/// The 32 bytes after `prefix`, checked. Empty when they are something else.
base::Secret parse_checked(std::string_view prefix, std::string_view text) {
  const auto bytes = parse_hex(text.substr(prefix.size()), key_size + check_size);
  if (bytes.empty()) return {};
  const auto key = bytes.view().first(key_size);
  const auto check = check_of(prefix, key, check_size);
  if (!base::equal_in_constant_time(check, bytes.view().subspan(key_size))) return {};
  return base::Secret(key);
}

}  // namespace

std::string public_key_text(const crypto::PublicKey& key) {
  return std::string(public_prefix) + base::to_hex(key) +
         base::to_hex(check_of(public_prefix, key, check_size));
}

crypto::PublicKey parse_public_key(std::string_view text) {
  const auto bytes =
      text.starts_with(public_prefix) ? parse_checked(public_prefix, text) : base::Secret();
  if (bytes.empty()) {
    throw Error(ErrorKind::invalid_input, "that is not a public key, or not a whole one")
        .set_hint("it begins with hfpub-; 'holdfast key generate FILE' prints it");
  }
  crypto::PublicKey key;
  std::ranges::copy(bytes.view(), key.begin());
  return key;
}

base::Secret format_key_file(const KeyFile& file) {
  SecretText text(key_file_size_max);
  text.add(
      "# Holdfast key file. Whoever has it can do what its role can: keep it secret, chmod 600.\n"
      "# Its public key, which is not secret:\n# ");
  text.add(public_key_text(file.pair.public_key));
  text.add("\n");
  if (file.owner) {
    text.add("# It opens repositories of this owner only:\n");
    text.add(owner_prefix);
    text.add_hex(*file.owner);
    text.add("\n");
  }
  text.add(secret_prefix);
  text.add_hex(file.pair.private_key.view());
  text.add_hex(check_of(secret_prefix, file.pair.private_key.view(), check_size));
  text.add("\n");
  return text.take();
}

KeyFile parse_key_file(base::ByteView text) {
  base::Secret key;
  const bool found = any_line(text, [&](std::string_view line) {
    if (!line.starts_with(secret_prefix)) return false;
    key = parse_checked(secret_prefix, line);
    return true;
  });
  if (key.empty()) {
    throw Error(ErrorKind::invalid_input,
                found ? "its key is damaged: a check value is wrong" : "it holds no key")
        .set_hint("a key file has a line that begins with hfkey-");
  }
  KeyFile file{crypto::box_key_pair_of(key.view()), {}};
  any_line(text, [&](std::string_view line) {
    if (!line.starts_with(owner_prefix)) return false;
    const auto owner = parse_hex(line.substr(owner_prefix.size()), key_size);
    if (owner.empty()) throw Error(ErrorKind::invalid_input, "its owner line is damaged");
    std::ranges::copy(owner.view(), file.owner.emplace().begin());
    return true;
  });
  return file;
}

base::Secret format_share(const KeyShare& share, unsigned count, std::string_view repository) {
  base::Secret bytes(share_size);
  const auto out = bytes.mutable_view();
  out[0] = share_version;
  std::ranges::copy(share.slot, out.begin() + 1);
  out[9] = std::byte{share.threshold};
  out[10] = std::byte{share.share.index};
  std::ranges::copy(share.share.value.view(), out.begin() + 11);
  const auto body = bytes.view().first(share_size - share_check_size);
  std::ranges::copy(check_of(share_prefix, body, share_check_size),
                    out.begin() + static_cast<std::ptrdiff_t>(body.size()));
  SecretText text(share_file_size_max);
  text.add(fmt::format(
      "HOLDFAST KEY SHARE {} of {}\n\n"
      "Any {} of these shares open repository {}; fewer tell nothing. Keep each with another\n"
      "person or in another place. To use them, put so many of these files on one machine:\n\n"
      "  holdfast key rehearse FILE...   proves that they would do\n"
      "  holdfast key join FILE...       makes a new owner's passphrase\n\n",
      unsigned{share.share.index}, count, unsigned{share.threshold}, repository));
  text.add(share_prefix.substr(0, share_prefix.size() - 1));
  for (std::size_t at = 0; at < share_size; at += group_size / 2) {
    text.add(" ");
    text.add_hex(bytes.view().subspan(at, group_size / 2));
  }
  text.add("\n");
  return text.take();
}

KeyShare parse_share(base::ByteView text) {
  base::Secret bytes;
  const bool found = any_line(text, [&](std::string_view line) {
    if (!line.starts_with(share_prefix)) return false;
    bytes = parse_hex(line.substr(share_prefix.size()), share_size);
    return true;
  });
  if (!found) {
    throw Error(ErrorKind::invalid_input, "it holds no share")
        .set_hint("a share is a line that begins with 'share'");
  }
  const auto size = share_size - share_check_size;
  const bool whole = !bytes.empty() && bytes.view()[0] == share_version &&
                     base::equal_in_constant_time(
                         check_of(share_prefix, bytes.view().first(size), share_check_size),
                         bytes.view().subspan(size));
  if (!whole) {
    throw Error(ErrorKind::invalid_input, "its share is damaged: a check value is wrong")
        .set_hint("compare it with the paper, digit by digit");
  }
  KeyShare share;
  std::copy_n(bytes.view().begin() + 1, share.slot.size(), share.slot.begin());
  share.threshold = std::to_integer<std::uint8_t>(bytes.view()[9]);
  share.share.index = std::to_integer<std::uint8_t>(bytes.view()[10]);
  share.share.value = base::Secret(bytes.view().subspan(11, key_size));
  return share;
}

}  // namespace holdfast::repository
