// The bytes of key slots, certificates and epochs, fixed for ever: a change here is a change of the
// format. What is sealed to a public key has random bytes of its own, so that those objects are
// fixed from the reading side: hex that was written once must open.

#include "envelope.hpp"
#include "epochs.hpp"
#include "proto/keys.pb.h"
#include "records_testing.hpp"
#include "repository/key_slot.hpp"

#include <gtest/gtest.h>

namespace holdfast::repository {

namespace {

const auto repository_id = numbered_id<base::RepositoryId>(2);

KeyBundle golden_bundle() {
  base::SeededRandom random(1);
  auto bundle = make_owner_bundle(random);
  certify_owner(bundle, repository_id, random);
  return bundle;
}

base::Bytes passphrase_slot() {
  base::SeededRandom random(3);
  const base::Secret secret(base::as_bytes("secret"));
  return seal_slot(golden_bundle(), repository_id, PassphraseLock{secret, {1, 8 * 1024}},
                   {"owner", 1'763'700'000}, random);
}

crypto::BoxKeyPair golden_pair() {
  return crypto::box_key_pair_of(numbered_id<base::Hash>(7).view());
}

template <class Message>
void expect_schema(base::ByteView bytes) {
  Message message;
  ASSERT_TRUE(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  std::string again;
  ASSERT_TRUE(message.SerializeToString(&again));
  EXPECT_EQ(base::to_hex(base::as_bytes(again)), base::to_hex(bytes));
}

TEST(GoldenKeys, Certificate) {
  EXPECT_EQ(base::to_hex(encode_certificate(golden_bundle().certificate)),
            "0121c65b5a590ad1a655d205bccba5efc9c28338a2c4a71e08674374fcaf47b1d40545fe22d170b1da65"
            "910f13e3cd942c789a79feec94f11836bd4bab6923835596d3fd0173acc65baf12d3bd613b6a54f764a7"
            "46b4b2b428b9fda6233dbd3a28b6da4b76e9befb6846cd1cf3eccfec57d5ccc9cb0794b9eaa4aae913b4"
            "00b80c");
}

TEST(GoldenKeys, PassphraseSlot) {
  EXPECT_EQ(crypto::blake3(passphrase_slot()).hex(),
            "41b1526bb6b83da5f156b2590566b23d7ca833ba3a1d9fbbc008a1ec6a87c676");
}

TEST(GoldenKeys, RecipientSlot) {
  const auto slot = base::from_hex(
      "48464b4559534c540100000000000000000000003a0300000ad8010a2002000000000000000000000000"
      "000000000000000000000000000000000000001281010121c65b5a590ad1a655d205bccba5efc9c28338"
      "a2c4a71e08674374fcaf47b1d40545fe22d170b1da65910f13e3cd942c789a79feec94f11836bd4bab69"
      "23835596d3fd0173acc65baf12d3bd613b6a54f764a746b4b2b428b9fda6233dbd3a28b6da4b76e9befb"
      "6846cd1cf3eccfec57d5ccc9cb0794b9eaa4aae913b400b80c1a06736572766572200242202fe57da347"
      "cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b7448c0b4ff910d128a04b9ca78a3183a"
      "0365e1e57477602c33965e1f5ef725aeb1eb527f0358d893e072b460a8cb2472503eca9a015c3d312566"
      "0d32d0e115e496889145fa5c7b9a294a4171523e431c5fb23b636aef82affbddbc849844f83d30a54764"
      "d90de2318125c871c5d909c22093e700f3006851daa00d28650388d96978b7c15e0f252955df728e9c0b"
      "077254722acd42e8ca2f14772cac76f7b60d126975f5fe9a2911d1f1a0e08921381973790e11c91e5849"
      "cde70fd7adeb3c203d6fd60065e59675c2ebebe97ce632c4a1ae0ed85df60c20f08e13c4e6a50e806f2a"
      "ca04dc4ad921fc9f83bc40a683c9a8aa36d810a99bae319538abf9285df5bdaf938e07fc6623bf43496f"
      "f4e3373319bedd8d8857175f27d8fe3c094aeba7346ba78ffb8273482ba5482f148b7749c52b734bfcda"
      "f42596af50c8e0c96d23ac8c79a7b9e6a19e2df4b0a76befa8353b12f805e9499a226bdc172b9caa8c01"
      "699ea294f9b01991e54be3ab34d16d27a5ad2ee2639f946487f0529fa56dcb24e0a32f7c783d4195cbad"
      "a4b111d600045dfc7df0167f32a1652a8184d735ac383754e5e3eaa5322dfeabd782d1daf6d7b201a436"
      "99b24e695a0a06ff6cf50eca26eced9a98312ca7b3e8a713e8f24b96a7b7ee36f488ee517ab030cd88a4"
      "522b132fcabd526910ce9cb9557a8863ac5707eba39e050c4247011a60fe0f5bf002424d7dbecb9b0eb9"
      "d7779dc272e6da5c62aa49e71a509a1ff193950e2ab801019dfab1387415714b994192b797e4fe4997bc"
      "2eab31699dfedbc0ddf09d237de16a0f9159e9be0df3f126cbc7947182536a2c0396f9dc85d9be19bc9e"
      "e44382a6c24804df3fe3aea7949cd67b37b51b9b54dfe8be943195b7ef9cf9ee5a49b121840f4d215e81");
  const auto info = describe_slot(slot);
  EXPECT_EQ(info.kind, SlotKind::recipient);
  EXPECT_EQ(info.role(), Role::owner);
  EXPECT_EQ(info.label, "server");
  const auto opened = open_slot(slot, repository_id, golden_pair());
  EXPECT_EQ(base::to_hex(opened.metadata_key.view()),
            base::to_hex(golden_bundle().metadata_key.view()));
}

TEST(GoldenKeys, ShareSlot) {
  const auto slot = base::from_hex(
      "48464b4559534c540100000000000000000000003d0300000adb010a2002000000000000000000000000"
      "000000000000000000000000000000000000001281010121c65b5a590ad1a655d205bccba5efc9c28338"
      "a2c4a71e08674374fcaf47b1d40545fe22d170b1da65910f13e3cd942c789a79feec94f11836bd4bab69"
      "23835596d3fd0173acc65baf12d3bd613b6a54f764a746b4b2b428b9fda6233dbd3a28b6da4b76e9befb"
      "6846cd1cf3eccfec57d5ccc9cb0794b9eaa4aae913b400b80c1a057661756c74200342202fe57da347cd"
      "62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b7448c0b4ff910d50055803128a04bc92ad"
      "9cc99b108b38ab9ea5c7dc22ae29b68575fddae9d95193cd355f2a63cbe382d543460fbfedd964c61eed"
      "5f7ecfdc908efb566d1476cd7896dd33f77d4dc8670e83983a96b1b2be087061c7f67fff06663708509f"
      "d8642cb3a8c695f55417e994a9d07dee3dc77f982cb9f7bb7c49322bd7c87445fe5840cb95dd858329fa"
      "b43c57c9342594aa533aaa3d38a2d1226bdfb6899536eb6ce7806c77d40faa073383642bb4dd571d0e98"
      "f23596719b10fdd8285a503728b676c71d7b6f19a4f0b3d0d408edcad62db0ac8a2c54f02034e9000149"
      "0e99d4a56ab0a06bb0587e2eccfd3a2d85de10af449e08da6c4bc9f078132fc3d97051ea04ef8423573e"
      "b30e9ff59345aa4d7b3cd5a505c89441d42ec0f6e28c5f1f1de9e73134d129cc63944f9af1818877bc5f"
      "02b6dca39f69ead05940081f41b598649eab8c18a977aaa27471a5ef1905eb5ae4ad9565d896f76e7205"
      "a463a3f1cf1b3ebd7700af685f38b1b0baf8551353ba2a146de687a8f56ba03d7afb78dd47da6df93ad8"
      "1b30415b8dda6223162da700449b0e6e2bb59a64126914b849c25ddf1ca9cfebaa17f96c562a3c9a326e"
      "ce81d28d5a1ae10e7d37b08b75f7e635871ea617199eba8ca1919e654c2a245b4dfa1eb7009c1f22e082"
      "59f400367c672f98c6fccd756cccbe27a825d034cf00042be3eaa3245b0c043a16777c9c3ad84284bf4d"
      "22e6003dcce73aeb35f433c81a24921a50352cf2bc925a043baf938141aed46e0b22d9012f21ee32ae66"
      "1c748078cce363c1cd54f70875a05509421c1bbeada0612d894adb83498b1c681459989ccbbe996f555c"
      "20dc4429e2e1d2820694b7b4cb41d511ac4b6da4737a83dbbea506dd391d7ee30867d4d3d523a0350bef"
      "7091c8");
  const auto info = describe_slot(slot);
  EXPECT_EQ(info.kind, SlotKind::shares);
  EXPECT_EQ(info.shares, 5U);
  EXPECT_EQ(info.threshold, 3U);
  EXPECT_NO_THROW(open_slot(slot, repository_id, golden_pair()));
}

TEST(GoldenKeys, Epoch) {
  const auto bundle = golden_bundle();
  const auto object = base::from_hex(
      "484645504f43480a010000000000000000000000240100002aaa142ad111bb7120da75c23f1034b70b3c"
      "f18a810c771ea8c5142d403f1e458f8bc214a36bb3e6de6cd1defaa4322bf8c7ee146cb552a3ef9d363b"
      "76b7dc050a20020000000000000000000000000000000000000000000000000000000000000010021a20"
      "2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b7420c0b4ff910d2a740a20"
      "0545fe22d170b1da65910f13e3cd942c789a79feec94f11836bd4bab692383551250d7516de82f2dd03f"
      "f005bd91593ade9397e49fed58c20d68c3fd61739539392200f272ceec0cf190da128f0d44c89ddb538b"
      "7bccd19e5edc19317408d8c6f1672a5d6756203215c59c5b7fb61d350c1932202fe57da347cd62431528"
      "daac5fbb290730fff684afc4cfc2ed90995f58cb3b744e3bf826c8d951fad93d82d9a3eb65c137f73765"
      "4d999594f77f87136f70fa1d");
  const auto record = decode_epoch(object, repository_id, bundle.owner_signing_key);
  EXPECT_EQ(record.number, 2U);
  EXPECT_EQ(record.public_key, golden_pair().public_key);
  ASSERT_EQ(record.revoked.size(), 1U);
  auto keys = bundle.clone();
  add_epochs(keys, {record});
  EXPECT_EQ(base::to_hex(keys.epoch(2).private_key.view()),
            base::to_hex(golden_pair().private_key.view()));
  EXPECT_EQ(encode_epoch(record, crypto::signing_key_pair_of(bundle.signing_seed.view())), object);
}

TEST(KeySchema, SlotsAndEpochsAreWhatItSays) {
  const auto body = unwrap_envelope("HFKEYSLT", passphrase_slot(), "the slot").body;
  expect_schema<proto::KeySlot>(body);
  proto::KeySlot message;
  ASSERT_TRUE(message.ParseFromArray(body.data(), static_cast<int>(body.size())));
  expect_schema<proto::KeySlotHeader>(base::as_bytes(message.header()));
  const EpochRecord record{repository_id,
                           3,
                           golden_pair().public_key,
                           7,
                           {{golden_pair().public_key, base::Bytes(80)}},
                           {}};
  const auto object =
      encode_epoch(record, crypto::signing_key_pair_of(golden_bundle().signing_seed.view()));
  const auto epoch = unwrap_envelope("HFEPOCH\n", object, "the epoch").body;
  expect_schema<proto::EpochRecord>(base::ByteView(epoch).subspan(64));
}

}  // namespace

}  // namespace holdfast::repository
