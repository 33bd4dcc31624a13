#include "common/protocol/peer/peer_sender.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "common/protocol/data_message.h"
#include "common/protocol/ethernet_message.h"
#include "common/protocol/sealing.h"

namespace tunneld::protocol {

void PeerSender::seal(Keypair& keypair, ByteView plain, Now now, Actions& actions, Leaving leaving) {
  const net::Endpoint* endpoint = link_.endpoint.get();
  if (endpoint == nullptr) return count_drop(Drop::kNoEndpoint, 1);
  const std::size_t padded =
      leaving.probe ? plain.size()
                    : padded_size(plain.size(), std::min(services_.mtu.load(std::memory_order_relaxed),
                                                         link_.path_mtu.load(std::memory_order_relaxed)));
  const MutableBytes datagram = actions.add_datagram(*endpoint, padded + kDataOverhead, false, leaving.lane);
  std::uint8_t* inner = datagram.data() + sizeof(DataHeader);
  if (!plain.empty()) std::memcpy(inner, plain.data(), plain.size());
  std::memset(inner + plain.size(), 0, padded - plain.size());
  crypto::AeadJob job{};
  // A control frame asks for no answer.
  const bool is_data = !plain.empty() && (plain[0] >> 4 != 0 || is_ethernet(plain));
  const SealOutcome outcome = protocol::seal(
      {.keypair = keypair, .datagrams = datagram, .datagram_size = datagram.size(), .is_data = is_data},
      now.boot, std::span(&job, 1));
  if (outcome.is_sealed) {
    TrafficCounters& traffic = link_.traffic[services_.control_thread];
    traffic.sent_packets.add(1);
    traffic.sent_bytes.add(datagram.size());
    if (leaving.probe && *leaving.probe > 0) actions.mark_probe(link_.id, *leaving.probe);
  } else {
    actions.take_back_datagram();
    count_drop(Drop::kExpiredKey, 1);
  }
  if (outcome.wants_watch) watch(now);
  if (outcome.wants_successor) caller_.begin(now, actions);
}

void PeerSender::send_keepalive(Now now, Actions& actions) {
  if (Keypair* keypair = link_.live_keypair(now.boot)) {
    seal(*keypair, {}, now, actions);
  } else {
    caller_.begin(now, actions);
  }
}

bool PeerSender::send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size) {
  Keypair* keypair = link_.live_keypair(now.boot);
  if (keypair == nullptr || !services_.extension.enabled) return false;
  auto bytes = encode(frame);
  if (!bytes) return false;
  bytes->resize(std::max(bytes->size(), plain_size));
  seal(*keypair, *bytes, now, actions);
  return true;
}

void PeerSender::watch(Now now) {
  silence_.watch(hellos_.peer_answers_probes(), now.boot);
  path_.watch(now.boot);
}

void PeerSender::count_drop(Drop reason, std::uint64_t n) {
  services_.drops.count(reason, n);
  link_.traffic[services_.control_thread].drops.add(n);
}

}  // namespace tunneld::protocol
