// The protobuf wire format, written and read canonically.
//
// Why not the generated code: protobuf promises compatible, not identical, bytes between its
// versions, and pages and records are hashed and signed; it also keeps secrets in strings that are
// not wiped and turns a small hostile page into a hundred times its size of objects. The schemas in
// proto/ are the documentation, and tests compare both.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/little_endian.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::repository {

/// Appends fields to `to`. The caller keeps the order of field numbers.
class WireWriter {
public:
  explicit WireWriter(base::Bytes& to) : to_(to) {}

  /// Zero is left out, and so are empty bytes and text.
  void number(std::uint32_t field, std::uint64_t value);
  void signed_number(std::uint32_t field, std::int64_t value);
  void bytes(std::uint32_t field, base::ByteView value);
  void text(std::uint32_t field, std::string_view value) { bytes(field, base::as_bytes(value)); }
  /// An item of a repeated field: written even when empty.
  void item(std::uint32_t field, base::ByteView value);

private:
  void varint(std::uint64_t value);

  base::Bytes& to_;
};

/// Walks over the fields of one message.
///
/// Errors: corrupt unless the form is canonical: numbers ascending, a field twice only where
/// `repeated` has its bit,
///         shortest varints, nothing past the end. unsupported for a field that this version does
///         not know.
class WireReader {
public:
  /// `repeated` is a mask: bit n for field n.
  explicit WireReader(base::ByteView bytes, const char* what, std::uint64_t repeated = 0);

  /// Goes to the next field; false at the end.
  bool next();
  std::uint32_t field() const { return field_; }
  std::uint64_t number() const;
  std::uint64_t number_up_to(std::uint64_t max) const;
  std::uint32_t number32() const;
  std::int64_t signed_number() const;
  base::ByteView bytes() const;
  std::string text() const { return std::string(base::as_text(bytes())); }
  template <class Id>
  Id id() const {
    expect_size(Id::size);
    return Id::from_bytes(bytes_);
  }
  /// Errors: corrupt unless the value is `size` bytes.
  base::ByteView bytes_of_size(std::size_t size) const {
    expect_size(size);
    return bytes_;
  }
  [[noreturn]] void unknown_field() const;
  [[noreturn]] void corrupt(std::string_view why) const;

private:
  std::uint64_t varint();
  void expect_size(std::size_t size) const;

  base::ByteView rest_;
  const char* what_;
  std::uint64_t repeated_;
  std::uint32_t field_ = 0;
  bool is_number_ = false;
  std::uint64_t number_ = 0;
  base::ByteView bytes_;
};

std::uint64_t zigzag(std::int64_t value);
std::int64_t unzigzag(std::uint64_t value);

}  // namespace holdfast::repository
