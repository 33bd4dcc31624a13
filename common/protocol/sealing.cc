#include "common/protocol/sealing.h"

#include <algorithm>
#include <cstring>

#include "common/protocol/data_message.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {
namespace {

/// True once per keypair, for a sender that finds it old enough for a successor.
bool claim_successor(Keypair& keypair, Instant now) {
  const bool is_old = keypair.role == Role::kInitiator && now - keypair.created >= kRekeyAfterTime;
  if (!is_old && keypair.counters_used() < kRekeyAfterMessages) return false;
  return &keypair == keypair.peer.keypair_to_send() && !keypair.rekey_requested.exchange(true);
}

}  // namespace

SealOutcome seal(const SealRequest& request, Instant now, std::span<crypto::AeadJob> jobs) {
  Keypair& keypair = request.keypair;
  const std::size_t count = (request.datagrams.size() + request.datagram_size - 1) / request.datagram_size;
  const auto first = request.lane == 0 ? keypair.take_counters(count)
                                       : keypair.send_lanes.take_counters(request.lane, count);
  SealOutcome outcome;
  outcome.wants_successor = claim_successor(keypair, now);
  if (!first) return outcome;

  const crypto::CipherKey* fast = request.is_data ? keypair.fast_send() : nullptr;
  const MessageType type = fast != nullptr ? MessageType::kFastData : MessageType::kData;
  for (std::size_t i = 0, offset = 0; i < count; ++i) {
    const MutableBytes datagram =
        request.datagrams.subspan(offset, std::min(request.datagram_size, request.datagrams.size() - offset));
    const DataHeader header = DataHeader::make(type, keypair.remote_index, *first + i);
    std::memcpy(datagram.data(), &header, sizeof header);
    jobs[i] = {.data = datagram.data() + sizeof header,
               .length = datagram.size() - kDataOverhead,
               .counter = *first + i};
    offset += datagram.size();
  }
  (fast != nullptr ? *fast : keypair.chacha_send()).seal(jobs.first(count));
  outcome.is_sealed = true;
  outcome.wants_watch = keypair.peer.activity.stamp_sent(now, request.is_data);
  return outcome;
}

}  // namespace tunneld::protocol
