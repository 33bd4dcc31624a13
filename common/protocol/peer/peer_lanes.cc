// The peer's side of lanes (lanes.h): offered in HELLO, opened one by one when a worker has much to send.
#include <algorithm>

#include "common/protocol/constants.h"
#include "common/protocol/peer/peer.h"

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

void Peer::offer_lanes(Keypair& keypair, unsigned theirs) {
  const unsigned lanes = std::min({services_.extension.capabilities.lanes, theirs, kMostLanes});
  if (lanes > 1) keypair.send_lanes.offer(lanes);
}

void Peer::lane_wanted(std::uint32_t index, unsigned lane, Now now, Actions& actions) {
  Keypair* keypair = live_keypair(now.boot);
  // Only the newest keypair needs the lane.
  if (keypair == nullptr || keypair->local_index != index || lane == 0 || lane > keypair->send_lanes.count())
    return;
  lane_opening_.want(lane, now.boot);
  ask_for_lanes(now, actions);
}

void Peer::ask_for_lanes(Now now, Actions& actions) {
  Keypair* keypair = live_keypair(now.boot);
  while (const auto lane = lane_opening_.next(now.boot)) {
    if (keypair == nullptr) return lane_opening_.forget();
    if (const auto bytes = encode(lane_frame(FrameType::kLane, *lane)))
      seal(*keypair, *bytes, now, actions, {.lane = *lane});
  }
}

void Peer::accept_lane_frame(Keypair& keypair, const ControlFrame& frame, Now now, Actions& actions) {
  const auto lane = lane_in(frame);
  if (!lane) return;
  if (frame.type == FrameType::kLane) {
    if (*lane > services_.extension.capabilities.lanes) return;
    keypair.receive_lanes.hear(*lane);  // before the answer: data may follow at once
    if (const auto bytes = encode(lane_frame(FrameType::kLaneAck, *lane)))
      seal(keypair, *bytes, now, actions);
  } else if (&keypair == live_keypair(now.boot) && lane_opening_.answered(*lane)) {
    keypair.send_lanes.open(*lane);
    lane_beat_at_ = std::min(lane_beat_at_, now.boot + kLaneBeat);
  }
}

void Peer::beat_on_lane_0(Now now, Actions& actions) {
  if (now.boot < lane_beat_at_) return;
  lane_beat_at_ = kNever;
  Keypair* keypair = live_keypair(now.boot);
  if (keypair == nullptr || keypair->send_lanes.open_count() == 0) return;
  lane_beat_at_ = now.boot + kLaneBeat;
  const Instant last(Duration(link_->activity.last_traversal.load()));
  if (now.boot - last < kLaneBeat) seal(*keypair, {}, now, actions);
}

void Peer::close_lanes() {
  lane_opening_.forget();
  Keypair* keypair = link_->sending.load();
  if (keypair == nullptr) return;
  for (unsigned lane = 1; lane <= keypair->send_lanes.count(); ++lane) keypair->send_lanes.close(lane);
}

}  // namespace tunneld::protocol
