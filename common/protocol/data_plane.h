// The state that the control thread and the data workers share, in one place.
#pragma once

#include <memory>
#include <vector>

#include "common/protocol/counters.h"
#include "common/protocol/door.h"
#include "common/protocol/ethernet_switch.h"
#include "common/protocol/index_table.h"
#include "common/protocol/peer/peer_link.h"
#include "common/protocol/quiescence.h"
#include "common/protocol/routing_table.h"
#include "common/protocol/thread_plan.h"

namespace tunneld::protocol {

struct DataPlane {
  /// `layer2`: for a tap.
  DataPlane(std::size_t peers, ThreadPlan plan, RandomBytes random,
            std::unique_ptr<EthernetSwitch> layer2 = nullptr)
      : threads(plan),
        indices(peers, std::move(random), quiescence),
        ethernet(std::move(layer2)),
        drops(plan.count()) {
    for (std::size_t i = 0; i < plan.data_threads(); ++i) doors.push_back(std::make_unique<Door>());
  }

  const ThreadPlan threads;
  Quiescence quiescence;
  IndexTable indices;
  Published<const RoutingTable> routing;
  /// The switch of a tap interface; null: the interface carries IP packets. Set before any worker starts.
  std::unique_ptr<EthernetSwitch> ethernet;
  std::atomic<std::uint32_t> mtu{1420};
  /// net::kMssOff, net::kMssFromPath, or the largest MSS that SYNs may announce through the tunnel, in bytes.
  std::atomic<std::uint32_t> mss_clamp{0};
  std::vector<DropCounters> drops;           ///< by thread
  std::vector<std::unique_ptr<Door>> doors;  ///< by data thread
};

}  // namespace tunneld::protocol
