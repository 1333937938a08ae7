// The bytes of every record and page, fixed for ever: a change here is a change of the format.

#include "chunk_io_testing.hpp"
#include "lease.hpp"
#include "list_pages.hpp"
#include "proto/collection.pb.h"
#include "proto/map.pb.h"
#include "proto/snapshot.pb.h"
#include "proto/tree.pb.h"
#include "reach.hpp"
#include "records_testing.hpp"
#include "repository/elsewhere.hpp"
#include "repository/format_object.hpp"
#include "repository/holds.hpp"
#include "sealed_record.hpp"
#include "tomb.hpp"
#include "tree_page.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::repository {

namespace {

std::string hex(base::ByteView bytes) { return base::to_hex(bytes); }

TEST(Golden, Node) {
  MemoryChunks chunks;
  EXPECT_EQ(hex(encode_node(golden_node(), chunks)),
            "0a0970686f746f2e6a706710c0843d18959aef3a2003280130a00338e80740214a036164615208777777"
            "2d6461746158077240010000000000000000000000000000000000000000000000000000000000000002"
            "000000000000000000000000000000000000000000000000000000000000008201098020804080a00380"
            "20a201120a09757365722e6e6f7465120568656c6c6f");
}

TEST(Golden, TreePage) {
  EXPECT_EQ(hex(encode_tree_page({0, {golden_node()}, {}})),
            "54011294010a0970686f746f2e6a706710c0843d18959aef3a2003280130a00338e80740214a03616461"
            "52087777772d646174615807724001000000000000000000000000000000000000000000000000000000"
            "000000000200000000000000000000000000000000000000000000000000000000000000820109802080"
            "4080a0038020a201120a09757365722e6e6f7465120568656c6c6f");
  EXPECT_EQ(hex(encode_tree_page({0, {}, {}})), "5401");
}

TEST(Golden, TreeIndexPage) {
  EXPECT_EQ(hex(encode_tree_page({1, {}, {{"a", numbered_id<base::ChunkId>(1), 300}}})),
            "540108011a280a0161122001000000000000000000000000000000000000000000000000000000000000"
            "0018ac02");
}

TEST(Golden, Overlay) {
  EXPECT_EQ(hex(encode_tree_page(
                {0, {file_node("b", 1, 0)}, {}, numbered_id<base::ChunkId>(9), {"gone"}, {3, 5}})),
            "5401121c0a016210012080c49fd50c280130a4034a04726f6f745204726f6f7422200900000000000000"
            "0000000000000000000000000000000000000000000000002a04676f6e6532020301");
}

TEST(Golden, ListPages) {
  EXPECT_EQ(hex(encode_list_page({0, {numbered_id<base::ChunkId>(1)}, {}, {}})),
            "4c0112200100000000000000000000000000000000000000000000000000000000000000");
  EXPECT_EQ(hex(encode_list_page({0, {}, {{4096, 512}, {8192, 1}}, {}})), "4c011a0780208004801c01");
  EXPECT_EQ(hex(encode_list_page({2, {}, {}, {{numbered_id<base::ChunkId>(1), 7}}})),
            "4c01080222240a2001000000000000000000000000000000000000000000000000000000000000001007");
}

TEST(Golden, MapPages) {
  const auto one = numbered_id<base::ChunkId>(1);
  const auto two = numbered_id<base::ChunkId>(2);
  EXPECT_EQ(
      hex(encode_map_page(
          {{one, 0, false, 17}, {one, 1, false, 18}, {{}, 0, true, 19}, {two, 7, false, 20}})),
      "4d010a400100000000000000000000000000000000000000000000000000000000000000020000000000"
      "00000000000000000000000000000000000000000000000000001204010100021a0300000a2220110000"
      "0000000000120000000000000013000000000000001400000000000000");
  MemoryChunks chunks;
  const auto root = write_map({one, two}, chunks);
  EXPECT_EQ(hex(chunks.pages.at(root)),
            "58010a400100000000000000000000000000000000000000000000000000000000000000020000000000"
            "0000000000000000000000000000000000000000000000000000");
}

TEST(Golden, Snapshot) {
  EXPECT_EQ(hex(encode_snapshot(golden_snapshot())),
            "0a04626c6f671204776562311802220808c0b4ff910d10052a0608b8b5ff910d32c7010801120e2f7372"
            "762f70686f746f2e6a70671a94010a0970686f746f2e6a706710c0843d18959aef3a2003280130a00338"
            "e80740214a0361646152087777772d646174615807724001000000000000000000000000000000000000"
            "000000000000000000000000000200000000000000000000000000000000000000000000000000000000"
            "0000008201098020804080a0038020a201120a09757365722e6e6f7465120568656c6c6f220a0a037372"
            "76280230ed032a0566696c657332090a0477616c6b1201313a2003000000000000000000000000000000"
            "0000000000000000000000000000000042120801100218032004280530063807400848094a220a0b2f73"
            "72762f73656372657410031a117065726d697373696f6e2064656e69656452076e696768746c7952005a"
            "05302e312e30620561756469746a060880c8ceb40d722077777777777777777777777777777777777777"
            "77777777777777777777777777780c820120040000000000000000000000000000000000000000000000"
            "0000000000000000");
}

TEST(Golden, Deletion) {
  EXPECT_EQ(hex(encode_deletion(golden_deletion())),
            "0a460a200500000000000000000000000000000000000000000000000000000000000000122077777777"
            "77777777777777777777777777777777777777777777777777777777180b12060880cf8b920d1a0c6b65"
            "657020333020646179732220777777777777777777777777777777777777777777777777777777777777"
            "7777280d32200600000000000000000000000000000000000000000000000000000000000000");
}

TEST(Golden, Lease) {
  EXPECT_EQ(hex(encode_lease({{1000, 0}, {2200, 0}, "backup", {"ab"}})),
            "08d00f10b0221a066261636b757022026162");
  EXPECT_EQ(hex(encode_lease_end({numbered_id<base::SnapshotId>(1), {std::byte{7}}})),
            "0a200100000000000000000000000000000000000000000000000000000000000000120107");
  EXPECT_EQ(hex(encode_lease_end({})), "");
}

TEST(Golden, Hold) {
  EXPECT_EQ(hex(encode_hold({{1000, 0}, "audit"})), "08d00f12056175646974");
  for (const auto* wrong : {"", "no hold"})
    EXPECT_THROW(decode_hold(base::as_bytes(wrong)), base::Error) << wrong;
}

TEST(Golden, PackElsewhere) {
  EXPECT_EQ(hex(encode_elsewhere({{1000, 0}, "far"})), "08d00f1203666172");
  const auto read = decode_elsewhere(encode_elsewhere({{1000, 0}, "far"}));
  EXPECT_EQ(read.since.seconds, 1000);
  EXPECT_EQ(read.store, "far");
  const auto id = numbered_id<base::PackId>(1);
  EXPECT_EQ(mark_object_name(id, PackMark::away), "elsewhere/" + id.hex());
  EXPECT_EQ(mark_object_name(id, PackMark::kept), "elsewhere/" + id.hex() + ".kept");
  EXPECT_EQ(mark_object_name(id, PackMark::released), "elsewhere/" + id.hex() + ".released");
  const auto too_long = encode_elsewhere({{1000, 0}, std::string(201, 'x')});
  for (const auto wrong : {base::ByteView(), base::as_bytes("no mark"), base::ByteView(too_long)})
    EXPECT_THROW(decode_elsewhere(wrong), base::Error);
}

TEST(Golden, Tomb) {
  Tomb tomb;
  tomb.created.seconds = 1000;
  tomb.considered = {0x0102030405060708, 0x0202030405060708};
  tomb.packs = {numbered_id<base::PackId>(1)};
  EXPECT_EQ(hex(encode_tomb(tomb)),
            "08d00f1210010203040506070802020304050607081a20010000000000000000000000"
            "0000000000000000000000000000000000000000");
}

TEST(Golden, ReachEntry) {
  const auto entry_of = [](const PageReferences& references) {
    base::Bytes text;
    append_reach_entry(text, numbered_id<base::ChunkId>(1), references);
    return hex(text);
  };
  using Shape = PageReferences::Shape;
  PageReferences references;
  references.pages = {numbered_id<base::ChunkId>(2)};
  references.contents = {numbered_id<base::ChunkId>(3), numbered_id<base::ChunkId>(4)};
  const std::string keys = "020000000000000003000000000000000400000000000000";
  EXPECT_EQ(entry_of(references), "0100000000000000000102" + keys);
  references.shape = Shape::leaf;
  references.nodes = {{1, 0}, {0, 2}};
  EXPECT_EQ(entry_of(references),
            "0100000000000000010201"
            "08" +
                keys);
  references.shape = Shape::overlay;
  references.base = numbered_id<base::ChunkId>(5);
  references.superseded = {3, 5};
  EXPECT_EQ(entry_of(references),
            "0100000000000000030500000000000000020301"
            "0102" +
                keys);
  PageReferences index;
  index.shape = Shape::index;
  index.pages = {numbered_id<base::ChunkId>(2)};
  index.below = {300};
  EXPECT_EQ(entry_of(index), "01000000000000000201ac020200000000000000");
}

/// Objects that are sealed are fixed by their hash: everything random comes from one seed.
TEST(Golden, FormatObject) {
  const auto owner = crypto::signing_key_pair_of(numbered_id<base::Hash>(1).view());
  const FormatObject format{
      1, 0, numbered_id<base::RepositoryId>(2), owner.public_key, 1'763'700'000, 3};
  EXPECT_EQ(hex(encode_format(format, owner)),
            "484f4c44464153540100000000000000000000008c000000020000000000000000000000000000000000"
            "0000000000000000000000000000cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d"
            "683bd4fc20ed1f690000000003000000a07d7ee0a7f0f02e2611a01e0182858194abba8c78e5922607a9"
            "7e5d925d6c8e961dea00804963b7c165e408cca3113cb582d46fb7fc949240b4764045bddf07cfbec2b9"
            "52f2f1f9ba179a66c44409471d9c74d170481a33c2d4442e9ca9a3fe");
}

TEST(Golden, SealedSnapshot) {
  base::SeededRandom random(1);
  const auto bundle = make_owner_bundle(random);
  const RecordSealer sealer(numbered_id<base::RepositoryId>(2), bundle);
  const auto sealed = sealer.seal(snapshot_record, encode_snapshot(golden_snapshot()), random);
  EXPECT_EQ(sealed.id.hex(), "31004179ce6ff8a12ad7ab5dd838059c7b940952992366f4e3ecbb177d5b07b4");
  EXPECT_EQ(crypto::blake3(sealed.object).hex(),
            "6ddafd9390067bdacaa842d94f76cc87af0d49779f3c33887803d70b692337f1");
}

// --- the schemas in proto/ say the same as our codec

template <class Message>
void expect_schema(base::ByteView bytes) {
  Message message;
  ASSERT_TRUE(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  std::string again;
  ASSERT_TRUE(message.SerializeToString(&again));
  EXPECT_EQ(hex(base::as_bytes(again)), hex(bytes));
}

RC_GTEST_PROP(Schema, NodesAreWhatTheSchemaSays, ()) {
  MemoryChunks chunks;
  expect_schema<proto::Node>(encode_node(*any_node(), chunks));
  for (const auto& [id, page] : chunks.pages) {
    expect_schema<proto::ListPage>(base::ByteView(page).subspan(2));
  }
}

RC_GTEST_PROP(Schema, PagesAreWhatTheSchemaSays, ()) {
  MemoryChunks chunks;
  write_tree(*any_directory(), chunks);
  for (const auto& [id, page] : chunks.pages) {
    if (page[0] == std::byte{'T'}) expect_schema<proto::TreePage>(base::ByteView(page).subspan(2));
  }
  expect_schema<proto::MapPage>(base::ByteView(encode_map_page(*any_blocks())).subspan(2));
}

RC_GTEST_PROP(Schema, RecordsAreWhatTheSchemaSays, ()) {
  expect_schema<proto::Snapshot>(encode_snapshot(*any_snapshot()));
  expect_schema<proto::Deletion>(encode_deletion(*any_deletion()));
}

TEST(Schema, FieldsMeanWhatTheSchemaSays) {
  proto::Node node;
  MemoryChunks chunks;
  const auto bytes = encode_node(golden_node(), chunks);
  ASSERT_TRUE(node.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  EXPECT_EQ(node.name(), "photo.jpg");
  EXPECT_EQ(node.size(), 1'000'000U);
  EXPECT_EQ(node.mtime_seconds(), -2);
  EXPECT_EQ(node.kind(), proto::Node::FILE);
  EXPECT_EQ(node.user_name(), "ada");
  EXPECT_EQ(node.chunks().size(), 64U);
  EXPECT_EQ(node.attributes(0).value(), "hello");
  proto::Snapshot snapshot;
  const auto record = encode_snapshot(golden_snapshot());
  ASSERT_TRUE(snapshot.ParseFromArray(record.data(), static_cast<int>(record.size())));
  EXPECT_EQ(snapshot.site(), "blog");
  EXPECT_EQ(snapshot.items(0).ancestors(0).name(), "srv");
  EXPECT_EQ(snapshot.statistics().milliseconds(), 9U);
  EXPECT_EQ(snapshot.sequence(), 12U);
}

}  // namespace

}  // namespace holdfast::repository
