#include "collection_object.hpp"

#include "base/error.hpp"
#include "crypto/aead.hpp"
#include "envelope.hpp"

namespace holdfast::repository {

namespace {

base::Bytes associated_with(const base::RepositoryId& repository, const std::string& name) {
  auto bytes = base::copy_of(repository.view());
  base::append(bytes, base::as_bytes(name));
  return bytes;
}

}  // namespace

base::Bytes seal_collection_object(const CollectionKind& kind, const std::string& name,
                                   base::ByteView text, const base::RepositoryId& repository,
                                   const KeyBundle& keys, base::Random& random) {
  Envelope envelope;
  envelope.body = crypto::seal_box(keys.index_key.view(), kind.label,
                                   associated_with(repository, name), text, random);
  return wrap_envelope(kind.magic, envelope);
}

base::Bytes open_collection_object(const CollectionKind& kind, const std::string& name,
                                   base::ByteView object, const base::RepositoryId& repository,
                                   const KeyBundle& keys) {
  return base::with_context([&] { return "opening " + name; },
                            [&] {
                              const auto envelope = unwrap_envelope(kind.magic, object, name);
                              return crypto::open_box(keys.index_key.view(), kind.label,
                                                      associated_with(repository, name),
                                                      envelope.body);
                            });
}

}  // namespace holdfast::repository
