#include "common/protocol/peer/peer_lanes.h"

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

/// While lanes are in use, lane 0 sends at least this often.
constexpr Duration kLaneBeat = 1s;

ControlFrame lane_frame(FrameType type, unsigned lane) {
  return {type, {{"lane", lane}}};
}

std::optional<unsigned> lane_in(const ControlFrame& frame) {
  const auto lane = frame.body.find("lane");
  if (lane == nullptr || !lane->is_number_unsigned()) return std::nullopt;
  const auto number = lane->get<std::uint64_t>();
  return number == 0 || number > kMostLanes ? std::nullopt : std::optional(static_cast<unsigned>(number));
}

}  // namespace

void PeerLanes::offer(Keypair& keypair, unsigned theirs) {
  const unsigned lanes = std::min({services_.extension.capabilities.lanes, theirs, kMostLanes});
  if (lanes > 1) keypair.send_lanes.offer(lanes);
}

void PeerLanes::want(std::uint32_t index, unsigned lane, Now now, Actions& actions) {
  Keypair* keypair = link_.live_keypair(now.boot);
  // Only the newest keypair needs the lane.
  if (keypair == nullptr || keypair->local_index != index || lane == 0 || lane > keypair->send_lanes.count())
    return;
  opening_.want(lane, now.boot);
  ask(now, actions);
}

void PeerLanes::accept(Keypair& keypair, const ControlFrame& frame, Now now, Actions& actions) {
  const auto lane = lane_in(frame);
  if (!lane) return;
  if (frame.type == FrameType::kLane) {
    if (*lane > services_.extension.capabilities.lanes) return;
    keypair.receive_lanes.hear(*lane);  // before the answer: data may follow at once
    if (const auto bytes = encode(lane_frame(FrameType::kLaneAck, *lane)))
      sender_.seal(keypair, *bytes, now, actions);
  } else if (&keypair == link_.live_keypair(now.boot) && opening_.answered(*lane)) {
    keypair.send_lanes.open(*lane);
    beat_at_ = std::min(beat_at_, now.boot + kLaneBeat);
  }
}

void PeerLanes::close() {
  opening_.forget();
  Keypair* keypair = link_.sending.load();
  if (keypair == nullptr) return;
  for (unsigned lane = 1; lane <= keypair->send_lanes.count(); ++lane) keypair->send_lanes.close(lane);
}

void PeerLanes::forget() {
  opening_.forget();
  beat_at_ = kNever;
}

void PeerLanes::advance(Now now, Actions& actions) {
  ask(now, actions);
  beat_on_lane_0(now, actions);
}

void PeerLanes::ask(Now now, Actions& actions) {
  Keypair* keypair = link_.live_keypair(now.boot);
  while (const auto lane = opening_.next(now.boot)) {
    if (keypair == nullptr) return opening_.forget();
    if (const auto bytes = encode(lane_frame(FrameType::kLane, *lane)))
      sender_.seal(*keypair, *bytes, now, actions, {.lane = *lane});
  }
}

void PeerLanes::beat_on_lane_0(Now now, Actions& actions) {
  if (now.boot < beat_at_) return;
  beat_at_ = kNever;
  Keypair* keypair = link_.live_keypair(now.boot);
  if (keypair == nullptr || keypair->send_lanes.open_count() == 0) return;
  beat_at_ = now.boot + kLaneBeat;
  const Instant last(Duration(link_.activity.last_traversal.load()));
  if (now.boot - last < kLaneBeat) sender_.seal(*keypair, {}, now, actions);
}

}  // namespace tunneld::protocol
