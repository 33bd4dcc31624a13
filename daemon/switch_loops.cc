#include "daemon/switch_loops.h"

#include <chrono>
#include <cstdint>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

/// The list in the status document; null if there is none.
const Json* loops_in(const Json& status) {
  const Json& interface = status.at("interface");
  const Json* const layer2 = interface.find("switch");
  return layer2 == nullptr ? nullptr : layer2->find("loops");
}

}  // namespace

std::string in_words(const protocol::Loop& loop, const PortName& name) {
  std::string words = "stations are heard alternately behind " + name(loop.one) + " and " + name(loop.other) +
                      ", for example " + loop.station.address.to_string();
  if (loop.station.vlan != 0) words += " of VLAN " + std::to_string(loop.station.vlan);
  return words +
         ": frames loop, because a second connection joins these two networks, or two machines have the same "
         "address. Remove the second connection, or turn on the spanning tree protocol on the bridges ('stp: "
         "true', or `ip link set dev BRIDGE type bridge stp_state 1`)";
}

Json loops_status(const std::vector<protocol::Loop>& loops, const PortName& name, Instant now) {
  Json all = Json::array();
  for (const protocol::Loop& loop : loops) {
    all.push_back({{"ports", {name(loop.one), name(loop.other)}},
                   {"station", loop.station.address.to_string()},
                   {"vlan", loop.station.vlan},
                   {"seconds", std::chrono::duration_cast<std::chrono::seconds>(now - loop.since).count()},
                   {"words", in_words(loop, name)}});
  }
  return all;
}

std::string render_loops(const Json& status) {
  std::string text;
  if (const Json* loops = loops_in(status)) {
    for (const Json& loop : *loops) text += "LOOP: " + loop.at("words").get<std::string>() + "\n";
  }
  return text;
}

std::vector<Finding> diagnose_loops(const Json& status) {
  std::vector<Finding> findings;
  if (const Json* loops = loops_in(status)) {
    for (const Json& loop : *loops)
      findings.push_back({Health::kBad, "", loop.at("words").get<std::string>()});
  }
  return findings;
}

std::vector<protocol::Loop> LoopLog::worth_telling(const std::vector<protocol::Loop>& loops, Instant now) {
  std::erase_if(told_, [now](const auto& entry) { return now - entry.second >= kTellAgain; });
  std::vector<protocol::Loop> all;
  for (const protocol::Loop& loop : loops) {
    if (told_.contains({loop.one, loop.other}) || !tell_.allow(now)) continue;
    told_[{loop.one, loop.other}] = now;
    all.push_back(loop);
  }
  return all;
}

}  // namespace tunneld::daemon
