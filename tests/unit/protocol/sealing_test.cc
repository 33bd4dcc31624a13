#include "common/protocol/sealing.h"

#include <array>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "common/crypto/aead_engine.h"
#include "common/crypto/keys.h"
#include "common/protocol/data_message.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

constexpr Instant kMade{1h};
constexpr std::uint32_t kTheirs = 0x01020304;

crypto::SymmetricKey key(std::uint8_t fill) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(fill);
  return crypto::SymmetricKey(bytes);
}

struct SealingTest : ::testing::Test {
  static void SetUpTestSuite() { crypto::init(); }
  Keypair make(Role role) {
    return Keypair(link, role, 7, kTheirs, kMade, {key(1), key(2), key(3), key(4)}, *engine);
  }
  static SealRequest request(Keypair& keypair, std::vector<std::uint8_t>& bytes, std::size_t size,
                             bool is_data = true) {
    return {.keypair = keypair, .datagrams = bytes, .datagram_size = size, .is_data = is_data};
  }

  std::unique_ptr<crypto::AeadEngine> engine = crypto::select_engine(crypto::EngineChoice::kLibsodium);
  PeerLink link{0, 1};
  std::array<crypto::AeadJob, 8> jobs{};
};

TEST_F(SealingTest, ARunHasConsecutiveCountersAndOpens) {
  Keypair keypair = make(Role::kInitiator);
  std::vector<std::uint8_t> bytes(2 * (kDataOverhead + 64) + kDataOverhead + 16, 0xab);
  const SealOutcome outcome = seal(request(keypair, bytes, kDataOverhead + 64), kMade + 1s, jobs);
  EXPECT_TRUE(outcome.is_sealed);
  EXPECT_FALSE(outcome.wants_successor);
  EXPECT_EQ(keypair.counters_used(), 3U);

  const auto opener = engine->make_key(crypto::Cipher::kChaCha20Poly1305, key(1));
  MutableBytes rest = bytes;
  for (std::uint64_t counter = 0; counter < 3; ++counter) {
    const std::size_t size = counter < 2 ? kDataOverhead + 64 : kDataOverhead + 16;
    const MutableBytes datagram = rest.first(size);
    rest = rest.subspan(size);
    EXPECT_EQ(classify(datagram), MessageType::kData);
    const DataHeader header = DataHeader::from(datagram);
    EXPECT_EQ(header.receiver(), kTheirs);
    EXPECT_EQ(header.counter(), counter);
    crypto::AeadJob job{
        .data = datagram.data() + sizeof header, .length = size - kDataOverhead, .counter = counter};
    opener->open(std::span(&job, 1));
    ASSERT_EQ(job.verdict, crypto::Verdict::kAuthentic);
    EXPECT_EQ(job.data[0], 0xab);
  }
}

TEST_F(SealingTest, ASuccessorIsAskedForOnceByTheInitiatorOnly) {
  std::vector<std::uint8_t> keepalive(kDataOverhead);
  Keypair initiator = make(Role::kInitiator);
  link.sending.store(&initiator);
  const auto wants = [&](Keypair& keypair, Instant now) {
    return seal(request(keypair, keepalive, keepalive.size(), false), now, jobs).wants_successor;
  };
  EXPECT_FALSE(wants(initiator, kMade + kRekeyAfterTime - 1ns));
  EXPECT_TRUE(wants(initiator, kMade + kRekeyAfterTime)) << "a keepalive ages the keys as well";
  EXPECT_FALSE(wants(initiator, kMade + kRekeyAfterTime + 1s)) << "it has been asked for";

  Keypair responder = make(Role::kResponder);
  link.sending.store(&responder);
  EXPECT_FALSE(wants(responder, kMade + kRekeyAfterTime));
  responder.skip_counters(kRekeyAfterMessages);
  EXPECT_TRUE(wants(responder, kMade + 1s)) << "after so many messages whoever notices asks";
}

TEST_F(SealingTest, AKeypairThatHasBeenReplacedAsksForNothing) {
  std::vector<std::uint8_t> bytes(kDataOverhead);
  Keypair old = make(Role::kInitiator);
  Keypair sending = make(Role::kInitiator);
  link.sending.store(&sending);
  EXPECT_FALSE(seal(request(old, bytes, bytes.size()), kMade + kRekeyAfterTime, jobs).wants_successor);
}

TEST_F(SealingTest, WithoutCountersNothingIsSealed) {
  Keypair keypair = make(Role::kInitiator);
  link.sending.store(&keypair);
  keypair.skip_counters(kRejectAfterMessages);
  std::vector<std::uint8_t> bytes(kDataOverhead + 16, 0xab);
  const auto before = bytes;
  const SealOutcome outcome = seal(request(keypair, bytes, bytes.size()), kMade + 1s, jobs);
  EXPECT_FALSE(outcome.is_sealed);
  EXPECT_TRUE(outcome.wants_successor);
  EXPECT_EQ(bytes, before);
}

TEST_F(SealingTest, OnlyDataAsksForAnAnswerAndUsesTheAgreedCipher) {
  if (!engine->supports(crypto::Cipher::kAes256Gcm)) GTEST_SKIP() << "no AES on this processor";
  Keypair keypair = make(Role::kInitiator);
  keypair.enable_fast_send(*engine);
  std::vector<std::uint8_t> bytes(kDataOverhead + 16);
  EXPECT_FALSE(seal(request(keypair, bytes, bytes.size(), false), kMade + 1s, jobs).wants_watch);
  EXPECT_EQ(classify(bytes), MessageType::kData);
  EXPECT_EQ(link.activity.unanswered_send.load(), 0);

  EXPECT_TRUE(seal(request(keypair, bytes, bytes.size()), kMade + 2s, jobs).wants_watch);
  EXPECT_EQ(classify(bytes), MessageType::kFastData);
  EXPECT_NE(link.activity.unanswered_send.load(), 0);
}

}  // namespace
}  // namespace tunneld::protocol
