// How signed records lie in the store: signed, then sealed under the metadata key, then wrapped.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "repository/keys.hpp"

#include <optional>
#include <string_view>

namespace holdfast::repository {

/// What differs between kinds of records.
struct RecordKind {
  std::string_view magic;
  std::string_view prefix;         // of object names
  std::string_view id_label;       // of the key that ids are made with
  std::string_view box_label;      // of the seal
  std::string_view signed_domain;  // goes before what is signed
  Ability ability;                 // what a role must be able to do for its record to count
};
inline constexpr RecordKind snapshot_record{"HFSNAPSH",
                                            "snapshots/",
                                            "holdfast snapshot id",
                                            "holdfast snapshot",
                                            "holdfast signed snapshot",
                                            Ability::back_up};
inline constexpr RecordKind deletion_record{"HFDELETE",
                                            "deletions/",
                                            "holdfast deletion id",
                                            "holdfast deletion",
                                            "holdfast signed deletion",
                                            Ability::maintain};

inline constexpr std::size_t record_size_max = 16 * 1024 * 1024;

struct SealedRecord {
  base::Hash id;  // object name: prefix and this in hex
  base::Bytes object;
};

/// A record that was opened: its signature is still to be checked, because the record says by whom.
struct OpenedRecord {
  crypto::Signature signature;
  base::Bytes record;
};

/// Seals and opens the records of one repository. Threads: const calls from any thread, but not
/// seal.
class RecordSealer {
public:
  RecordSealer(const base::RepositoryId& repository, const KeyBundle& keys);

  SealedRecord seal(const RecordKind& kind, base::ByteView record, base::Random& random) const;
  /// Errors: corrupt when it is damaged or not the record that `id` names; wrong_key; unsupported.
  OpenedRecord open(const RecordKind& kind, const base::Hash& id, base::ByteView object) const;
  /// Errors: corrupt unless `writer` signed it and is the owner, or somebody whom the owner gave a
  /// role that writes such records.
  void verify(const RecordKind& kind, const crypto::PublicKey& writer,
              const std::optional<Certificate>& certificate, const OpenedRecord& opened) const;
  crypto::PublicKey writer() const;
  /// What stands in the records of this writer; nothing for the owner.
  std::optional<Certificate> certificate() const;

private:
  base::Hash id_of(const RecordKind& kind, base::ByteView signed_record) const;
  base::Bytes associated(const RecordKind& kind) const;
  base::Bytes signed_text(const RecordKind& kind, base::ByteView record) const;

  const base::RepositoryId repository_;
  const KeyBundle& keys_;
  base::Secret snapshot_id_key_;
  base::Secret deletion_id_key_;
};

}  // namespace holdfast::repository
