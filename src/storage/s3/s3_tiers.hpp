// Classes of objects: which one each is in, thaws, and moves. The words of AWS, Aliyun and Tencent
// for these differ; see dialect.hpp.
#pragma once

#include "s3_objects.hpp"
#include "s3_versions.hpp"
#include "storage/object_tiers.hpp"

#include <optional>
#include <string>

namespace holdfast::storage {

/// Threads: all calls from any.
class S3Tiers final : public ObjectTiers {
public:
  S3Tiers(S3Client& client, S3Versions& versions) : client_(client), versions_(versions) {}

  std::string_view cloud() const override { return client_.dialect().scheme; }
  void list(const std::string& prefix,
            const std::function<void(const TieredObject&)>& visit) override;
  std::optional<ObjectTier> look(const std::string& name) override;
  Thaw thaw(const std::string& name, std::uint32_t days, ThawSpeed speed) override;
  bool move(const std::string& name, const std::string& storage_class) override;

private:
  ObjectTier tier_of(const StoredObject& object) const;
  std::string class_of(const std::string& said) const;
  void expect_moved(const std::string& key, const std::string& name, const StoredObject& before,
                    const std::string& storage_class);

  S3Client& client_;
  S3Versions& versions_;
};

/// What a store says of a thaw: `ongoing-request="false", expiry-date="Fri, 20 Nov 2026 ..."`.
/// Of an archived object, that is frozen when nothing is said.
ObjectTier parse_thaw(const std::string& said);

}  // namespace holdfast::storage
